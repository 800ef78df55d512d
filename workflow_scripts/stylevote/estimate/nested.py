"""The nested estimate: how good the ensemble is on photos that chose nothing of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.rank import rank_candidates
from stylevote.ensemble.select import members_of, select_members
from stylevote.ensemble.stack import fit_stack
from stylevote.ensemble.threshold import apply_threshold, search_threshold
from stylevote.ensemble.vote import combine_folds, limit_labels
from stylevote.errors import InputError
from stylevote.metrics import BETA


def predict_nested(
    features_without: Callable[[int], np.ndarray],
    labels: np.ndarray,
    folds: np.ndarray,
    settings: dict[str, dict[str, Any]],
    *,
    beta: float = BETA,
    threads: int = 1,
) -> pd.DataFrame:
    """Decide on every photo of one label by an ensemble that was chosen without the photo's fold.

    Nested cross-validation (Varma & Simon 2006): for each fold, the selection, the stack with all that it chooses, and
    the threshold are repeated on the photos of the other folds, which are the stack's folds; the fold's photos go
    through those stackers, and are cut at that threshold.

    What it cannot see is how the CNNs' folds are joined: an out-of-fold score is one fold's, where a new photo has the
    scores of all. Their mean is steadier, so new photos may fare better than this says; and of the aggregations, all
    but ``vote_all`` are the same here.

    Args:
        features_without: returns the out-of-fold scores, float32 of shape (photos, members), of the members that were
            selected without the fold of this number.
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least three different ones.
        settings: what `stack.fit_stack` takes as its settings under ``stack``, and the arguments of
            `threshold.search_threshold` under ``threshold``.
        beta: of the F-beta that is to be high.
        threads: that the stack may use.

    Returns:
        a row per photo: fold, score (float32: the stackers' mean), threshold and members (int16; how many) of the
        fold's ensemble, decision (uint8: of the score) and voted (uint8: by the stackers' majority, as in
        ``vote_all``).

    Raises:
        InputError: for fewer than three folds.
    """
    numbers = np.unique(folds)
    if len(numbers) < 3:
        raise InputError(f"an honest estimate needs at least 3 folds, and there are {len(numbers)}")
    parts = []
    for fold in numbers:
        features, outside = features_without(fold), folds == fold
        known, known_folds = labels[~outside], folds[~outside]
        stack = fit_stack(features[~outside], known, known_folds, settings["stack"], beta=beta, threads=threads)
        threshold, _ = search_threshold(known, stack.scores, **settings["threshold"], beta=beta)
        votes = combine_folds(features[outside][None], stack.stackers, threshold, "vote_all")
        score = votes["score"].to_numpy()
        columns = {
            "fold": fold,
            "score": score,
            "threshold": threshold,
            "decision": apply_threshold(score, threshold),
            "voted": votes["decision"].to_numpy(),
            "members": np.int16(features.shape[1]),
        }
        parts.append(pd.DataFrame(columns, index=np.flatnonzero(outside)))
    return pd.concat(parts).sort_index()


def select_and_predict_nested(
    candidates: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    settings: dict[str, dict[str, Any]],
    *,
    others_without: Callable[[int], np.ndarray] | None = None,
    beta: float = BETA,
    threads: int = 1,
) -> pd.DataFrame:
    """Decide on every photo of one label by an ensemble of its own candidates, chosen without the photo's fold.

    Args:
        candidates: columns run, epoch; a row a candidate.
        scores: the candidates' out-of-fold scores, float32, shape (candidates, photos).
        labels, folds, beta, threads: see `predict_nested`.
        settings: as there, and the settings of `select.select_members` under ``selection``.
        others_without: as ``features_without`` there, of further features.

    Returns:
        as `predict_nested` does.
    """

    def features_without(fold: int) -> np.ndarray:
        known = folds != fold
        ranking = rank_candidates(candidates, labels[known], scores[:, known], beta)
        selection = select_members(ranking, scores[:, known], labels[known], **settings["selection"], beta=beta)
        own = scores[members_of(selection).index].T
        return own if others_without is None else np.concatenate([own, others_without(fold)], axis=1)

    return predict_nested(features_without, labels, folds, settings, beta=beta, threads=threads)


def nested_decisions(estimates: dict[str, pd.DataFrame], image_ids: pd.Series, votes: dict[str, Any]) -> np.ndarray:
    """Return the decisions of all labels together, uint8 of shape (photos, labels), as new photos would be decided.

    Args:
        estimates: for each label image_id and what `predict_nested` returns.
        image_ids: the photos expected, in this order.
        votes: the configuration's: aggregation, and the least and most labels of a photo.

    Raises:
        InputError: an estimate is of other photos, or has them in another order.
    """
    expected = image_ids.to_numpy()
    for label, estimate in estimates.items():
        if not np.array_equal(estimate["image_id"].to_numpy(), expected):
            raise InputError(
                f"the honest estimate of {label}: its {len(estimate)} photos are not the manifest's {len(expected)}"
            )
    decided = "voted" if votes["aggregation"] == "vote_all" else "decision"
    decisions, scores, thresholds = (
        np.stack([table[name].to_numpy() for table in estimates.values()], axis=1)
        for name in (decided, "score", "threshold")
    )
    return limit_labels(decisions, scores, thresholds, votes["min_labels"], votes["max_labels"])


def read_size_decisions(
    paths: list[Path], labels: list[str], image_ids: pd.Series, votes: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Return for each size, from the smallest, the decisions that `nested_decisions` makes of its estimates.

    Args:
        paths: one table per block: label, size, image_id and what `predict_nested` returns.
        labels: all of them, in order.
        image_ids, votes: see `nested_decisions`.
    """
    tables = read_by_label(paths, labels, ["size", "image_id", "score", "threshold", "decision", "voted"])
    by_size: dict[str, dict[str, pd.DataFrame]] = {}
    for label, table in tables.items():
        for size, part in table.groupby("size", sort=False):
            by_size.setdefault(size, {})[label] = part
    return {size: nested_decisions(estimates, image_ids, votes) for size, estimates in by_size.items()}
