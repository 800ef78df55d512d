"""From the folds' outputs to a photoset's decisions: how folds are joined, and how many labels a photo has."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stylevote.ensemble.stack import Stacker, stacked_scores
from stylevote.ensemble.threshold import apply_threshold, log_odds
from stylevote.errors import InputError

AGGREGATIONS = ("average_scores", "average_then_vote", "average_cnn_first", "vote_all")


def predict_labels(
    features: Mapping[str, np.ndarray],
    combined: Mapping[str, Sequence[str]],
    stackers: Mapping[str, list[Stacker]],
    thresholds: Mapping[str, float],
    settings: Mapping[str, Any],
) -> dict[str, pd.DataFrame]:
    """Decide every label of a photoset.

    Args:
        features: for each label its members' scores by each fold's CNNs, float32, shape (folds, photos, members).
        combined: for each label, those whose members its stackers take: its own first.
        stackers: of each label, one per fold.
        thresholds: of each label.
        settings: ``aggregation`` (see `combine_folds`), ``min_labels`` and ``max_labels`` (see `limit_labels`).

    Returns:
        for each label, in the order of ``combined``, what `combine_folds` returns.

    Raises:
        InputError: for stackers of another number of members; it names the label.
    """
    voted = combine_folds_by_label(features, combined, stackers, thresholds, settings["aggregation"])
    return limit_labels_by_photo(voted, thresholds, settings["min_labels"], settings["max_labels"])


def combine_folds_by_label(
    features: Mapping[str, np.ndarray],
    combined: Mapping[str, Sequence[str]],
    stackers: Mapping[str, list[Stacker]],
    thresholds: Mapping[str, float],
    aggregation: str,
) -> dict[str, pd.DataFrame]:
    """Vote on some labels of a photoset, whatever the number of labels that a photo then has; see `predict_labels`."""
    tables = {}
    for label, names in combined.items():
        members = np.concatenate([features[name] for name in names], axis=2)
        try:
            tables[label] = combine_folds(members, stackers[label], thresholds[label], aggregation)
        except InputError as error:
            raise InputError(f"stackers of {label!r}: {error}") from error
    return tables


def limit_labels_by_photo(
    voted: Mapping[str, pd.DataFrame], thresholds: Mapping[str, float], min_labels: int, max_labels: int | None
) -> dict[str, pd.DataFrame]:
    """Give each photo at least ``min_labels`` and at most ``max_labels`` of all labels; see `limit_labels`.

    Args:
        voted: for each label, what `combine_folds` returns.
        thresholds: of each label.
        min_labels, max_labels: see `limit_labels`.
    """
    scores, decisions = (np.stack([table[name] for table in voted.values()], 1) for name in ("score", "decision"))
    cuts = np.array([thresholds[label] for label in voted])
    limited = limit_labels(decisions, scores, cuts, min_labels, max_labels)
    return {
        label: table.assign(decision=decision)
        for (label, table), decision in zip(voted.items(), limited.T, strict=True)
    }


def photoset_votes(decided: Mapping[str, pd.DataFrame], image_ids: np.ndarray) -> pd.DataFrame:
    """Return what `predict_labels` returned as one table, label by label, with the columns image_id and label first."""
    parts = []
    for label, table in decided.items():
        names = pd.DataFrame({"image_id": image_ids, "label": label}, index=table.index)
        parts.append(pd.concat([names, table], axis=1))
    return pd.concat(parts)


def combine_folds(features: np.ndarray, stackers: list[Stacker], threshold: float, aggregation: str) -> pd.DataFrame:
    """Decide one label by every fold's CNNs, each of whose scores go through every stacker.

    ``average_scores``: the mean of all folds x stackers outputs is cut at the threshold. ``average_cnn_first``: the
    members' scores are averaged over the CNNs' folds, go through every stacker, and the mean output is cut.
    ``average_then_vote`` (Ding & Wan 2018): the outputs for one fold's CNNs are averaged and cut; the folds' majority
    decides. ``vote_all``: each output is cut; their majority decides. Halves are parted by the score.

    Args:
        features: the members' scores of the photoset by each fold's CNNs, float32, shape (folds, photos, members).
        stackers: the label's, one per fold.
        threshold: the label's.
        aggregation: one of `AGGREGATIONS`.

    Returns:
        a row per photo: fold0, fold1, ... (each fold's mean output), score (mean output; of ``average_cnn_first``, from
        the averaged members), all float32; votes (int16) and decision (uint8). ``votes`` are the outputs at or above
        the threshold for ``vote_all``, and else the folds whose mean output is; with the two averages they say how far
        the folds agree, and do not decide.

    Raises:
        InputError: for another aggregation.
    """
    if aggregation not in AGGREGATIONS:
        raise InputError(f"votes.aggregation: found {aggregation!r}, expected one of {', '.join(AGGREGATIONS)}")
    outputs = np.array([[stacker.scores(fold) for stacker in stackers] for fold in features])
    by_fold = outputs.mean(axis=1, dtype=np.float64).astype(np.float32)
    if aggregation == "average_cnn_first":
        score = stacked_scores(stackers, features.mean(axis=0, dtype=np.float64).astype(np.float32))
    else:
        score = outputs.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    ballots = outputs.reshape(-1, len(score)) if aggregation == "vote_all" else by_fold
    votes = apply_threshold(ballots, threshold).sum(axis=0, dtype=np.int16)
    decision = apply_threshold(score, threshold)
    if aggregation in ("average_then_vote", "vote_all"):
        decision = np.where(2 * votes == len(ballots), decision, 2 * votes > len(ballots)).astype(np.uint8)
    table = {f"fold{k}": scores for k, scores in enumerate(by_fold)}
    return pd.DataFrame(table | {"score": score, "votes": votes, "decision": decision})


def limit_labels(
    decisions: np.ndarray, scores: np.ndarray, thresholds: np.ndarray, min_labels: int, max_labels: int | None
) -> np.ndarray:
    """Give each photo at least ``min_labels`` and at most ``max_labels`` labels.

    A photo with too few gets the undecided labels of highest margin, one with too many loses the decided ones of
    lowest; of equals, the earlier label is taken. The margin is the score's log odds less the threshold's: the same
    evidence moves a score as far in log odds wherever its threshold lies. A difference of probabilities would add rare
    labels first, which lie close below a low threshold whatever the photo; a quotient would keep rare labels first,
    whose scores can exceed a low threshold many times.

    Args:
        decisions: 0/1, shape (photos, labels).
        scores: in 0..1, in the same shape.
        thresholds: in 0..1, of a shape that goes with it: (labels,), or a photo's own.
        min_labels: 0 sets no limit.
        max_labels: None sets no limit.

    Returns:
        the decisions, uint8, in the same shape.
    """
    labels = decisions.shape[1]
    margins = log_odds(scores) - log_odds(thresholds)
    order = np.lexsort((-margins, -decisions.astype(np.int8)), axis=1)
    places = np.argsort(order, axis=1)
    wanted = np.clip(decisions.sum(axis=1), min_labels, labels if max_labels is None else max_labels)
    return (places < wanted[:, None]).astype(np.uint8)
