"""The nested estimate: how good the ensemble is on photos that had no part in any choice."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.config.ensemble import Selection, Stack, Threshold, Votes
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.rank import rank_candidates
from stylevote.ensemble.select import members_of, select_members
from stylevote.ensemble.stack import fit_stack
from stylevote.ensemble.threshold import apply_threshold, search_threshold
from stylevote.ensemble.vote import combine_folds, limit_labels
from stylevote.errors import InputError
from stylevote.metrics import BETA


def predict_nested(
    features: Callable[[int], np.ndarray],
    labels: np.ndarray,
    folds: np.ndarray,
    stack: Stack,
    threshold: Threshold,
    *,
    beta: float = BETA,
    threads: int = 1,
) -> pd.DataFrame:
    """Decide one label for every photo by an ensemble that was chosen without the photo's fold.

    This is nested cross-validation (Varma & Simon 2006). For each fold, the members are selected, the stackers fitted
    and the threshold searched on the photos of the other folds. The fold's photos then go through those stackers, and
    the threshold is applied.

    The estimate cannot see the gain from averaging the CNNs of all folds: an out-of-fold score comes from one fold's
    CNNs, and a new photo has scores of all. Their mean is steadier, so new photos may do better than the estimate. All
    aggregations but ``vote_all`` are the same here.

    Args:
        features: returns the out-of-fold scores, float32, shape (photos, members), of the members that were selected
            without the fold of this number.
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least three different ones.
        stack: the combiner and its settings.
        threshold: the search and its settings.
        beta: of the F-beta to maximize.
        threads: processor threads for the stack.

    Returns:
        a row per photo: fold, score (float32: the stackers' mean), threshold and members (int16: their number) of the
        fold's ensemble, decision (uint8: by the score) and voted (uint8: by the stackers' majority, as in
        ``vote_all``).

    Raises:
        InputError: there are fewer than three folds.
    """
    fold_numbers = np.unique(folds)
    if len(fold_numbers) < 3:
        raise InputError(f"folds.count: found {len(fold_numbers)}, expected 3 or more: the nested estimate needs them")
    parts = []
    for fold in fold_numbers:
        of_members, outer = features(fold), folds == fold
        known, known_folds = labels[~outer], folds[~outer]
        fitted = fit_stack(of_members[~outer], known, known_folds, stack, beta=beta, threads=threads)
        best, _ = search_threshold(known, fitted.scores, **threshold.used(), beta=beta)
        votes = combine_folds(of_members[outer][None], fitted.stackers, best, "vote_all")
        score = votes["score"].to_numpy()
        columns = {
            "fold": fold,
            "score": score,
            "threshold": best,
            "decision": apply_threshold(score, best),
            "voted": votes["decision"].to_numpy(),
            "members": np.int16(of_members.shape[1]),
        }
        parts.append(pd.DataFrame(columns, index=np.flatnonzero(outer)))
    return pd.concat(parts).sort_index()


def select_and_predict_nested(
    candidates: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    selection: Selection,
    stack: Stack,
    threshold: Threshold,
    *,
    common_features: Callable[[int], np.ndarray] | None = None,
    beta: float = BETA,
    threads: int = 1,
) -> pd.DataFrame:
    """Decide one label as `predict_nested` does, and select the members from candidates on the way.

    Args:
        candidates: columns run, epoch; a row per candidate.
        scores: the candidates' out-of-fold scores, float32, shape (candidates, photos).
        labels, folds, stack, threshold, beta, threads: see `predict_nested`.
        selection: method and its settings.
        common_features: further features, as those of `predict_nested`.
    """

    def features(fold: int) -> np.ndarray:
        known = folds != fold
        ranking = rank_candidates(candidates, labels[known], scores[:, known], beta)
        selected = select_members(ranking, scores[:, known], labels[known], **selection.used(), beta=beta)
        own = scores[members_of(selected).index].T
        return np.concatenate([own, common_features(fold)], axis=1) if common_features else own

    return predict_nested(features, labels, folds, stack, threshold, beta=beta, threads=threads)


def nested_decisions(estimates: dict[str, pd.DataFrame], image_ids: pd.Series, votes: Votes) -> np.ndarray:
    """Return the nested decisions of all labels, uint8 of shape (photos, labels), with limits as for new photos.

    Args:
        estimates: for each label, image_id and the columns of `predict_nested`.
        image_ids: expected photos, in this order.
        votes: how folds are combined, and the minimum and maximum number of labels per photo.

    Raises:
        InputError: an estimate is for other photos, or for photos in another order.
    """
    expected = image_ids.to_numpy()
    for label, estimate in estimates.items():
        if not np.array_equal(estimate["image_id"].to_numpy(), expected):
            raise InputError(
                f"the nested estimate of {label}: its {len(estimate)} photos are not the manifest's {len(expected)}"
            )
    decided = "voted" if votes.aggregation == "vote_all" else "decision"
    decisions, scores, thresholds = (
        np.stack([table[name].to_numpy() for table in estimates.values()], axis=1)
        for name in (decided, "score", "threshold")
    )
    return limit_labels(decisions, scores, thresholds, votes.min_labels, votes.max_labels)


def read_size_decisions(
    paths: list[Path], labels: list[str], image_ids: pd.Series, votes: Votes
) -> dict[str, np.ndarray]:
    """Read estimates by size; return the decisions of each size (see `nested_decisions`), the smallest size first.

    Args:
        paths: a table per block: label, size, image_id and the columns of `predict_nested`.
        labels: all labels, in order.
        image_ids, votes: see `nested_decisions`.
    """
    tables = read_by_label(paths, labels, ["size", "image_id", "score", "threshold", "decision", "voted"])
    by_size: dict[str, dict[str, pd.DataFrame]] = {}
    for label, table in tables.items():
        for size, estimate in table.groupby("size", sort=False):
            by_size.setdefault(size, {})[label] = estimate
    return {size: nested_decisions(estimates, image_ids, votes) for size, estimates in by_size.items()}
