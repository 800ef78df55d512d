"""Nested estimates of single networks: their epoch and threshold are chosen without the photo's fold."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from stylevote.ensemble.rank import ALL, held_out_folds, rank_by_fold
from stylevote.ensemble.threshold import apply_threshold, f_beta_at
from stylevote.metrics import BETA


def predict_by_best_network(
    rankings: pd.DataFrame, read_scores: Callable[[pd.DataFrame], np.ndarray], folds: np.ndarray
) -> np.ndarray:
    """Decide each fold's photos by the network, and at the cut, that are best on the photos of the others.

    Args:
        rankings: column held_out_fold, rank, threshold, and those that ``read_scores`` takes (see `rank.rank_by_fold`).
        read_scores: returns the out-of-fold scores of the networks in such a table: shape (networks, photos).
        folds: shape (photos,).

    Returns:
        0/1, uint8, shape (photos,).
    """
    ranked = rankings[rankings["held_out_fold"] != ALL].sort_values(["held_out_fold", "rank"])
    firsts = ranked.drop_duplicates("held_out_fold")
    decided = np.zeros(len(folds), dtype=np.uint8)
    for row, scores in zip(firsts.itertuples(), read_scores(firsts), strict=True):
        outside = folds == row.held_out_fold
        decided[outside] = apply_threshold(scores[outside], row.threshold)
    return decided


def estimate_run(
    labels: np.ndarray, scores: np.ndarray, folds: np.ndarray, *, cut: float | None = None, beta: float = BETA
) -> tuple[np.ndarray, float]:
    """Decide by one run as honestly as an ensemble is judged: no photo has a part in what decides it.

    For each fold, the epoch and the cut are those that are best on the photos of the others. (That no network saw the
    photo is all that out-of-fold scores promise.)

    Args:
        labels: 0/1, shape (photos,).
        scores: the run's out-of-fold scores, shape (epochs, photos).
        folds: shape (photos,).
        cut: where scores are cut, if that is not to be chosen: the epoch then is.
        beta: weight of recall against precision.

    Returns:
        decisions, 0/1, uint8, shape (photos,); and the naive F-beta: of the epoch, and at the cut, that are best on all
        photos.
    """
    epochs = pd.DataFrame({"run": "", "epoch": range(len(scores))})
    if cut is None:
        rankings = rank_by_fold(epochs, labels, scores, folds, beta)
    else:
        rankings = _rank_at(cut, labels, scores, folds, beta)
    decisions = predict_by_best_network(rankings, lambda networks: scores[networks["candidate"].to_numpy()], folds)
    return decisions, float(rankings.loc[rankings["held_out_fold"] == ALL, "f_beta"].max())


def _rank_at(cut: float, labels: np.ndarray, scores: np.ndarray, folds: np.ndarray, beta: float) -> pd.DataFrame:
    """Rank a run's epochs as `rank.rank_by_fold` does, by their F-beta at one cut."""
    parts = []
    for held_out_fold in held_out_folds(folds):
        rows = folds != held_out_fold
        reached = np.array([f_beta_at(labels[rows], row[rows], np.array([cut]), beta)[0] for row in scores])
        order = np.argsort(-reached, kind="stable")
        ranks = range(1, len(order) + 1)
        parts.append(
            pd.DataFrame({"held_out_fold": held_out_fold, "candidate": order, "f_beta": reached[order], "rank": ranks})
        )
    return pd.concat(parts, ignore_index=True).assign(threshold=cut)
