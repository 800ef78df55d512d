"""Gradient-boosted trees that learn one label from its members' out-of-fold scores."""

import itertools
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb

from stylevote.ensemble.log_odds import MIN_PROBABILITY
from stylevote.ensemble.stack import FittedStack, log_loss
from stylevote.errors import InputError
from stylevote.metrics import BETA, best_threshold

# XGBoost's default of 2018. Later versions start from the label's prevalence p. A rare label's photos then weigh so
# little (p (1 - p) each) that no leaf of them reaches a `min_child_weight` of 1, and nothing is learned.
BASE_SCORE = 0.5

HEATS = [(8_000, 15), (24_000, 3)]  # of the race: photos of a heat, and pairs of depth and weight that it leaves
ENOUGH = 20  # sampled photos per photo of the rarer class that are as good as all photos
LEVELS, BINS = 256, 64  # quantiles that a sample's bins can end at (as many as XGBoost's own), and bins of a sample
MIN_HARDNESS = 0.02  # added to every photo's hardness, as a share of the mean hardness
PILOT = {"eta": 0.3, "max_depth": 2}
PILOT_ROUNDS = 50

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Boosted:
    """A stacker that is a booster."""

    booster: xgb.Booster

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the booster's probabilities for ``features`` (photos, members): float32, shape (photos,)."""
        return self.booster.inplace_predict(features)

    def to_bytes(self) -> bytes:
        """Return the booster in XGBoost's own binary format (UBJSON)."""
        return bytes(self.booster.save_raw("ubj"))


def load(raw: bytes, threads: int = 1) -> Boosted:
    """Return the stacker that `Boosted.to_bytes` wrote, to predict with ``threads`` threads.

    Raises:
        InputError: the bytes are no booster.
    """
    booster = xgb.Booster({"nthread": threads})
    try:
        booster.load_model(bytearray(raw))
    except xgb.core.XGBoostError as error:
        raise InputError("found no booster, expected one in XGBoost's binary format") from error
    return Boosted(booster)


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
    choose: str = "label",
    beta: float = BETA,
    threads: int = 1,
) -> FittedStack:
    """Fit one booster per fold at the grid's points. Keep the point of highest out-of-fold F-beta.

    This is stacked generalization (Wolpert 1992) by XGBoost (Chen & Guestrin 2016), as Ding & Wan (2018) combine their
    CNNs. A fold's booster learns from the photos of the other folds, stops early on the fold's own photos, and scores
    them. The F-beta of a point is that of these scores, pooled, at their best threshold; ties go to the first point.
    If all photos to learn from have the label, or none has, the booster is a constant, their prevalence.

    The race is successive halving (Jamieson & Talwalkar 2016) with photos as the budget. Pairs of max_depth and
    min_child_weight compete at the highest eta on a `sample` of the photos, the better ones on a larger sample, and the
    best at every eta on all photos. For a rare label, a sample is as good as all photos: there are no heats, and all
    points are fitted on the sample. With no more photos than the first heat has, the race searches all points.

    Args:
        grid: values of ``eta``, ``max_depth`` and ``min_child_weight`` to combine.
        rounds: maximum number of trees.
        patience: a booster stops when its log loss on the fold has not fallen for this many trees. It keeps the trees
            up to the lowest loss.
        seed: of XGBoost.
        search: ``race``, or ``all`` to fit every point on all photos.
        choose: ``label``, or ``fold`` to keep for each fold the point of highest F-beta on the fold's own photos.
        threads: boosters to fit at once, each on one thread. It makes no difference to the result.

    Returns:
        the chosen points' stack. The grid has the columns eta, max_depth, min_child_weight, f_beta, threshold, logloss
        (of the pooled scores), rounds (trees kept, mean over folds), heat_f_beta (of the point's last heat, or NaN),
        photos (of its last fits; 0 if it was never fitted) and chosen. For points that did not reach the end of the
        race, f_beta, threshold, logloss and rounds are NaN.
    """
    settings = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "base_score": BASE_SCORE,
        "tree_method": "hist",
        "seed": seed,
        # The threads of one fit would wait for each other several times per tree. Fits on one thread each never wait.
        "nthread": 1,
    }
    *heats, final = heat_sizes(labels) if search == "race" else [len(labels)]
    sampled = min([final, *heats]) < len(labels)
    with ThreadPoolExecutor(threads) as pool:  # XGBoost computes without holding Python's lock
        race = _Race(
            features=features,
            labels=labels,
            folds=folds,
            hardness=_hardness(features, labels, settings) if sampled else None,
            points=grid_points(grid),
            settings=settings,
            rounds=rounds,
            patience=patience,
            beta=beta,
            pool=pool,
        )
        for photos, (_, pairs_left) in zip(heats, HEATS, strict=False):
            race.run_heat(photos, pairs_left)
        chosen, best = race.run_final(final, choose)
    stackers = [Boosted(booster) for booster in best.boosters]
    return FittedStack(stackers, best.scores, race.table.assign(chosen=race.table.index.isin(chosen)))


def grid_points(grid: dict[str, list[float]]) -> list[dict[str, float]]:
    """Return every combination of the grid's values, ``min_child_weight`` varying fastest."""
    names = ["eta", "max_depth", "min_child_weight"]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(grid[name] for name in names))]


def heat_sizes(labels: np.ndarray) -> list[int]:
    """Return the number of photos of each heat of a race for ``labels`` (photos,), and last that of the final."""
    rarer = int(min(labels.sum(), len(labels) - labels.sum()))
    heats = []
    for photos, _ in HEATS:
        if photos >= len(labels):
            break
        heats.append(photos)
        if photos >= ENOUGH * rarer:
            return heats
    return [*heats, len(labels)]


@dataclass(frozen=True)
class _Fitted:
    """``boosters``, one per fold, their pooled ``scores`` (photos,), and the best threshold of these."""

    boosters: list[xgb.Booster]
    scores: np.ndarray
    threshold: float
    f_beta: float


@dataclass(frozen=True)
class _Split:
    """One fold's matrices, shared by all points; ``held_out`` (photos,) marks the fold's photos.

    A booster learns from ``training``, stops early by ``stopping``, and scores the whole fold, ``validation``.
    """

    held_out: np.ndarray
    training: xgb.DMatrix
    stopping: xgb.DMatrix
    validation: xgb.DMatrix
    prevalence: float


@dataclass
class _Race:
    """The search for a label's best point.

    Attributes:
        points: of the grid; a point is known by its position here.
        racing: points that no heat has ruled out yet.
        table: results of each point so far; see `fit`.
        hardness: see `sample`; None if no heat needs a sample.
        pool: fits boosters side by side.
    """

    features: np.ndarray
    labels: np.ndarray
    folds: np.ndarray
    hardness: np.ndarray | None
    points: list[dict[str, float]]
    settings: dict[str, Any]
    rounds: int
    patience: int
    beta: float
    pool: ThreadPoolExecutor

    def __post_init__(self) -> None:
        self.racing = list(range(len(self.points)))
        unknown = dict.fromkeys(["f_beta", "threshold", "logloss", "rounds", "heat_f_beta"], np.nan)
        self.table = pd.DataFrame(self.points).assign(**unknown, photos=0)

    def run_heat(self, photos: int, pairs_left: int) -> None:
        """Leave only the points of the best ``pairs_left`` pairs of depth and weight in the race."""
        if len({self._pair(number) for number in self.racing}) <= pairs_left:
            return
        highest_eta = max(point["eta"] for point in self.points)
        runners = [number for number in self.racing if self.points[number]["eta"] == highest_eta]
        f_betas = {number: fitted.f_beta for number, fitted in self._fit_points(runners, photos)}
        self.table.loc[runners, "heat_f_beta"] = list(f_betas.values())
        best = sorted(runners, key=f_betas.get, reverse=True)[:pairs_left]
        pairs = {self._pair(number) for number in best}
        self.racing = [number for number in self.racing if self._pair(number) in pairs]

    def run_final(self, photos: int, choose: str) -> tuple[list[int], _Fitted]:
        """Fit all points that are still racing; return the best point's position and fit, or those of each fold."""
        everything = np.ones(len(self.labels), dtype=bool)
        parts = [everything] if choose == "label" else [self.folds == fold for fold in np.unique(self.folds)]
        chosen, f_betas, kept = [-1] * len(parts), [-1.0] * len(parts), [None] * len(parts)
        for number, fitted in self._fit_points(self.racing, photos):
            for k, part in enumerate(parts):
                _, found = best_threshold(self.labels[part], fitted.scores[part], self.beta)
                if found > f_betas[k]:
                    chosen[k], f_betas[k], kept[k] = number, found, fitted
            trees = float(np.mean([booster.num_boosted_rounds() for booster in fitted.boosters]))
            row = [fitted.f_beta, fitted.threshold, log_loss(self.labels, fitted.scores), trees]
            self.table.loc[number, ["f_beta", "threshold", "logloss", "rounds"]] = row
        best = kept[0]
        if choose == "fold":
            scores = np.select(parts, [fitted.scores for fitted in kept])
            boosters = [fitted.boosters[k] for k, fitted in enumerate(kept)]
            best = _Fitted(boosters, scores, *best_threshold(self.labels, scores, self.beta))
        return chosen, best

    def _pair(self, number: int) -> tuple[float, float]:
        return self.points[number]["max_depth"], self.points[number]["min_child_weight"]

    def _fit_points(self, numbers: list[int], photos: int) -> Iterator[tuple[int, _Fitted]]:
        """Yield the fits of some points on all photos, or on a sample of this many; one point's at a time."""
        logger.info("%d points on %d photos", len(numbers), photos)
        self.table.loc[numbers, "photos"] = photos
        splits = self._split_folds(photos)
        jobs = [(self.settings | self.points[number], split) for number in numbers for split in splits]
        fits = self.pool.map(lambda job: _fit_booster(*job, self.rounds, self.patience), jobs)
        for number in numbers:
            boosters, scores = [], np.empty(len(self.labels), dtype=np.float32)
            for split in splits:
                booster, scores[split.held_out] = next(fits)
                boosters.append(booster)
            yield number, _Fitted(boosters, scores, *best_threshold(self.labels, scores, self.beta))

    def _split_folds(self, photos: int) -> list[_Split]:
        """Return each fold's matrices, of all photos or of a sample of this many."""
        features, labels, folds = self.features, self.labels, self.folds
        places = None
        if photos < len(labels):
            places, weights = sample(self.hardness, labels, folds, photos)
            edges = xgb.QuantileDMatrix(_bin_edges(features, features[places]), nthread=1)
        splits = []
        for fold in np.unique(folds):
            held_out = folds == fold
            prevalence = float(labels[~held_out].mean())
            if prevalence in (0.0, 1.0):
                share = 100 * prevalence
                logger.info("fold %d: learns from photos of which %d %% have the label: a constant", fold, share)
            elif not labels[held_out].any():
                logger.info("fold %d: none of its photos has the label: early stopping sees no positives", fold)
            validation = xgb.DMatrix(features[held_out], labels[held_out], nthread=1)
            if places is None:
                training = xgb.QuantileDMatrix(features[~held_out], labels[~held_out], nthread=1)
                stopping = validation
            else:
                inside = folds[places] != fold
                learned, stopped = places[inside], places[~inside]
                training = xgb.QuantileDMatrix(
                    features[learned], labels[learned], weight=weights[inside], ref=edges, nthread=1
                )
                stopping = xgb.DMatrix(features[stopped], labels[stopped], weight=weights[~inside], nthread=1)
            splits.append(_Split(held_out, training, stopping, validation, prevalence))
        return splits


def _fit_booster(settings: dict[str, Any], split: _Split, rounds: int, patience: int) -> tuple[xgb.Booster, np.ndarray]:
    """Return a booster of the trees to keep, and its scores for the fold's photos."""
    if split.prevalence in (0.0, 1.0):
        constant = float(np.clip(split.prevalence, MIN_PROBABILITY, 1 - MIN_PROBABILITY))  # XGBoost takes no 0 or 1
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


def sample(hardness: np.ndarray, labels: np.ndarray, folds: np.ndarray, photos: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a weighted sample whose sums over photos are close to the sums over all photos.

    A photo's chance to be drawn is proportional to its hardness (the size of its gradient), up to certainty: minimal
    variance sampling (Ibragimov & Gusev 2019). The sample is drawn systematically in the order of fold, label and
    hardness, without randomness, so that each of them has its share.

    Args:
        hardness: of each photo, in 0..1, shape (photos,).
        labels: 0/1, shape (photos,).
        folds: shape (photos,).
        photos: how many to draw; fewer than there are.

    Returns:
        positions of the drawn photos, ascending, and their weights (float64, in the same shape): 1 / chance.
    """
    mass = hardness + MIN_HARDNESS * hardness.mean()
    chance, certain = np.zeros(len(mass)), np.zeros(len(mass), dtype=bool)
    while (over := chance >= 1).sum() > certain.sum() or not chance.any():
        certain = over
        chance = np.where(certain, 1, mass * (photos - certain.sum()) / mass[~certain].sum())
    order = np.lexsort((hardness, labels, folds))
    drawn = np.diff(np.floor(np.cumsum(chance[order]) + 0.5), prepend=0) > 0
    places = np.sort(order[drawn])
    return places, 1 / chance[places]


def _hardness(features: np.ndarray, labels: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """Return the distance of a few trees' scores, fitted on all photos, from the labels: float64 in 0..1, (photos,)."""
    matrix = xgb.QuantileDMatrix(features, labels, nthread=1)
    pilot = xgb.train(settings | PILOT, matrix, num_boost_round=PILOT_ROUNDS)
    return np.abs(labels - pilot.predict(matrix).astype(np.float64))


def _bin_edges(features: np.ndarray, sampled: np.ndarray) -> np.ndarray:
    """Return the upper edges of a sample's bins, shape (bins + 1, members).

    They are the sample's own quantiles, moved up to the quantiles of all photos at which XGBoost would split. The bins
    are fine where hard photos are, and never finer than XGBoost's.
    """
    levels = np.quantile(features, np.linspace(0, 1, LEVELS + 1), axis=0, method="higher")
    edges = np.quantile(sampled, np.linspace(0, 1, BINS + 1), axis=0, method="higher")
    columns = zip(levels.T, edges.T, strict=True)
    return np.stack([column[np.searchsorted(column, values)] for column, values in columns], axis=1)
