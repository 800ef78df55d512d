"""Gradient-boosted trees that learn one label from its members' out-of-fold scores."""

import itertools
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xgboost as xgb

from stylevote.ensemble.stack import Stack, log_loss
from stylevote.metrics import BETA, best_cut
from stylevote.program import InputError

LEAST_PREVALENCE = 1e-6  # of a booster without trees: xgboost takes no base score of 0 or 1

# What XGBoost assumed in 2018. Later versions start from the label's prevalence: a rare label's photos then weigh so
# little (p (1 - p) each) that no leaf of them reaches a `min_child_weight` of 1, and nothing is learned.
BASE_SCORE = 0.5

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
    """One fold's matrices, shared by all grid points; ``held_out`` (photos,) marks the fold's photos."""

    held_out: np.ndarray
    training: xgb.DMatrix
    validation: xgb.DMatrix
    prevalence: float


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    grid: dict[str, list[float]],
    rounds: int,
    patience: int,
    seed: int,
    beta: float = BETA,
    threads: int = 1,
) -> Stack:
    """Fit one booster a fold at every grid point and keep the point of highest out-of-fold F-beta.

    Stacked generalization (Wolpert 1992) by XGBoost (Chen & Guestrin 2016), as Ding & Wan (2018) combine their CNNs: a
    fold's booster learns from the other folds' photos, stops early on the fold's own, and scores them. A grid point's
    F-beta is that of these scores, pooled, at their best threshold; of equal points the first in the grid's order
    counts.
    Where the photos to learn from all have the label, or none has, the booster is the constant of their prevalence.

    Args:
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least two different ones.
        grid: the values of ``eta``, ``max_depth`` and ``min_child_weight`` to combine.
        rounds: the most trees a booster may have.
        patience: a booster stops when its log loss on the fold has not fallen for so many trees; it keeps those up to
            the lowest.
        seed: of XGBoost.
        beta: weight of recall against precision.
        threads: how many boosters to fit at once, each on one thread: it makes no difference to the result.

    Returns:
        the chosen point's boosters, in the order of the fold numbers, and their scores; the grid has the columns eta,
        max_depth, min_child_weight, f_beta, threshold, logloss (of the pooled scores), rounds (trees kept, mean over
        folds) and chosen.
    """
    splits = [_split(features, labels, folds, fold) for fold in np.unique(folds)]
    fixed = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "base_score": BASE_SCORE,
        "tree_method": "hist",
        "seed": seed,
        # Threads of one fit wait for each other, spinning, several times a tree; whole fits side by side never do.
        "nthread": 1,
    }
    points, rows, best = grid_points(grid), [], -1.0
    with ThreadPoolExecutor(threads) as pool:  # XGBoost computes without holding Python's lock
        fits = pool.map(
            lambda job: _fit_booster(job[1], fixed | job[0], rounds, patience), itertools.product(points, splits)
        )
        for number, point in enumerate(points):
            fitted = list(itertools.islice(fits, len(splits)))
            pooled = np.empty(len(labels), dtype=np.float32)
            for split, (_, fold_scores) in zip(splits, fitted, strict=True):
                pooled[split.held_out] = fold_scores
            threshold, reached = best_cut(labels, pooled, beta)
            boosters = [booster for booster, _ in fitted]
            if reached > best:
                best, chosen, kept, scores = reached, number, boosters, pooled
            trees = float(np.mean([booster.num_boosted_rounds() for booster in boosters]))
            rows.append(
                point
                | {"f_beta": reached, "threshold": threshold, "logloss": log_loss(labels, pooled), "rounds": trees}
            )
    table = pd.DataFrame(rows)
    return Stack([Boosted(booster) for booster in kept], scores, table.assign(chosen=table.index == chosen))


def grid_points(grid: dict[str, list[float]]) -> list[dict[str, float]]:
    """Return every combination of the grid's values, ``min_child_weight`` varying fastest."""
    names = ["eta", "max_depth", "min_child_weight"]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(grid[name] for name in names))]


def _split(features: np.ndarray, labels: np.ndarray, folds: np.ndarray, fold: int) -> Split:
    held_out = folds == fold
    prevalence = float(labels[~held_out].mean())
    if prevalence in (0.0, 1.0):
        logger.info("fold %d: learns from photos of which %d %% have the label: a constant", fold, 100 * prevalence)
    elif not labels[held_out].any():
        logger.info("fold %d: none of its photos has the label: early stopping sees only photos without it", fold)
    training = xgb.QuantileDMatrix(features[~held_out], labels[~held_out], nthread=1)
    validation = xgb.DMatrix(features[held_out], labels[held_out], nthread=1)
    return Split(held_out, training, validation, prevalence)


def _fit_booster(split: Split, settings: dict, rounds: int, patience: int) -> tuple[xgb.Booster, np.ndarray]:
    """Return a booster of the trees to keep, and its scores of the fold's photos."""
    if split.prevalence in (0.0, 1.0):
        constant = float(np.clip(split.prevalence, LEAST_PREVALENCE, 1 - LEAST_PREVALENCE))
        booster = xgb.train(settings | {"base_score": constant}, split.training, num_boost_round=0)
    else:
        booster = xgb.train(
            settings,
            split.training,
            num_boost_round=rounds,
            evals=[(split.validation, "fold")],
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
