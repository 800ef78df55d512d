"""Nested estimates of single networks, or of a few fused ones: all is chosen without the photo's fold."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from stylevote.ensemble.rank import ALL, held_out_folds
from stylevote.ensemble.threshold import apply_threshold, f_beta_at
from stylevote.metrics import BETA, best_threshold


def predict_by_best_network(
    rankings: pd.DataFrame, read_scores: Callable[[pd.DataFrame], np.ndarray], folds: np.ndarray
) -> np.ndarray:
    """Decide each fold's photos by the network and threshold that are best on the photos of the other folds.

    Args:
        rankings: columns held_out_fold, rank, threshold and those that ``read_scores`` needs (see `rank.rank_by_fold`).
        read_scores: returns the out-of-fold scores of the networks in such a table: shape (networks, photos).
        folds: shape (photos,).

    Returns:
        decisions, 0/1, uint8, shape (photos,).
    """
    by_fold = rankings[rankings["held_out_fold"] != ALL].sort_values(["held_out_fold", "rank"])
    best = by_fold.drop_duplicates("held_out_fold")
    decisions = np.zeros(len(folds), dtype=np.uint8)
    for row, scores in zip(best.itertuples(), read_scores(best), strict=True):
        outer = folds == row.held_out_fold
        decisions[outer] = apply_threshold(scores[outer], row.threshold)
    return decisions


def estimate_runs(
    labels: np.ndarray,
    runs: Sequence[np.ndarray],
    folds: np.ndarray,
    *,
    threshold: float | None = None,
    beta: float = BETA,
) -> tuple[np.ndarray, float]:
    """Decide by the mean score of some runs without bias: no photo has a part in the choices that decide it.

    For each fold, the epoch of each run, and the threshold of the mean, are the best on the photos of the other folds.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        runs: out-of-fold scores of each run, shape (epochs, photos); one run decides alone.
        folds: shape (photos,).
        threshold: a threshold for all folds; only the epochs are then chosen.

    Returns:
        decisions, 0/1, uint8, shape (photos,); and the non-nested F-beta, of the epochs and the threshold that are best
        on all photos.
    """
    decisions, non_nested = np.zeros(len(folds), dtype=np.uint8), np.nan
    for held_out_fold in held_out_folds(folds):
        known, outer = folds != held_out_fold, folds == held_out_fold
        best = []
        for epochs in runs:
            f_betas = [_cut(labels[known], scores[known], threshold, beta)[1] for scores in epochs]
            best.append(epochs[int(np.argmax(f_betas))])
        mean = np.mean(best, axis=0)
        cut, f_beta = _cut(labels[known], mean[known], threshold, beta)
        decisions[outer] = apply_threshold(mean[outer], cut)
        if held_out_fold == ALL:
            non_nested = f_beta
    return decisions, non_nested


def _cut(labels: np.ndarray, scores: np.ndarray, threshold: float | None, beta: float) -> tuple[float, float]:
    """Return the threshold, or the best one if none is given, and its F-beta."""
    if threshold is None:
        return best_threshold(labels, scores, beta)
    return threshold, float(f_beta_at(labels, scores, np.array([threshold]), beta)[0])
