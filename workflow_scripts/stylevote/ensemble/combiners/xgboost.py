"""Gradient-boosted trees that learn one label from its members' out-of-fold scores."""

import itertools
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xgboost as xgb

from stylevote.ensemble.stack import Stack, log_loss
from stylevote.errors import InputError
from stylevote.metrics import BETA, best_threshold

MIN_PREVALENCE = 1e-6  # of a booster without trees: xgboost takes no base score of 0 or 1

# What XGBoost assumed in 2018. Later versions start from the label's prevalence: a rare label's photos then weigh so
# little (p (1 - p) each) that no leaf of them reaches a `min_child_weight` of 1, and nothing is learned.
BASE_SCORE = 0.5

HEATS = [(8_000, 15), (24_000, 3)]  # of the race: photos of the heat, and pairs of depth and weight that it leaves
ENOUGH = 20  # sampled photos for each photo of the rarer kind (with the label, or without): as good as all photos
LEVELS, BINS = 256, 64  # quantiles among which a sample's bins end (as many as XGBoost's own), and how many bins it has
EVENLY = 0.02  # hardness, as a share of the mean one, that every photo is taken to have
PILOT = {"eta": 0.3, "max_depth": 2}
PILOT_ROUNDS = 50

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Boosted:
    """A booster, as a stacker."""

    booster: xgb.Booster

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the booster's probabilities for ``features`` (photos, members): float32, shape (photos,)."""
        return self.booster.inplace_predict(features)

    def to_bytes(self) -> bytes:
        """Return the booster in XGBoost's own binary form (UBJSON)."""
        return bytes(self.booster.save_raw("ubj"))


@dataclass(frozen=True)
class Split:
    """One fold's matrices, shared by all grid points; ``held_out`` (photos,) marks the fold's photos.

    A booster learns from ``training``, stops early by ``stopping``, and scores the whole fold, ``validation``.
    """

    held_out: np.ndarray
    training: xgb.DMatrix
    stopping: xgb.DMatrix
    validation: xgb.DMatrix
    prevalence: float


@dataclass(frozen=True)
class Fitted:
    """A grid point's ``boosters``, one per fold, their pooled ``scores`` (photos,), and these scores' best cut."""

    boosters: list[xgb.Booster]
    scores: np.ndarray
    threshold: float
    f_beta: float


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    grid: dict[str, list[float]],
    rounds: int,
    patience: int,
    seed: int,
    search: str = "race",
    beta: float = BETA,
    threads: int = 1,
) -> Stack:
    """Fit one booster a fold at the grid's points and keep the point of highest out-of-fold F-beta.

    Stacked generalization (Wolpert 1992) by XGBoost (Chen & Guestrin 2016), as Ding & Wan (2018) combine their CNNs: a
    fold's booster learns from the other folds' photos, stops early on the fold's own, and scores them. A grid point's
    F-beta is that of these scores, pooled, at their best threshold; of equal points the first in the grid's order
    counts.
    Where the photos to learn from all have the label, or none has, the booster is the constant of their prevalence.

    The race is successive halving (Jamieson & Talwalkar 2016) with photos as the budget: pairs of max_depth and
    min_child_weight compete at the highest eta on a `sample` of the photos, the better ones on a larger sample, and the
    best at every eta on all photos. A rare label needs no heats: a sample is as good as all photos, and all points are
    fitted on it. Where there are no more photos than in the first heat, the race is the search of all points.

    Args:
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least two different ones.
        grid: the values of ``eta``, ``max_depth`` and ``min_child_weight`` to combine.
        rounds: the most trees a booster may have.
        patience: a booster stops when its log loss on the fold has not fallen for so many trees; it keeps those up to
            the lowest.
        seed: of XGBoost.
        search: ``race``, or ``all`` to fit every point on all photos.
        beta: weight of recall against precision.
        threads: how many boosters to fit at once, each on one thread: it makes no difference to the result.

    Returns:
        the chosen point's boosters, in the order of the fold numbers, and their scores; the grid has the columns eta,
        max_depth, min_child_weight, f_beta, threshold, logloss (of the pooled scores), rounds (trees kept, mean over
        folds), heat_f_beta (of the last heat that the point ran in; else NaN), photos (of its last fits; 0 if it has
        none) and chosen. Of points that did not come to the race's end, f_beta, threshold, logloss and rounds are NaN.
    """
    settings = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "base_score": BASE_SCORE,
        "tree_method": "hist",
        "seed": seed,
        # Threads of one fit wait for each other, spinning, several times a tree; whole fits side by side never do.
        "nthread": 1,
    }
    points = grid_points(grid)
    racing, table = list(range(len(points))), pd.DataFrame(points)
    table = table.assign(f_beta=np.nan, threshold=np.nan, logloss=np.nan, rounds=np.nan, heat_f_beta=np.nan, photos=0)
    *heats, last = sizes(labels) if search == "race" else [len(labels)]
    hardness = _hardness(features, labels, settings) if min([last, *heats]) < len(labels) else None
    with ThreadPoolExecutor(threads) as pool:  # XGBoost computes without holding Python's lock

        def fitted(numbers: list[int], photos: int) -> Iterator[tuple[int, Fitted]]:
            logger.info("%d points on %d photos", len(numbers), photos)
            table.loc[numbers, "photos"] = photos
            splits = _splits(features, labels, folds, hardness, photos)
            jobs = [(settings | points[number], split) for number in numbers for split in splits]
            fits = pool.map(lambda job: _fit_booster(*job, rounds, patience), jobs)
            for number in numbers:
                yield number, _pool(labels, splits, list(itertools.islice(fits, len(splits))), beta)

        for photos, (_, left) in zip(heats, HEATS, strict=False):
            if len({_pair(points[number]) for number in racing}) > left:
                runners = [number for number in racing if points[number]["eta"] == max(grid["eta"])]
                reached = {number: one.f_beta for number, one in fitted(runners, photos)}
                table.loc[runners, "heat_f_beta"] = list(reached.values())
                best_pairs = {_pair(points[number]) for number in sorted(runners, key=reached.get, reverse=True)[:left]}
                racing = [number for number in racing if _pair(points[number]) in best_pairs]
        best = -1.0
        for number, one in fitted(racing, last):
            if one.f_beta > best:
                best, chosen, kept = one.f_beta, number, one
            trees = float(np.mean([booster.num_boosted_rounds() for booster in one.boosters]))
            found = [one.f_beta, one.threshold, log_loss(labels, one.scores), trees]
            table.loc[number, ["f_beta", "threshold", "logloss", "rounds"]] = found
    stackers = [Boosted(booster) for booster in kept.boosters]
    return Stack(stackers, kept.scores, table.assign(chosen=table.index == chosen))


def grid_points(grid: dict[str, list[float]]) -> list[dict[str, float]]:
    """Return every combination of the grid's values, ``min_child_weight`` varying fastest."""
    names = ["eta", "max_depth", "min_child_weight"]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(grid[name] for name in names))]


def _pair(point: dict[str, float]) -> tuple[float, float]:
    return point["max_depth"], point["min_child_weight"]


def sizes(labels: np.ndarray) -> list[int]:
    """Return how many photos each heat of a race for ``labels`` (photos,) has, and last how many decide it."""
    rarer = int(min(labels.sum(), len(labels) - labels.sum()))
    heats = []
    for photos, _ in HEATS:
        if photos >= len(labels):
            break
        heats.append(photos)
        if photos >= ENOUGH * rarer:
            return heats
    return [*heats, len(labels)]


def _hardness(features: np.ndarray, labels: np.ndarray, settings: dict) -> np.ndarray:
    """Return how far a few trees, fitted on all photos, are from each photo's label: float64 in 0..1, (photos,)."""
    matrix = xgb.QuantileDMatrix(features, labels, nthread=1)
    pilot = xgb.train(settings | PILOT, matrix, num_boost_round=PILOT_ROUNDS)
    return np.abs(labels - pilot.predict(matrix).astype(np.float64))


def sample(hardness: np.ndarray, labels: np.ndarray, folds: np.ndarray, photos: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a sample with which a weighted sum over photos hardly differs from that over all: places, and weights.

    A photo's chance is proportional to its hardness, which is its gradient, up to certainty: minimal variance sampling
    (Ibragimov & Gusev 2019). The sample is drawn systematically in the order of fold, label and hardness, without any
    randomness, so that each of them has its due share.

    Args:
        hardness: of each photo, in 0..1, shape (photos,).
        labels: 0/1, shape (photos,).
        folds: shape (photos,).
        photos: how many to draw; fewer than there are.

    Returns:
        the drawn photos' places, rising, and their weights: one over the chance to be drawn, float64; same shape.
    """
    due = hardness + EVENLY * hardness.mean()
    chance, certain = np.zeros(len(due)), np.zeros(len(due), dtype=bool)
    while (over := chance >= 1).sum() > certain.sum() or not chance.any():
        certain = over
        chance = np.where(certain, 1, due * (photos - certain.sum()) / due[~certain].sum())
    order = np.lexsort((hardness, labels, folds))
    drawn = np.diff(np.floor(np.cumsum(chance[order]) + 0.5), prepend=0) > 0
    places = np.sort(order[drawn])
    return places, 1 / chance[places]


def _edges(features: np.ndarray, sampled: np.ndarray) -> np.ndarray:
    """Return the upper edges of a sample's bins, shape (bins + 1, members): its own quantiles, moved up to those of all
    photos that XGBoost would split at: fine where hard photos lie, and nowhere finer than XGBoost's.
    """
    levels = np.quantile(features, np.linspace(0, 1, LEVELS + 1), axis=0, method="higher")
    wanted = np.quantile(sampled, np.linspace(0, 1, BINS + 1), axis=0, method="higher")
    columns = zip(levels.T, wanted.T, strict=True)
    return np.stack([column[np.searchsorted(column, values)] for column, values in columns], axis=1)


def _splits(
    features: np.ndarray, labels: np.ndarray, folds: np.ndarray, hardness: np.ndarray | None, photos: int
) -> list[Split]:
    """Return each fold's matrices, of all photos or of a sample of so many."""
    if photos < len(labels):
        places, weights = sample(hardness, labels, folds, photos)
        edges = xgb.QuantileDMatrix(_edges(features, features[places]), nthread=1)
    splits = []
    for fold in np.unique(folds):
        held_out = folds == fold
        prevalence = float(labels[~held_out].mean())
        if prevalence in (0.0, 1.0):
            logger.info("fold %d: learns from photos of which %d %% have the label: a constant", fold, 100 * prevalence)
        elif not labels[held_out].any():
            logger.info("fold %d: none of its photos has the label: early stopping sees only photos without it", fold)
        validation = xgb.DMatrix(features[held_out], labels[held_out], nthread=1)
        if photos < len(labels):
            inside = folds[places] != fold
            learned, stopped = places[inside], places[~inside]
            training = xgb.QuantileDMatrix(
                features[learned], labels[learned], weight=weights[inside], ref=edges, nthread=1
            )
            stopping = xgb.DMatrix(features[stopped], labels[stopped], weight=weights[~inside], nthread=1)
        else:
            training = xgb.QuantileDMatrix(features[~held_out], labels[~held_out], nthread=1)
            stopping = validation
        splits.append(Split(held_out, training, stopping, validation, prevalence))
    return splits


def _pool(labels: np.ndarray, splits: list[Split], fitted: list[tuple[xgb.Booster, np.ndarray]], beta: float) -> Fitted:
    """Return a grid point of its folds' boosters and scores."""
    scores = np.empty(len(labels), dtype=np.float32)
    for split, (_, fold_scores) in zip(splits, fitted, strict=True):
        scores[split.held_out] = fold_scores
    return Fitted([booster for booster, _ in fitted], scores, *best_threshold(labels, scores, beta))


def _fit_booster(settings: dict, split: Split, rounds: int, patience: int) -> tuple[xgb.Booster, np.ndarray]:
    """Return a booster of the trees to keep, and its scores of the fold's photos."""
    if split.prevalence in (0.0, 1.0):
        constant = float(np.clip(split.prevalence, MIN_PREVALENCE, 1 - MIN_PREVALENCE))
        booster = xgb.train(settings | {"base_score": constant}, split.training, num_boost_round=0)
    else:
        booster = xgb.train(
            settings,
            split.training,
            num_boost_round=rounds,
            evals=[(split.stopping, "fold")],
            early_stopping_rounds=patience,
            verbose_eval=False,
        )
        booster = booster[: booster.best_iteration + 1]
    return booster, booster.predict(split.validation)


def load(raw: bytes, threads: int = 1) -> Boosted:
    """Return the stacker that `Boosted.to_bytes` wrote, to predict with ``threads`` threads.

    Raises:
        InputError: the bytes are no booster.
    """
    booster = xgb.Booster({"nthread": threads})
    try:
        booster.load_model(bytearray(raw))
    except xgb.core.XGBoostError as error:
        raise InputError("found no booster, expected one in XGBoost's binary form") from error
    return Boosted(booster)
