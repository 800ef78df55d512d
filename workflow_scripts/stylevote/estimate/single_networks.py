"""Nested estimates of single networks, or of a few fused ones: all is chosen without the photo's fold."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from stylevote.ensemble.rank import ALL, held_out_folds, rank_by_fold
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
        beta: weight of recall against precision.

    Returns:
        decisions, 0/1, uint8, shape (photos,); and the non-nested F-beta, of the epochs and the threshold that are best
        on all photos.
    """
    best_scores: dict[int, list[np.ndarray]] = {}
    for scores in runs:
        if threshold is None:
            rankings = rank_by_fold(pd.DataFrame({"run": "", "epoch": range(len(scores))}), labels, scores, folds, beta)
        else:
            rankings = _rank_at(threshold, labels, scores, folds, beta)
        for held_out_fold, ranking in rankings.groupby("held_out_fold"):
            best_scores.setdefault(held_out_fold, []).append(scores[ranking["candidate"].iloc[0]])
    decisions, non_nested = np.zeros(len(folds), dtype=np.uint8), np.nan
    for held_out_fold, of_runs in best_scores.items():
        mean, outer = np.mean(of_runs, axis=0), folds == held_out_fold
        if threshold is None:
            cut, f_beta = best_threshold(labels[~outer], mean[~outer], beta)
        else:
            cut, f_beta = threshold, f_beta_at(labels[~outer], mean[~outer], np.array([threshold]), beta)[0]
        decisions[outer] = apply_threshold(mean[outer], cut)
        if held_out_fold == ALL:
            non_nested = float(f_beta)
    return decisions, non_nested


def _rank_at(threshold: float, labels: np.ndarray, scores: np.ndarray, folds: np.ndarray, beta: float) -> pd.DataFrame:
    """Rank a run's epochs as `rank.rank_by_fold` does, by their F-beta at one threshold."""
    rankings = []
    for held_out_fold in held_out_folds(folds):
        known = folds != held_out_fold
        f_betas = np.array([f_beta_at(labels[known], row[known], np.array([threshold]), beta)[0] for row in scores])
        order = np.argsort(-f_betas, kind="stable")
        columns = {"held_out_fold": held_out_fold, "candidate": order, "f_beta": f_betas[order]}
        rankings.append(pd.DataFrame(columns | {"rank": range(1, len(order) + 1)}))
    return pd.concat(rankings, ignore_index=True).assign(threshold=threshold)
