"""Nested predictions: each photo is decided by an ensemble that was chosen without the photo's fold."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from stylevote.config.ensemble import Stack, Threshold
from stylevote.ensemble.stack import fit_stack
from stylevote.ensemble.threshold import apply_threshold, search_thresholds
from stylevote.ensemble.vote import combine_folds
from stylevote.errors import InputError
from stylevote.metrics import BETA


def predict_nested(
    features: Callable[[int], np.ndarray],
    labels: np.ndarray,
    folds: np.ndarray,
    stack: Stack,
    threshold: Threshold,
    *,
    groups: np.ndarray | None = None,
    beta: float = BETA,
    threads: int = 1,
) -> pd.DataFrame:
    """Decide one label for every photo by an ensemble that was chosen without the photo's fold.

    This is nested cross-validation (Varma & Simon 2006). For each fold, the members are selected, the stackers fitted
    and the threshold searched on the photos of the other folds. The fold's photos then go through those stackers, and
    the threshold is applied.

    The estimate cannot see the gain from averaging the CNNs of all folds: an out-of-fold score comes from one fold's
    CNNs, and a new photo has scores of all. Their mean is steadier, so new photos may do better than the estimate. All
    aggregations by which folds decide are the same here, and all by which stackers vote.

    Args:
        features: returns the out-of-fold scores, float32, shape (photos, members), of the members that were selected
            without the fold of this number.
        labels: 0, 1 or `UNKNOWN`, shape (photos,). Photos with an unknown label are decided, and have no other part.
        folds: shape (photos,); at least three different ones.
        stack: the combiner and its settings.
        threshold: the search and its settings.
        groups: of the photos, see `stack.fit_stack`.
        beta: of the F-beta to maximize.
        threads: processor threads for the stack.

    Returns:
        a row per photo: fold, score (float32: the stackers' mean), threshold and members (int16: their number) of the
        fold's ensemble, decision (uint8: by the score) and voted (uint8: by the stackers' majority, as in
        ``vote_all``, or each by its own threshold).

    Raises:
        InputError: there are fewer than three folds.
    """
    fold_numbers = np.unique(folds)
    if len(fold_numbers) < 3:
        raise InputError(f"folds.count: found {len(fold_numbers)}, expected 3 or more: the nested estimate needs them")
    by_fold = []
    for fold in fold_numbers:
        of_members, outer = features(fold), folds == fold
        known, known_folds = labels[~outer], folds[~outer]
        known_groups = None if groups is None else groups[~outer]
        fitted = fit_stack(
            of_members[~outer], known, known_folds, stack, groups=known_groups, beta=beta, threads=threads
        )
        best, _ = search_thresholds(known, fitted.scores, known_folds, threshold, beta)
        votes = combine_folds(of_members[outer][None], fitted.stackers, best, "vote_all")
        score = votes["score"].to_numpy()
        columns = {
            "fold": fold,
            "score": score,
            "threshold": np.mean(best),
            "decision": apply_threshold(score, np.mean(best)),
            "voted": votes["decision"].to_numpy(),
            "members": np.int16(of_members.shape[1]),
        }
        by_fold.append(pd.DataFrame(columns, index=np.flatnonzero(outer)))
    return pd.concat(by_fold).sort_index()
