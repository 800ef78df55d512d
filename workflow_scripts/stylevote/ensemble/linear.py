"""Weighted sums of the members' values, and the search for their penalty: the common part of the linear combiners."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from stylevote.ensemble.stack import FittedStack, Stacker, check_members, log_loss, out_of_fold_scores
from stylevote.errors import InputError
from stylevote.metrics import best_threshold

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightedSum:
    """A stacker's weights and intercept. Subclasses make ``scores`` of the weighted sum.

    Attributes:
        weights: one per member, shape (members,).
        intercept: number that is added to the sum.
    """

    weights: np.ndarray
    intercept: float

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of ``values`` (photos, members): float64, shape (photos,).

        Raises:
            InputError: the values are of another number of members.
        """
        check_members(values, len(self.weights), "there are weights")
        return values @ self.weights + self.intercept

    def to_bytes(self) -> bytes:
        """Return weights and intercept as JSON, with every digit."""
        return (json.dumps({"weights": self.weights.tolist(), "intercept": self.intercept}) + "\n").encode()

    @classmethod
    def load(cls, raw: bytes, threads: int = 1) -> Self:  # noqa: ARG003 (all combiners are loaded with the same)
        """Return the stacker that `to_bytes` wrote; raise `InputError` for other bytes."""
        try:
            stored = json.loads(raw)
            weights, intercept = np.array(stored["weights"], dtype=np.float64), float(stored["intercept"])
            if weights.ndim != 1 or not np.isfinite([*weights, intercept]).all():
                raise ValueError("no list of finite numbers")
        except (ValueError, KeyError, TypeError) as error:
            raise InputError('found no weighted sum, expected {"weights": [...], "intercept": ...}') from error
        return cls(weights, intercept)


def search_alpha(
    fit: Callable[[np.ndarray, np.ndarray, list[float]], Sequence[Stacker]],
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    alphas: list[float],
    loss: str,
    beta: float,
) -> FittedStack:
    """Fit one stacker per fold, on the photos of the other folds, for every penalty. Keep the penalty of lowest loss.

    The loss of the pooled out-of-fold scores chooses, and not their F-beta. The F-beta of a rare label depends on a few
    photos, so that it would choose among nearly equal penalties by chance. The first of equal penalties is kept.

    Args:
        fit: returns a stacker per penalty, given features (photos, members), 0/1 labels (photos,) and the penalties.
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least two different ones.
        alphas: penalties to try.
        loss: ``logloss`` or ``squared_error``, whichever ``fit`` minimizes.
        beta: of the F-beta in the grid.

    Returns:
        the stack of the chosen penalty. Its grid has the columns alpha, f_beta, threshold, logloss, squared_error (both
        means over the photos) and chosen.
    """
    fold_numbers = np.unique(folds)
    for fold in fold_numbers:
        prevalence = float(labels[folds != fold].mean())
        if prevalence in (0.0, 1.0):
            logger.info("fold %d: learns from photos of which %d %% have the label: a constant", fold, 100 * prevalence)
    stacks, rows = [], []
    by_fold = [fit(features[folds != fold], labels[folds != fold], alphas) for fold in fold_numbers]
    for alpha, *stackers in zip(alphas, *by_fold, strict=True):
        scores = out_of_fold_scores(stackers, features, folds)
        threshold, f_beta = best_threshold(labels, scores, beta)
        losses = {"logloss": log_loss(labels, scores), "squared_error": float(np.mean((scores - labels) ** 2.0))}
        stacks.append((stackers, scores))
        rows.append({"alpha": float(alpha), "f_beta": f_beta, "threshold": threshold} | losses)
    grid = pd.DataFrame(rows)
    chosen = int(grid[loss].argmin())
    return FittedStack(*stacks[chosen], grid.assign(chosen=grid.index == chosen))
