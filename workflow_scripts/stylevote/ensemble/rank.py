"""Ranking of a label's candidates by the F2 of their out-of-fold scores."""

import numpy as np
import pandas as pd

from stylevote.metrics import best_cut


def rank_candidates(candidates: pd.DataFrame, labels: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Order all epochs of all runs by F2, each at its own best threshold (Ding & Wan 2018), found exactly.

    Args:
        candidates: columns run, epoch; a row a candidate.
        labels: 0/1, shape (photos,).
        scores: in 0..1, shape (candidates, photos).

    Returns:
        columns run, epoch, f2, threshold, rank (from 1), the best first; equals by run, then epoch. Its index is the
        candidate's row in ``scores``.
    """
    cuts = np.array([best_cut(labels, row) for row in scores])
    ranking = candidates.reset_index(drop=True).assign(f2=cuts[:, 1], threshold=cuts[:, 0])
    ranking = ranking.sort_values(["f2", "run", "epoch"], ascending=[False, True, True])
    return ranking.assign(rank=np.arange(1, len(ranking) + 1, dtype=np.int32))


def best_epochs(ranking: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a ranking that are their run's best epoch: no others become members."""
    return ranking.drop_duplicates("run")
