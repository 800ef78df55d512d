"""Selection of a label's members: the best that differ, the best together, or every run."""

from typing import Any

import numpy as np
import pandas as pd

from stylevote.config.identity import seed as seed_of
from stylevote.ensemble.rank import ALL, best_epochs
from stylevote.errors import InputError
from stylevote.metrics import BETA

# Sums of scores fall into bins by the upper bits of their float32: 1,024 bins between a power of two and the next.
DROPPED_BITS = 13
MIN_SUM = np.float32(2.0**-16)  # what is less shares a bin


def select_members(
    ranking: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    method: str = "top_n",
    top_n: int = 20,
    correlation: float = 0.9,
    greedy: dict[str, Any] | None = None,
    size: int | None = None,
    beta: float = BETA,
) -> pd.DataFrame:
    """Choose a label's members among the runs' best epochs.

    A candidate whose scores are all the same tells no photos apart, and its correlation with others is undefined: it is
    taken only where every run's best epoch is such a one, and then only the first. Of equals, the better ranked counts.

    Args:
        ranking: what `rank.rank_candidates` returns, its index being the row in ``scores``.
        scores: in 0..1, float32, shape (candidates, photos).
        labels: 0/1, shape (photos,); ``greedy`` alone looks at them.
        method: ``top_n`` (the best, none too like one already taken: Ding & Wan 2018), ``greedy`` (those whose mean is
            best: Caruana et al. 2004) or ``all``.
        top_n: of ``top_n``: how many members to take at most.
        correlation: of ``top_n``: the highest Pearson correlation that two members' scores may have.
        greedy: of ``greedy``: the arguments of `bagged_counts`.
        size: how many members to take at most, whatever the method: ``top_n`` takes so many, of the others' members
            those of the greatest weight stay.
        beta: of the F-beta of means, which ``greedy`` compares.

    Returns:
        ``ranking`` with the columns member (int16: 1, 2, ... by weight, then by rank; 0 for the others), weight (int16:
        how often the member is to be counted; 0 for the others) and reason (why a candidate is not a member; empty for
        members).

    Raises:
        InputError: for another method.
    """
    weights = np.zeros(len(ranking), dtype=np.int64)
    reasons = np.full(len(ranking), "another epoch of the run is better", dtype=object)
    best = np.flatnonzero(ranking.index.isin(best_epochs(ranking).index))
    constant = np.array([scores[row].min() == scores[row].max() for row in ranking.index[best]])
    reasons[best[constant]] = "all its scores are the same"
    eligible = best[~constant]
    candidates = ranking.iloc[eligible]
    chosen = scores[candidates.index]
    if method == "top_n":
        weights[eligible], reasons[eligible] = _top(candidates, chosen, size or top_n, correlation)
    elif method == "greedy":
        weights[eligible], reasons[eligible] = _greedy(chosen, labels, beta=beta, **greedy)
    elif method == "all":
        weights[eligible], reasons[eligible] = 1, ""
    else:
        raise InputError(f"selection method {method!r} is none of 'top_n', 'greedy' and 'all'")
    if not len(eligible):
        weights[0], reasons[0] = 1, ""
    order = np.argsort(-weights, kind="stable")[: np.count_nonzero(weights)]
    if size is not None:
        weights[order[size:]], reasons[order[size:]] = 0, f"more than {size}"
        order = order[:size]
    members = np.zeros(len(ranking), dtype=np.int16)
    members[order] = np.arange(1, len(order) + 1)
    return ranking.assign(member=members, weight=weights.astype(np.int16), reason=reasons.tolist())


def select_by_fold(
    rankings: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    settings: dict[str, Any],
    *,
    sizes: dict[int, int | None] | None = None,
    beta: float = BETA,
) -> pd.DataFrame:
    """Choose a label's members on all photos, and for each fold on the photos of the others.

    Args:
        rankings: what `rank.rank_by_fold` returns.
        scores: in 0..1, float32, shape (candidates, photos).
        labels: 0/1, shape (photos,).
        folds: shape (photos,).
        settings: further arguments of `select_members`.
        sizes: the most members to take, by the fold left out (`rank.ALL`: none is), where another rule chose them;
            None stands for every run.
        beta: see `select_members`.

    Returns:
        the selections, one below the other, with the column held_out_fold.
    """
    parts = []
    for held_out_fold, part in rankings.groupby("held_out_fold", sort=False):
        rows, ranking = folds != held_out_fold, part.set_index("candidate")
        sized = settings if sizes is None else limit_size(settings, sizes[held_out_fold])
        selection = select_members(ranking, scores[:, rows], labels[rows], **sized, beta=beta)
        parts.append(selection.reset_index())
    return pd.concat(parts, ignore_index=True)


def limit_size(settings: dict[str, Any], size: int | None) -> dict[str, Any]:
    """Return settings of `select_members` for so many members at most; None stands for every run's best epoch."""
    return {"method": "all"} if size is None else {**settings, "size": size}


def members_of(selection: pd.DataFrame, held_out_fold: int = ALL) -> pd.DataFrame:
    """Return a selection's members, each as many times as it weighs, numbered 1, 2, ... anew in the column member.

    The plain mean of these rows' scores is the mean that was selected; to trees, a column that comes again is no news.

    Args:
        selection: what `select_members` or `select_by_fold` returns.
        held_out_fold: of the latter: the fold that was left out, or `rank.ALL`.
    """
    if "held_out_fold" in selection:
        selection = selection[selection["held_out_fold"] == held_out_fold]
    members = selection[selection["member"] > 0].sort_values("member")
    repeated = members.iloc[np.repeat(np.arange(len(members)), members["weight"])]
    return repeated.assign(member=np.arange(1, len(repeated) + 1, dtype=np.int16))


def _top(candidates: pd.DataFrame, scores: np.ndarray, top_n: int, correlation: float) -> tuple[list[int], list[str]]:
    """Return a weight (1 or 0) and a reason for each candidate; they come best first."""
    directions = np.empty((min(top_n, len(scores)), scores.shape[1]))
    taken: list[str] = []
    weights, reasons = [], []
    for row, run, epoch in zip(scores, candidates["run"], candidates["epoch"], strict=True):
        reason = f"more than {top_n}" if len(taken) == top_n else ""
        if not reason:
            direction = _direction(row)
            likeness = directions[: len(taken)] @ direction
            if taken and likeness.max() > correlation:
                reason = f"correlates {likeness.max():.3f} with {taken[int(likeness.argmax())]}"
        if not reason:
            directions[len(taken)] = direction
            taken.append(f"{run} epoch {epoch}")
        weights.append(int(not reason))
        reasons.append(reason)
    return weights, reasons


def _direction(scores: np.ndarray) -> np.ndarray:
    """Return the scores less their mean, at unit length: the dot product of two is their Pearson correlation."""
    centred = scores - scores.mean(dtype=np.float64)
    return centred / np.linalg.norm(centred)


def _greedy(
    scores: np.ndarray, labels: np.ndarray, *, max_members: int, **settings: Any
) -> tuple[np.ndarray, list[str]]:
    """Return a weight and a reason for each candidate; they come best first."""
    counts = bagged_counts(scores, labels, max_members=max_members, **settings)
    weights = apportion(counts, max_members)
    total = counts.sum()
    seldom = [f"taken {count} times of {total}: too seldom" if count else "never taken" for count in counts]
    return weights, np.where(weights > 0, "", seldom).astype(object)


def bagged_counts(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    bags: int,
    share: float,
    start: int,
    max_members: int,
    seed: int,
    beta: float = BETA,
) -> np.ndarray:
    """Return how often forward selection takes each candidate, added up over random parts of them.

    Where many candidates are tried, some fit the photos by luck; one that is taken from many parts does not (Caruana et
    al. 2004, section 2.3).

    Args:
        scores: the candidates' scores, best first, float32, shape (candidates, photos).
        labels: 0/1, shape (photos,).
        bags: how many parts.
        share: of the candidates that a part holds; at least one.
        start, max_members: see `forward_counts`.
        seed: another one draws other parts. A bag's part depends on nothing but this and its number.
        beta: see `forward_counts`.

    Returns:
        int64, shape (candidates,).
    """
    counts = np.zeros(len(scores), dtype=np.int64)
    size = max(1, round(share * len(scores)))
    for bag in range(bags if len(scores) else 0):
        rng = np.random.default_rng(seed_of(seed, bag, "greedy selection"))
        part = np.sort(rng.choice(len(scores), size, replace=False))
        counts[part] += forward_counts(scores[part], labels, start, max_members, beta)
    return counts


def forward_counts(
    scores: np.ndarray, labels: np.ndarray, start: int, max_members: int, beta: float = BETA
) -> np.ndarray:
    """Return how often forward selection with replacement takes each candidate (Caruana et al. 2004, 2.1 and 2.2).

    It starts with the best candidates, as many of the first ``start`` as give the best mean; adds, one at a time, the
    candidate with which the mean is best, until there are ``max_members``; and keeps what had been taken when the
    mean was best. A mean's F-beta is `binned_f_beta`.

    Args:
        scores: the candidates' scores, best first, float32, shape (candidates, photos).
        labels: 0/1, shape (photos,).
        start: most candidates to start with.
        max_members: candidates to take, each counted as often as it is taken.
        beta: weight of recall against precision.

    Returns:
        int64, shape (candidates,).
    """
    positives = np.flatnonzero(labels)
    sums = np.cumsum(scores[: min(start, max_members)], axis=0, dtype=np.float32)
    reached = [binned_f_beta(row, positives, beta) for row in sums]
    first = int(np.argmax(reached)) + 1
    taken, reached, total = list(range(first)), reached[:first], sums[first - 1]
    trial = np.empty_like(total)
    while len(taken) < max_members:
        found = [binned_f_beta(np.add(total, row, out=trial), positives, beta) for row in scores]
        best = int(np.argmax(found))
        taken.append(best)
        reached.append(found[best])
        total = total + scores[best]
    return np.bincount(taken[: int(np.argmax(reached)) + 1], minlength=len(scores))


def binned_f_beta(scores: np.ndarray, positives: np.ndarray, beta: float = BETA) -> float:
    """Return the F-beta of scores at the best threshold between bins: `metrics.best_threshold` without a sort.

    Scores in one bin are cut together. A bin is 0.05 to 0.1 % wide, relative to its scores, so that it is fine enough
    where a rare label's small scores lie. The F-beta is that of a threshold there is, and so never above the exact one.

    Args:
        scores: from 0, float32, shape (photos,); sums do as well as means.
        positives: the photos that have the label.
        beta: weight of recall against precision.
    """
    bins = np.maximum(scores.view(np.int32) >> DROPPED_BITS, MIN_SUM.view(np.int32) >> DROPPED_BITS)
    bins -= MIN_SUM.view(np.int32) >> DROPPED_BITS
    photos = np.bincount(bins)
    hits = np.bincount(bins[positives], minlength=len(photos))
    decided, found = np.cumsum(photos[::-1]), np.cumsum(hits[::-1])
    return float(np.max((1 + beta**2) * found / (beta**2 * len(positives) + decided)))


def apportion(counts: np.ndarray, max_members: int) -> np.ndarray:
    """Return small whole numbers in the proportion of ``counts`` (int64, shape (candidates,)), ``max_members`` in all
    at most.

    Where the counts add up to more, each has its share of ``max_members``, rounded by the largest remainders
    (Hamilton), the first of equals first. What has a common divisor is divided by it.
    """
    total = int(counts.sum())
    if total > max_members:
        shares = counts * max_members
        counts = shares // total
        counts[np.argsort(-(shares % total), kind="stable")[: max_members - counts.sum()]] += 1
    return counts // max(int(np.gcd.reduce(counts)), 1)
