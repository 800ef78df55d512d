"""Ranking of a label's candidates by the F-beta of their out-of-fold scores."""

import numpy as np
import pandas as pd

from stylevote.metrics import BETA, best_threshold

ALL = -1  # no fold is left out


def rank_candidates(
    candidates: pd.DataFrame, labels: np.ndarray, scores: np.ndarray, beta: float = BETA
) -> pd.DataFrame:
    """Order all epochs of all runs by F-beta, each at its own best threshold (Ding & Wan 2018), found exactly.

    Args:
        candidates: columns run, epoch; a row a candidate.
        labels: 0/1, shape (photos,).
        scores: in 0..1, shape (candidates, photos).
        beta: weight of recall against precision.

    Returns:
        columns run, epoch, f_beta, threshold, rank (from 1), the best first; equals by run, then epoch. Its index is
        the candidate's row in ``scores``.
    """
    cuts = np.array([best_threshold(labels, row, beta) for row in scores])
    ranking = candidates.reset_index(drop=True).assign(f_beta=cuts[:, 1], threshold=cuts[:, 0])
    ranking = ranking.sort_values(["f_beta", "run", "epoch"], ascending=[False, True, True])
    return ranking.assign(rank=np.arange(1, len(ranking) + 1, dtype=np.int32))


def rank_by_fold(
    candidates: pd.DataFrame, labels: np.ndarray, scores: np.ndarray, folds: np.ndarray, beta: float = BETA
) -> pd.DataFrame:
    """Rank the candidates on all photos, and for each fold on the photos of the others.

    Args:
        candidates, labels, scores, beta: see `rank_candidates`.
        folds: shape (photos,).

    Returns:
        the rankings, one below the other, with the further column held_out_fold (int16: the fold left out, or `ALL`) and
        candidate (int32: the row in ``scores``).
    """
    parts = []
    for held_out_fold in held_out_folds(folds):
        rows = folds != held_out_fold
        ranking = rank_candidates(candidates, labels[rows], scores[:, rows], beta)
        parts.append(ranking.rename_axis("candidate").reset_index().assign(held_out_fold=held_out_fold))
    return pd.concat(parts, ignore_index=True).astype({"held_out_fold": "int16", "candidate": "int32"})


def held_out_folds(folds: np.ndarray) -> list[int]:
    """Return what the column ``without`` may hold for these folds, shape (photos,): `ALL`, and each fold."""
    return [ALL, *np.unique(folds).tolist()]


def best_epochs(ranking: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a ranking that are their run's best epoch: no others become members."""
    return ranking.drop_duplicates("run")
