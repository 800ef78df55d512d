"""Ranking of a label's candidates by the F-beta of their out-of-fold scores."""

import numpy as np
import pandas as pd

from stylevote.metrics import BETA, best_threshold, drop_unknown

ALL = -1  # in the column held_out_fold: all photos count; in the column fold: the CNNs of all folds


def rank_candidates(
    candidates: pd.DataFrame, labels: np.ndarray, scores: np.ndarray, beta: float = BETA
) -> pd.DataFrame:
    """Order candidates by F-beta, each at its own best threshold (Ding & Wan 2018), which is found exactly.

    Args:
        candidates: columns run, epoch; a row per candidate.
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        scores: in 0..1, shape (candidates, photos).

    Returns:
        columns run, epoch, f_beta, threshold and rank (from 1), the best first; ties by run, then by epoch. The index
        is the candidate's row in ``scores``.
    """
    labels, scores = drop_unknown(labels, scores)
    best = np.array([best_threshold(labels, row, beta) for row in scores])
    ranking = candidates.reset_index(drop=True).assign(f_beta=best[:, 1], threshold=best[:, 0])
    ranking = ranking.sort_values(["f_beta", "run", "epoch"], ascending=[False, True, True])
    return ranking.assign(rank=np.arange(1, len(ranking) + 1, dtype=np.int32))


def rank_by_fold(
    candidates: pd.DataFrame, labels: np.ndarray, scores: np.ndarray, folds: np.ndarray, beta: float = BETA
) -> pd.DataFrame:
    """Rank the candidates on all photos and, for each fold, on the photos of the other folds.

    Args:
        candidates, labels, scores, beta: see `rank_candidates`.
        folds: shape (photos,).

    Returns:
        all rankings in one table, with the further columns held_out_fold (int16: the fold whose photos do not count,
        or `ALL`) and candidate (int32: the row in ``scores``).
    """
    rankings = []
    for held_out_fold in held_out_folds(folds):
        known = folds != held_out_fold
        ranking = rank_candidates(candidates, labels[known], scores[:, known], beta)
        rankings.append(ranking.rename_axis("candidate").reset_index().assign(held_out_fold=held_out_fold))
    return pd.concat(rankings, ignore_index=True).astype({"held_out_fold": "int16", "candidate": "int32"})


def held_out_folds(folds: np.ndarray) -> list[int]:
    """Return the values of the column held_out_fold for ``folds``, shape (photos,): `ALL`, then each fold."""
    return [ALL, *np.unique(folds).tolist()]


def of_fold(members: pd.DataFrame, fold: int) -> pd.DataFrame:
    """Return the rows of the members that have a CNN of this fold."""
    return members[members["fold"].isin([ALL, fold])]


def best_epochs(ranking: pd.DataFrame) -> pd.DataFrame:
    """Return each run's best epoch. Only these can become members."""
    return ranking.drop_duplicates("run")
