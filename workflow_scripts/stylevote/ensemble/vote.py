"""From the folds' outputs to decisions: how the folds are combined, and how many labels a photo gets."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stylevote.config.ensemble import Votes
from stylevote.ensemble.log_odds import log_odds
from stylevote.ensemble.stack import Stacker, stacked_scores
from stylevote.ensemble.threshold import apply_threshold
from stylevote.errors import InputError

AGGREGATIONS = ("average_scores", "average_then_vote", "stackers_vote", "average_cnn_first", "vote_all")


def combine_folds_by_label(
    features: Mapping[str, np.ndarray],
    combined: Mapping[str, Sequence[str]],
    stackers: Mapping[str, list[Stacker]],
    thresholds: Mapping[str, float | Sequence[float]],
    aggregation: str,
) -> dict[str, pd.DataFrame]:
    """Combine the folds for each label of a photoset; see `combine_folds`.

    Args:
        features: for each label its members' scores by each fold's CNNs, float32, shape (folds, photos, members).
        combined: for each label, the labels whose members its stackers use, its own first.
        stackers, thresholds: of each label.
        aggregation: how folds are combined.

    Raises:
        InputError: a label's stackers are of another number of members.
    """
    tables = {}
    for label, names in combined.items():
        members = np.concatenate([features[name] for name in names], axis=2)
        try:
            tables[label] = combine_folds(members, stackers[label], thresholds[label], aggregation)
        except InputError as error:
            raise InputError(f"stackers of {label!r}: {error}") from error
    return tables


def photoset_votes(
    tables: Mapping[str, pd.DataFrame],
    thresholds: Mapping[str, float | Sequence[float]],
    votes: Votes,
    image_ids: np.ndarray,
) -> pd.DataFrame:
    """Limit the number of labels per photo (`limit_labels`), and return the tables of all labels as one.

    The tables are those of `combine_folds_by_label`; the result has the further columns image_id and label.
    """
    scores, decisions = (np.stack([table[name] for table in tables.values()], 1) for name in ("score", "decision"))
    of_labels = np.array([np.mean(thresholds[label]) for label in tables])
    limited = limit_labels(decisions, scores, of_labels, votes.min_labels, votes.max_labels)
    named = []
    for (label, table), decision in zip(tables.items(), limited.T, strict=True):
        names = pd.DataFrame({"image_id": image_ids, "label": label}, index=table.index)
        named.append(pd.concat([names, table.assign(decision=decision)], axis=1))
    return pd.concat(named)


def combine_folds(
    features: np.ndarray, stackers: list[Stacker], threshold: float | Sequence[float], aggregation: str
) -> pd.DataFrame:
    """Decide one label. The scores of each fold's CNNs go through every stacker, which gives folds x stackers outputs.

    ``average_scores``: the threshold is applied to the mean output. ``average_cnn_first``: the members' scores are
    averaged over the folds and go through every stacker; the threshold is applied to the mean output.
    ``average_then_vote`` (Ding & Wan 2018): the threshold is applied to each fold's mean output, and the majority of
    the folds decides. ``stackers_vote``: the threshold is applied to each stacker's mean output, and the majority of
    the stackers decides. ``vote_all``: the threshold is applied to each output, and their majority decides. The mean
    output breaks ties.

    Args:
        features: the members' scores of the photoset by each fold's CNNs, float32, shape (folds, photos, members).
        stackers: the label's, one per fold.
        threshold: the label's, or each stacker's own, shape (stackers,). The votes of stackers and of outputs use their
            own thresholds, everything else uses the mean.
        aggregation: one of `AGGREGATIONS`.

    Returns:
        a row per photo: fold0, fold1, ... (each fold's mean output), score (mean output, or that of the averaged
        members), all float32; votes (int16) and decision (uint8). ``votes`` counts the outputs at or above the
        threshold for ``vote_all``, the stackers for ``stackers_vote``, else the folds with such a mean output. For the
        two averages it shows how far the folds agree, and decides nothing.

    Raises:
        InputError: the aggregation is another one.
    """
    if aggregation not in AGGREGATIONS:
        raise InputError(f"votes.aggregation: found {aggregation!r}, expected one of {', '.join(AGGREGATIONS)}")
    outputs = np.array([[stacker.scores(fold) for stacker in stackers] for fold in features])
    by_fold = outputs.mean(axis=1, dtype=np.float64).astype(np.float32)
    if aggregation == "average_cnn_first":
        score = stacked_scores(stackers, features.mean(axis=0, dtype=np.float64).astype(np.float32))
    else:
        score = outputs.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    mean, own = np.mean(threshold), np.broadcast_to(threshold, len(stackers))
    ballots, thresholds = by_fold, mean
    if aggregation == "stackers_vote":
        ballots, thresholds = outputs.mean(axis=0, dtype=np.float64).astype(np.float32), own[:, None]
    elif aggregation == "vote_all":
        ballots, thresholds = outputs.reshape(-1, len(score)), np.tile(own, len(features))[:, None]
    votes = apply_threshold(ballots, thresholds).sum(axis=0, dtype=np.int16)
    decision = apply_threshold(score, mean)
    if aggregation in ("average_then_vote", "stackers_vote", "vote_all"):
        decision = np.where(2 * votes == len(ballots), decision, 2 * votes > len(ballots)).astype(np.uint8)
    columns = {f"fold{k}": scores for k, scores in enumerate(by_fold)}
    return pd.DataFrame(columns | {"score": score, "votes": votes, "decision": decision})


def limit_labels(
    decisions: np.ndarray, scores: np.ndarray, thresholds: np.ndarray, min_labels: int, max_labels: int | None
) -> np.ndarray:
    """Give each photo at least ``min_labels`` and at most ``max_labels`` labels.

    A photo with too few labels gets further ones of highest margin. A photo with too many loses those of lowest margin.
    Ties go to the earlier label. The margin is the score's log odds minus the threshold's, since the same evidence
    moves log odds by the same amount at any threshold. A difference of probabilities would add rare labels first, whose
    scores are close to a low threshold for every photo. A quotient would keep rare labels first, whose scores can be
    many times a low threshold.

    Args:
        decisions: 0/1, shape (photos, labels).
        scores: in 0..1, in the same shape.
        thresholds: in 0..1, shape (labels,) or that of the scores.
        min_labels: 0 sets no limit.
        max_labels: None sets no limit.

    Returns:
        the decisions, uint8, in the same shape.
    """
    labels = decisions.shape[1]
    margins = log_odds(scores) - log_odds(thresholds)
    order = np.lexsort((-margins, -decisions.astype(np.int8)), axis=1)
    ranks = np.argsort(order, axis=1)
    counts = np.clip(decisions.sum(axis=1), min_labels, labels if max_labels is None else max_labels)
    return (ranks < counts[:, None]).astype(np.uint8)
