"""Selection of a label's members: the best that differ, the best together, or every run."""

import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from stylevote.config.ensemble import Selection
from stylevote.config.identity import seed as seed_of
from stylevote.ensemble.rank import ALL, best_epochs, rank_candidates
from stylevote.errors import InputError
from stylevote.files.tables import UNKNOWN
from stylevote.metrics import BETA

# Sums of scores are binned by the upper bits of their float32: 1,024 bins between a power of two and the next.
DROPPED_BITS = 13
MIN_SUM = np.float32(2.0**-16)  # smaller sums share a bin


def select_members(
    ranking: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    method: str = "top_n",
    top_n: int = 20,
    correlation: float = 0.9,
    correlation_of: str = "scores",
    greedy: dict[str, Any] | None = None,
    size: int | None = None,
    beta: float = BETA,
) -> pd.DataFrame:
    """Choose a label's members among the runs' best epochs.

    A candidate with constant scores tells no photos apart, and its correlation with others is undefined. Such a
    candidate becomes a member only if there are no others, and then only the first. Ties go to the better rank.

    Args:
        ranking: from `rank.rank_candidates`; its index is the row in ``scores``.
        scores: in 0..1, float32, shape (candidates, photos).
        labels: 0/1, shape (photos,); only ``greedy`` uses them.
        method: ``top_n`` (the best, none too similar to a better one: Ding & Wan 2018), ``greedy`` (those with the best
            mean: Caruana et al. 2004), ``each_backbone`` (the best of each `backbone_of`, however alike) or ``all``.
        top_n: of ``top_n``: maximum number of members.
        correlation: of ``top_n``: maximum Pearson correlation of two members' scores.
        correlation_of: of ``top_n``: ``scores``, or ``decisions``, 0/1 at each candidate's threshold in ``ranking``.
        greedy: of ``greedy``: the arguments of `bagged_counts`.
        size: maximum number of members for any method. ``top_n`` selects this many; of the other methods' members,
            those of the greatest weight stay.
        beta: of the F-beta of means, which ``greedy`` compares.

    Returns:
        ``ranking`` with the columns member (int16: 1, 2, ... by weight, then by rank; 0 for other candidates), weight
        (int16: how often the member counts; 0 for other candidates) and reason (why a candidate is not a member; empty
        for members).

    Raises:
        InputError: the method is another one.
    """
    weights = np.zeros(len(ranking), dtype=np.int64)
    reasons = np.full(len(ranking), "another epoch of the run is better", dtype=object)
    best = np.flatnonzero(ranking.index.isin(best_epochs(ranking).index))
    constant = np.array([scores[row].min() == scores[row].max() for row in ranking.index[best]])
    reasons[best[constant]] = "all its scores are the same"
    eligible = best[~constant]
    candidates = ranking.iloc[eligible]
    if method == "top_n":
        compared = scores[candidates.index]
        if correlation_of == "decisions":
            compared = (compared >= candidates["threshold"].to_numpy()[:, None]).astype(np.float32)
        weights[eligible], reasons[eligible] = _top(candidates, compared, size or top_n, correlation)
    elif method == "greedy":
        weights[eligible], reasons[eligible] = _greedy(scores[candidates.index], labels, beta=beta, **greedy)
    elif method == "each_backbone":
        weights[eligible], reasons[eligible] = _each_backbone(candidates["run"])
    elif method == "all":
        weights[eligible], reasons[eligible] = 1, ""
    else:
        raise InputError(f"selection.method: found {method!r}, expected one of top_n, greedy, each_backbone, all")
    if not len(eligible):
        weights[0], reasons[0] = 1, ""
    order = np.argsort(-weights, kind="stable")[: np.count_nonzero(weights)]
    if size is not None:
        weights[order[size:]], reasons[order[size:]] = 0, f"more than {size}"
        order = order[:size]
    members = np.zeros(len(ranking), dtype=np.int16)
    members[order] = np.arange(1, len(order) + 1)
    return ranking.assign(member=members, weight=weights.astype(np.int16), reason=reasons.tolist())


def backbone_of(run: str) -> str:
    """Return the backbone with which a run's id begins; any other name, as of an external member, stands for itself.

    An external member that has the name of a run, as a copy of a run's predictions may have, is of that backbone.
    """
    match = re.fullmatch(r"([A-Za-z0-9_.]+)-\d+-[a-z][a-z0-9_]*-[0-9a-f]{8}", run)  # see `identity.run_id`
    return match[1] if match else run


def select_by_fold(
    rankings: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    halves: np.ndarray,
    selection: Selection,
    *,
    sizes: dict[int, int | None] | None = None,
    beta: float = BETA,
) -> pd.DataFrame:
    """Choose a label's members for the ensemble, and for the nested estimate of each fold.

    ``selection.by`` photos: they are chosen on all photos and, for each fold, on the photos of the other folds.

    ``fold`` (Ding & Wan 2018): each fold's photos choose among its CNNs. For the nested estimate of a fold, each half
    of its photos chooses the CNNs that judge the other half, and other folds' members are as before. So no photo is
    judged by a choice that its own label had a part in, but for the number of members, which all choices share. If a
    half has no photo with the label, or none without, the photos of the other folds choose in its place.

    Args:
        rankings: from `rank.rank_by_fold`. If folds choose, only its candidates and held-out folds count.
        scores: in 0..1, float32, shape (candidates, photos).
        labels: 0, 1 or `UNKNOWN`, shape (photos,). Photos with an unknown label have no part in the choice.
        folds: shape (photos,).
        halves: from `features.split_halves`; only ``fold`` uses them.
        selection: method and its settings.
        sizes: maximum number of members by held-out fold, if another rule chose it; None stands for every run.
        beta: see `select_members`.

    Returns:
        all selections in one table, with the columns held_out_fold, fold (int16: the fold of a member's CNN, or `ALL`
        for its CNNs of all folds) and held_out_half (int16: the half of its fold that did not choose it, or `ALL`). If
        folds choose, the selections for nested estimates have no rows of other candidates.
    """
    labelled = labels != UNKNOWN
    ranked = {number: table.set_index("candidate") for number, table in rankings.groupby("held_out_fold", sort=False)}

    def select(ranking: pd.DataFrame, known: np.ndarray, size: int | None) -> pd.DataFrame:
        arguments = selection.arguments() if sizes is None else limit_size(selection, size)
        return select_members(ranking, scores[:, known], labels[known], **arguments, beta=beta)

    @cache
    def select_in(fold: int, half: int, size: int | None) -> pd.DataFrame:
        known = labelled & (folds == fold) & ((halves != half) | (half == ALL))
        if len(np.unique(labels[known])) < 2:
            known = labelled & (folds != fold)
        candidates = next(iter(ranked.values())).sort_index()[["run", "epoch"]]
        selected = select(rank_candidates(candidates, labels[known], scores[:, known], beta), known, size)
        return selected.rename_axis("candidate").assign(fold=fold, held_out_half=half)

    selections = []
    for held_out_fold, ranking in ranked.items():
        size = None if sizes is None else sizes[held_out_fold]
        if selection.by == "photos":
            selected = select(ranking, labelled & (folds != held_out_fold), size).assign(fold=ALL, held_out_half=ALL)
        else:
            parts = [
                (fold, half) for fold in np.unique(folds) for half in ((0, 1) if fold == held_out_fold else (ALL,))
            ]
            selected = pd.concat([select_in(fold, half, size) for fold, half in parts])
            if held_out_fold != ALL:
                selected = selected[selected["member"] > 0]
        selections.append(selected.reset_index().assign(held_out_fold=held_out_fold))
    whole = dict.fromkeys(["held_out_fold", "fold", "held_out_half"], "int16")
    return pd.concat(selections, ignore_index=True).astype(whole)


def limit_size(selection: Selection, size: int | None) -> dict[str, Any]:
    """Return arguments of `select_members` for at most ``size`` members; None stands for every run's best epoch."""
    return {"method": "all"} if size is None else selection.arguments() | {"size": size}


def members_of(selection: pd.DataFrame, held_out_fold: int = ALL) -> pd.DataFrame:
    """Return a selection's members, each repeated as often as it counts, and number the rows in the column member.

    The plain mean of these rows' scores is the mean that was selected. Trees ignore a repeated column. If folds chose
    their members, each fold (and half) has its own numbers, and as many members as the one with the fewest.

    Args:
        selection: from `select_members` or `select_by_fold`.
        held_out_fold: for `select_by_fold`: the fold without which members were selected, or `rank.ALL`.
    """
    if "held_out_fold" not in selection:
        selection = selection.assign(held_out_fold=ALL, fold=ALL, held_out_half=ALL)
    chosen_by = ["fold", "held_out_half"]
    members = selection[(selection["held_out_fold"] == held_out_fold) & (selection["member"] > 0)]
    members = members.sort_values([*chosen_by, "member"])
    repeated = members.iloc[np.repeat(np.arange(len(members)), members["weight"])]
    of_choices = repeated.groupby(chosen_by)
    repeated = repeated.assign(member=(of_choices.cumcount() + 1).astype("int16"))
    return repeated[repeated["member"] <= of_choices.size().min()]


def _top(candidates: pd.DataFrame, scores: np.ndarray, top_n: int, correlation: float) -> tuple[list[int], list[str]]:
    """Return a weight (1 or 0) and a reason for each candidate; the candidates are ordered, the best first."""
    directions = np.empty((min(top_n, len(scores)), scores.shape[1]))
    taken: list[str] = []
    weights, reasons = [], []
    for row, run, epoch in zip(scores, candidates["run"], candidates["epoch"], strict=True):
        reason = f"more than {top_n}" if len(taken) == top_n else ""
        if not reason:
            direction = _direction(row)
            correlations = directions[: len(taken)] @ direction
            if taken and correlations.max() > correlation:
                reason = f"correlates {correlations.max():.3f} with {taken[int(correlations.argmax())]}"
        if not reason:
            directions[len(taken)] = direction
            taken.append(f"{run} epoch {epoch}")
        weights.append(int(not reason))
        reasons.append(reason)
    return weights, reasons


def _direction(scores: np.ndarray) -> np.ndarray:
    """Return the scores minus their mean, at unit length. The dot product of two is their Pearson correlation.

    Decisions may all be the same. Their correlation is undefined, and 0 here.
    """
    centred = scores - scores.mean(dtype=np.float64)
    return centred / max(np.linalg.norm(centred), np.finfo(np.float64).tiny)


def _each_backbone(runs: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return a weight and a reason for each of the ``runs``, the best first."""
    repeated = runs.map(backbone_of).duplicated().to_numpy()
    return np.where(repeated, 0, 1), np.where(repeated, "another run of its backbone is better", "")


def _greedy(
    scores: np.ndarray, labels: np.ndarray, *, max_members: int, **settings: Any
) -> tuple[np.ndarray, list[str]]:
    """Return a weight and a reason for each candidate; the candidates are ordered, the best first."""
    counts = bagged_counts(scores, labels, max_members=max_members, **settings)
    weights = apportion(counts, max_members)
    total = counts.sum()
    reasons = [f"taken {count} times of {total}: too seldom" if count else "never taken" for count in counts]
    return weights, np.where(weights > 0, "", reasons).astype(object)


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
    """Return how often forward selection takes each candidate, added up over random samples of the candidates.

    Of many candidates, some fit the photos by luck. One that is taken from many samples does not (Caruana et al. 2004,
    section 2.3).

    Args:
        scores: the candidates' scores, best first, float32, shape (candidates, photos).
        labels: 0/1, shape (photos,).
        bags: number of samples.
        share: share of the candidates in a sample, which has at least one.
        start, max_members: see `forward_counts`.
        seed: of the samples. A sample depends only on the seed and on its number.
        beta: see `forward_counts`.

    Returns:
        int64, shape (candidates,).
    """
    counts = np.zeros(len(scores), dtype=np.int64)
    size = max(1, round(share * len(scores)))
    for bag in range(bags if len(scores) else 0):
        rng = np.random.default_rng(seed_of(seed, bag, "greedy selection"))
        sample = np.sort(rng.choice(len(scores), size, replace=False))
        counts[sample] += forward_counts(scores[sample], labels, start, max_members, beta)
    return counts


def forward_counts(
    scores: np.ndarray, labels: np.ndarray, start: int, max_members: int, beta: float = BETA
) -> np.ndarray:
    """Return how often forward selection with replacement takes each candidate (Caruana et al. 2004, 2.1 and 2.2).

    It starts with the best candidates, up to ``start``, as many as give the best mean. It adds the candidate that gives
    the best mean, one at a time, until ``max_members`` are taken. It returns the counts at which the mean was best. The
    F-beta of a mean is `binned_f_beta`.

    Args:
        scores: the candidates' scores, best first, float32, shape (candidates, photos).
        labels: 0/1, shape (photos,).
        start: maximum number of candidates to start with.
        max_members: candidates to take, each counted as often as it is taken.

    Returns:
        int64, shape (candidates,).
    """
    positives = np.flatnonzero(labels)
    sums = np.cumsum(scores[: min(start, max_members)], axis=0, dtype=np.float32)
    f_betas = [binned_f_beta(row, positives, beta) for row in sums]
    first = int(np.argmax(f_betas)) + 1
    taken, f_betas, total = list(range(first)), f_betas[:first], sums[first - 1]
    trial = np.empty_like(total)
    while len(taken) < max_members:
        trials = [binned_f_beta(np.add(total, row, out=trial), positives, beta) for row in scores]
        best = int(np.argmax(trials))
        taken.append(best)
        f_betas.append(trials[best])
        total = total + scores[best]
    return np.bincount(taken[: int(np.argmax(f_betas)) + 1], minlength=len(scores))


def binned_f_beta(scores: np.ndarray, positives: np.ndarray, beta: float = BETA) -> float:
    """Return the F-beta of scores at the best threshold between bins: `metrics.best_threshold` without a sort.

    A bin is 0.05 to 0.1 % wide, relative to its scores, which is fine enough for a rare label's small scores.
    Thresholds are the bins' edges, so the F-beta is never above the exact one.

    Args:
        scores: at least 0, float32, shape (photos,); sums of scores give the same as means.
        positives: positions of the photos with the label.
    """
    bins = np.maximum(scores.view(np.int32) >> DROPPED_BITS, MIN_SUM.view(np.int32) >> DROPPED_BITS)
    bins -= MIN_SUM.view(np.int32) >> DROPPED_BITS
    photos = np.bincount(bins)
    hits = np.bincount(bins[positives], minlength=len(photos))
    decided, hits = np.cumsum(photos[::-1]), np.cumsum(hits[::-1])
    return float(np.max((1 + beta**2) * hits / (beta**2 * len(positives) + decided)))


def apportion(counts: np.ndarray, max_members: int) -> np.ndarray:
    """Scale ``counts`` (int64, shape (candidates,)) down to whole numbers with a sum of at most ``max_members``.

    Each candidate gets its share of ``max_members``, rounded by the largest remainders (Hamilton); ties go to the first
    candidate. The numbers are then divided by their greatest common divisor.
    """
    total = int(counts.sum())
    if total > max_members:
        shares = counts * max_members
        counts = shares // total
        counts[np.argsort(-(shares % total), kind="stable")[: max_members - counts.sum()]] += 1
    return counts // max(int(np.gcd.reduce(counts)), 1)
