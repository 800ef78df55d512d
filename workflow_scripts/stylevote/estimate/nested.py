"""The nested estimate: how good the ensemble is on photos that had no part in any choice."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.config.ensemble import Selection, Stack, Threshold, Votes
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.features import member_scores, split_halves
from stylevote.ensemble.nested import predict_nested
from stylevote.ensemble.rank import rank_by_fold
from stylevote.ensemble.select import select_by_fold
from stylevote.ensemble.vote import limit_labels
from stylevote.files.tables import check_photos
from stylevote.metrics import BETA


def select_and_predict_nested(
    candidates: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    selection: Selection,
    stack: Stack,
    threshold: Threshold,
    *,
    groups: np.ndarray | None = None,
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
        groups: groups of photos that stay together, shape (photos,); by default, every photo has its own.
        common_features: further features, as those of `predict_nested`.
    """

    halves = split_halves(labels, folds, np.arange(len(folds)) if groups is None else groups)
    rankings = rank_by_fold(candidates, labels, scores, folds, beta)
    selected = select_by_fold(rankings, scores, labels, folds, halves, selection, beta=beta)

    def features(fold: int) -> np.ndarray:
        own = member_scores(lambda networks: scores[networks["candidate"]], selected, folds, halves, fold).T
        return np.concatenate([own, common_features(fold)], axis=1) if common_features else own

    return predict_nested(features, labels, folds, stack, threshold, groups=groups, beta=beta, threads=threads)


def nested_decisions(estimates: dict[str, pd.DataFrame], image_ids: pd.Series, votes: Votes) -> np.ndarray:
    """Return the nested decisions of all labels, uint8 of shape (photos, labels), with limits as for new photos.

    Args:
        estimates: for each label, image_id and the columns of `predict_nested`.
        image_ids: expected photos, in this order.
        votes: how folds are combined, and the minimum and maximum number of labels per photo.

    Raises:
        InputError: an estimate is for other photos, or for photos in another order.
    """
    for label, estimate in estimates.items():
        check_photos(estimate, image_ids, f"the nested estimate of {label}")
    decided = "voted" if votes.aggregation in ("stackers_vote", "vote_all") else "decision"
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
