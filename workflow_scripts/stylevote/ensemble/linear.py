"""A weighted sum of the members' values, and the search of its penalty: what the linear combiners share."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stylevote.ensemble.stack import Stack, Stacker, check_members, log_loss, out_of_fold_scores
from stylevote.errors import InputError
from stylevote.metrics import best_threshold

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightedSum:
    """One of the ``weights`` (members,) for each member's value, and an ``intercept``."""

    weights: np.ndarray
    intercept: float

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of ``values`` (photos, members): float64, shape (photos,).

        Raises:
            InputError: they are of another number of members.
        """
        check_members(values, len(self.weights), "there are weights")
        return values @ self.weights + self.intercept

    def to_bytes(self) -> bytes:
        """Return weights and intercept as JSON, every digit kept."""
        return (json.dumps({"weights": self.weights.tolist(), "intercept": self.intercept}) + "\n").encode()


def read_weighted_sum(raw: bytes) -> WeightedSum:
    """Return what `WeightedSum.to_bytes` wrote; `InputError` where the bytes are something else."""
    try:
        found = json.loads(raw)
        weights, intercept = np.array(found["weights"], dtype=np.float64), float(found["intercept"])
        if weights.ndim != 1 or not np.isfinite([*weights, intercept]).all():
            raise ValueError("no list of finite numbers")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError('found no weighted sum, expected {"weights": [...], "intercept": ...}') from error
    return WeightedSum(weights, intercept)


def search_alpha(
    fit: Callable[[np.ndarray, np.ndarray, list[float]], Sequence[Stacker]],
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    alphas: list[float],
    loss: str,
    beta: float,
) -> Stack:
    """Fit a stacker a fold, on the other folds' photos, at every penalty, and keep the penalty of lowest loss.

    The loss that a fit minimizes chooses, too, of the pooled out-of-fold scores: a rare label's F2 hangs on a few
    photos, and would choose among near equals by chance. Of equals the first counts.

    Args:
        fit: returns a stacker per penalty, of features (photos, members), 0/1 labels (photos,) and the penalties.
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least two different ones.
        alphas: the penalties to try.
        loss: ``logloss`` or ``squared_error``, which chooses.
        beta: of the F-beta in the grid.

    Returns:
        the chosen penalty's stackers, in the order of the fold numbers, and their scores; the grid has the columns
        alpha, f_beta, threshold, logloss, squared_error (both means over the photos) and chosen.
    """
    numbers = np.unique(folds)
    for fold in numbers:
        share = float(labels[folds != fold].mean())
        if share in (0.0, 1.0):
            logger.info("fold %d: learns from photos of which %d %% have the label: a constant", fold, 100 * share)
    stacks, rows = [], []
    by_fold = [fit(features[folds != fold], labels[folds != fold], alphas) for fold in numbers]
    for alpha, *stackers in zip(alphas, *by_fold, strict=True):
        scores = out_of_fold_scores(stackers, features, folds)
        threshold, reached = best_threshold(labels, scores, beta)
        errors = {"logloss": log_loss(labels, scores), "squared_error": float(np.mean((scores - labels) ** 2.0))}
        stacks.append((stackers, scores))
        rows.append({"alpha": float(alpha), "f_beta": reached, "threshold": threshold} | errors)
    grid = pd.DataFrame(rows)
    chosen = int(grid[loss].argmin())
    stackers, scores = stacks[chosen]
    return Stack(stackers, scores, grid.assign(chosen=grid.index == chosen))
