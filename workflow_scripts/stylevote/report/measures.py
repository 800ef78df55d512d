"""Compute figures that only the report needs: curves, reliability, single networks' decisions, doubtful photos."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from stylevote.ensemble.log_odds import log_odds
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.select import backbone_of
from stylevote.ensemble.threshold import f_beta_at, search_threshold
from stylevote.estimate.single_networks import predict_by_best_network
from stylevote.files.tables import UNKNOWN
from stylevote.metrics import BETA, drop_unknown

POINTS = 160  # of a curve: more cannot be seen
FLAT = 0.01  # a threshold is as good as the chosen one if its F-beta is no further below
BINS = 8  # of a reliability curve
SEARCHES = {"label": str, "method": str, "sample": int, "threshold": float, "f_beta": float}
SEARCH_RESAMPLES = 20  # on which searches for a threshold are compared


def curve_points(scores: np.ndarray, threshold: float, points: int = POINTS) -> np.ndarray:
    """Return the thresholds at which to draw a curve: ascending, in 0..1, each once, with the chosen one.

    Half are at even log odds between the lowest and the highest score, and half at quantiles of the scores. So both a
    rare label's few high scores and the many low ones are drawn.

    ``scores`` have the shape (photos,). There are at most ``points`` thresholds, without the chosen one.
    """
    odds = log_odds(scores)
    even = 1 / (1 + np.exp(-np.linspace(odds.min(), odds.max(), points // 2)))
    quantiles = np.quantile(scores.astype(np.float64), np.linspace(0, 1, points - points // 2))
    return np.unique(np.concatenate([even, quantiles, [threshold]]))


def flat_range(
    labels: np.ndarray, scores: np.ndarray, threshold: float, beta: float = BETA, tolerance: float = FLAT
) -> tuple[float, float]:
    """Return the range of thresholds whose F-beta is at most ``tolerance`` below that of the chosen one.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        scores: in 0..1, shape (photos,).
        threshold: the chosen one.
        tolerance: of F-beta.

    Returns:
        low and high: every threshold above ``low`` and up to ``high`` is as good. Only scores are tried, since F-beta
        changes nowhere else.
    """
    labels, scores = drop_unknown(labels, scores)
    tried = np.unique(scores.astype(np.float64))
    enough = f_beta_at(labels, scores, np.array([threshold]), beta)[0] - tolerance - 1e-12  # for rounding
    good = f_beta_at(labels, scores, tried, beta) >= enough
    place = int(np.searchsorted(tried, threshold))  # the first score that is decided
    below, above = np.flatnonzero(~good[:place]), np.flatnonzero(~good[place:])
    low = tried[below[-1]] if len(below) else 0.0
    high = tried[place + above[0] - 1] if len(above) else max(tried[-1], threshold)
    return float(low), float(high)


def reliability(labels: np.ndarray, scores: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Compare scores with the share of photos that have the label (a reliability diagram, Murphy & Winkler 1977).

    Photos in the order of their scores are divided into bins with equally many expected positives: the scores of each
    bin have the same sum. Bins of equal width or size would put all of a rare label's positives into one bin. Photos
    with equal scores stay together.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        scores: in 0..1, shape (photos,).
        bins: number at most.

    Returns:
        a row per bin, the lowest scores first: photos, expected (mean score), observed (share with the label), low and
        high (its 95 % interval, Wilson 1927).
    """
    labels, scores = drop_unknown(labels, scores)
    order = np.argsort(scores, kind="stable")
    ordered, truth = scores[order].astype(np.float64), labels[order].astype(np.float64)
    total = np.cumsum(ordered)
    bin_of = np.minimum((total - ordered / 2) / max(total[-1], 1e-300) * bins, bins - 1e-9).astype(int)
    firsts = np.append(True, ordered[1:] != ordered[:-1])
    bin_of = bin_of[np.flatnonzero(firsts)[np.cumsum(firsts) - 1]]
    table = pd.DataFrame({"bin": bin_of, "expected": ordered, "observed": truth}).groupby("bin")
    result = table.mean().assign(photos=table.size()).reset_index(drop=True)
    low, high = wilson(result["observed"].to_numpy(), result["photos"].to_numpy())
    return result.assign(low=low, high=high)[["photos", "expected", "observed", "low", "high"]]


def wilson(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of a share of ``count`` photos (Wilson 1927)."""
    z = 1.959964
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.clip(middle - reach, 0, 1), np.clip(middle + reach, 0, 1)


def decide_by_singles(
    rankings: pd.DataFrame, read_scores: Callable[[pd.DataFrame], np.ndarray], folds: np.ndarray, external: set[str]
) -> pd.DataFrame:
    """Decide every photo by the best single network, and by the best of each backbone, without bias.

    For each fold, the network (a run at an epoch) and its threshold are the best on the photos of the other folds.

    Args:
        rankings: what `rank.rank_by_fold` returns.
        read_scores: returns the out-of-fold scores of the networks in a table with the columns run and epoch: shape
            (networks, photos).
        folds: shape (photos,).
        external: names of external members, which count as one backbone.

    Returns:
        a row per photo: ``best`` and a column per backbone, uint8.
    """
    names = ["external member" if run in external else backbone_of(run) for run in rankings["run"]]
    ranked = rankings.assign(kind=names)
    kinds = {"best": ranked, **dict(list(ranked.groupby("kind")))}
    return pd.DataFrame({kind: predict_by_best_network(rows, read_scores, folds) for kind, rows in kinds.items()})


def decide_by_one(
    rankings: Sequence[pd.DataFrame], read_scores: Sequence[Callable[[pd.DataFrame], np.ndarray]], folds: np.ndarray
) -> np.ndarray | None:
    """Decide every photo and label by one network, without bias.

    For each fold, the network (a run at an epoch) has the highest mean over labels of F-beta on the photos of the other
    folds, each label at its best threshold there.

    Args:
        rankings, read_scores: of each label, see `decide_by_singles`.
        folds: shape (photos,).

    Returns:
        0/1, uint8, shape (photos, labels); None if no network predicts every label.
    """
    ranked = [table[table["held_out_fold"] != ALL].set_index(["held_out_fold", "run", "epoch"]) for table in rankings]
    macro = pd.concat([table["f_beta"] for table in ranked], axis=1, join="inner").mean(axis=1).sort_index()
    if macro.empty:
        return None
    best = list(macro.groupby(level="held_out_fold").idxmax())
    decided = [
        predict_by_best_network(table.loc[best].reset_index(), read, folds)
        for table, read in zip(ranked, read_scores, strict=True)
    ]
    return np.stack(decided, axis=1)


def compare_searches(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    beta: float = BETA,
    resamples: int = SEARCH_RESAMPLES,
) -> pd.DataFrame:
    """Compare the steps and L-BFGS as searches for a threshold, on scores of a stack, as Ding & Wan (2018) did.

    Each searches on samples of the groups, drawn with replacement. The photos that a sample leaves out score the
    threshold.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        scores: in 0..1, shape (photos,).
        groups: of the photos, shape (photos,); by default, each photo has its own.
        resamples: number of samples. Samples with the same number hold the same photos for all labels.

    Returns:
        the columns `SEARCHES` without the label.
    """
    random, rows = np.random.default_rng(1), []
    _, group = np.unique(np.arange(len(labels)) if groups is None else groups, return_inverse=True)
    count = group.max() + 1
    for sample in range(resamples):
        times = np.bincount(random.integers(0, count, count), minlength=count)[group]
        drawn, left_out = np.repeat(np.arange(len(labels)), times), times == 0
        for method in ("greedy", "lbfgs"):
            threshold, _ = search_threshold(labels[drawn], scores[drawn], method, beta=beta)
            (reached,) = f_beta_at(labels[left_out], scores[left_out], np.array([threshold]), beta)
            rows.append([method, sample, threshold, reached])
    return pd.DataFrame(rows, columns=["method", "sample", "threshold", "f_beta"])


def confident_mistakes(
    labels: np.ndarray, decided: np.ndarray, scores: np.ndarray, thresholds: np.ndarray, count: int
) -> pd.DataFrame:
    """Return the wrong decisions whose scores are furthest from their thresholds: the table may be wrong there.

    Each photo counts once, and each label at most a third of the time, so that no label fills the list.

    Args:
        labels: of the table, 0, 1 or `UNKNOWN`, shape (photos, labels); an unknown label is no mistake.
        decided: decisions, 0/1, in the same shape.
        scores: in 0..1, in the same shape.
        thresholds: of the scores, in the same shape.
        count: number of each kind at most.

    Returns:
        columns photo, label (numbers), kind (``added``: decided, not in the table; ``missed``: in the table, not
        decided), away (the distance in log odds), the furthest first within a kind.
    """
    away = log_odds(scores) - log_odds(thresholds)
    parts = []
    for kind, wrong, distance in (
        ("added", (decided == 1) & (labels == 0), away),
        ("missed", (decided == 0) & (labels == 1), -away),
    ):
        photo, label = np.nonzero(wrong)
        mistakes = pd.DataFrame({"photo": photo, "label": label, "kind": kind, "away": distance[wrong]})
        mistakes = mistakes.sort_values(["away", "photo", "label"], ascending=[False, True, True])
        parts.append(_first_of_each(mistakes, count))
    return pd.concat(parts, ignore_index=True)


def disagreements(fold_scores: np.ndarray, thresholds: np.ndarray, count: int) -> pd.DataFrame:
    """Return the decisions on which the folds disagree most: nearly half vote for the label, and scores are far apart.

    Args:
        fold_scores: shape (photos, labels, folds), in 0..1.
        thresholds: shape (labels,).
        count: number at most, each of another photo.

    Returns:
        columns photo, label (numbers), votes (folds for the label), spread (of the folds' scores, in log odds). Photos
        on which all folds agree are left out.
    """
    odds = log_odds(fold_scores) - log_odds(np.asarray(thresholds))[None, :, None]
    votes, folds = (odds >= 0).sum(axis=2), fold_scores.shape[2]
    photo, label = np.nonzero((votes > 0) & (votes < folds))
    table = pd.DataFrame({"photo": photo, "label": label, "votes": votes[photo, label]})
    # The distance of the closer side from the threshold: one fold that is far out does not count.
    table["spread"] = np.minimum(odds.max(axis=2), -odds.min(axis=2))[photo, label]
    table["split"] = np.minimum(table["votes"], folds - table["votes"])
    table = table.sort_values(["split", "spread", "photo", "label"], ascending=[False, False, True, True])
    return _first_of_each(table.drop(columns="split"), count).reset_index(drop=True)


def _first_of_each(decisions: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return the first ``count`` decisions: one per photo, and at most a third of one label."""
    decisions = decisions.drop_duplicates("photo")
    return decisions[decisions.groupby("label").cumcount() < max(-(-count // 3), 1)].head(count)


def co_occurrence(labels: np.ndarray) -> np.ndarray:
    """Return the share of each label's photos (row) that have each other label (column), float64; 0 without photos.

    ``labels`` are 0, 1 or `UNKNOWN`, of shape (photos, labels). Photos whose other label is unknown do not count.
    """
    positive = (labels == 1).astype(np.int64)
    return (positive.T @ positive) / np.maximum(positive.T @ (labels != UNKNOWN), 1)
