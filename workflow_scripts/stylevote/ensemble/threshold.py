"""The search for a label's threshold, and its use."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit

from stylevote.config.ensemble import Threshold
from stylevote.ensemble.log_odds import from_log_odds, log_odds
from stylevote.ensemble.newton import minimize_cross_entropy
from stylevote.errors import InputError
from stylevote.metrics import BETA, best_threshold, curve_of_counts, drop_unknown, f_beta

MIN_DECIDED = 10  # minimum of photos to measure a precision


def apply_threshold(scores: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Return 1 if ``score >= threshold``, else 0: uint8, in the scores' shape."""
    # In double precision: numpy would round the threshold to the scores' float32, perhaps up to the next score.
    return (scores.astype(np.float64) >= threshold).astype(np.uint8)


def even_thresholds(steps: int) -> np.ndarray:
    """Return 0..1 divided into ``steps``: shape (steps + 1,)."""
    return np.arange(steps + 1) / steps


def f_beta_at(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray, beta: float = BETA) -> np.ndarray:
    """Return the F-beta of ``scores`` against ``labels``, both (photos,), at each of ``thresholds``.

    It is NaN if the label is unknown for all photos.
    """
    labels, scores = drop_unknown(labels, scores)
    if not len(labels):
        return np.full(len(thresholds), np.nan)
    ordered = np.sort(scores.astype(np.float64))
    ordered_positives = np.sort(scores[labels == 1].astype(np.float64))
    decided = len(ordered) - np.searchsorted(ordered, thresholds)
    hits = len(ordered_positives) - np.searchsorted(ordered_positives, thresholds)
    return (1 + beta**2) * hits / (beta**2 * max(len(ordered_positives), 1) + decided)


def greedy_threshold(labels: np.ndarray, scores: np.ndarray, steps: int, beta: float) -> float:
    """Return the best of ``steps + 1`` even thresholds (Ding & Wan 2018); ties go to the highest."""
    thresholds = even_thresholds(steps)[::-1]
    return float(thresholds[np.argmax(f_beta_at(labels, scores, thresholds, beta))])


def lbfgs_threshold(labels: np.ndarray, scores: np.ndarray, beta: float) -> float:
    """Return the threshold of highest smoothed F-beta, found by L-BFGS (Byrd, Lu, Nocedal & Zhu 1995).

    Ding & Wan (2018) compare their steps with this optimizer. F-beta itself is flat between scores. So a photo counts
    as decided by a sigmoid of its distance from the threshold, in log odds. With n positives, the sigmoid's width is
    n^(-1/3) / 2 standard deviations: it narrows as it should for a smoothed distribution function (Azzalini 1981).
    Of five descents, which start at quantiles of the positives' scores, the best one counts.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 (slow to import, and only needed here)

    odds = log_odds(scores)
    center, scale = odds.mean(), odds.std()
    odds = (odds - center) / scale
    positive = labels == 1
    positives = np.count_nonzero(positive)
    width = positives ** (-1 / 3) / 2

    def loss(threshold: np.ndarray) -> tuple[float, np.ndarray]:
        decided = expit((odds - threshold) / width)
        slopes = -decided * (1 - decided) / width
        hits, hits_slope = decided[positive].sum(), slopes[positive].sum()
        denominator = beta**2 * positives + decided.sum()
        gradient = (hits_slope * denominator - hits * slopes.sum()) / denominator**2
        return -(1 + beta**2) * hits / denominator, np.array([-(1 + beta**2) * gradient])

    starts = np.quantile(odds[positive], [0.1, 0.3, 0.5, 0.7, 0.9])
    results = [minimize(loss, [start], jac=True, method="L-BFGS-B") for start in starts]
    best = min(results, key=lambda result: result.fun)
    return from_log_odds(center + scale * best.x[0])


def fit_platt(labels: np.ndarray, odds: np.ndarray) -> tuple[float, float]:
    """Return slope and offset of the line from the scores' log odds to the label's log odds (Platt 1999).

    They maximize the likelihood of Platt's targets: (n+ + 1) / (n+ + 2) instead of 1, and 1 / (n- + 2) instead of 0.
    So both are finite even if the scores separate the labels. The slope is never negative.

    Args:
        labels: 0/1, shape (photos,); both occur.
        odds: log odds of the scores, shape (photos,); not all the same.
    """
    positives = np.count_nonzero(labels == 1)
    negatives = len(labels) - positives
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    center, scale = odds.mean(), odds.std()
    values = np.column_stack([(odds - center) / scale, np.ones(len(odds))])
    start = np.array([0.0, logit(targets.mean())])
    slope, offset = minimize_cross_entropy(values, targets, np.zeros(2), start)
    if slope < 0:  # the loss is convex: the best slope that is not negative is then 0
        slope, offset = start
    return float(slope / scale), float(offset - slope * center / scale)


def plug_in_threshold(labels: np.ndarray, scores: np.ndarray, beta: float) -> float:
    """Return the threshold that is optimal if the scores, calibrated by Platt's sigmoid, are the true probabilities.

    The best threshold of calibrated probabilities is F* / (1 + beta^2), where F* is the F-beta that it gives (Lipton,
    Elkan & Narayanaswamy 2014; for beta 1 it is F* / 2). F* is the highest expected F-beta over all thresholds.
    """
    odds = log_odds(scores)
    slope, offset = fit_platt(labels, odds)
    if slope == 0:
        return 0.0  # the probability is the same for all photos: giving the label to all of them is best
    probabilities = -np.sort(-expit(slope * odds + offset))
    decided = np.arange(1, len(probabilities) + 1)
    share = np.max(np.cumsum(probabilities) / (beta**2 * probabilities.sum() + decided))
    return from_log_odds((logit(share) - offset) / slope)


def shrunk_threshold(labels: np.ndarray, scores: np.ndarray, shrink: float, beta: float) -> float:
    """Return the exact threshold, drawn towards the plug-in threshold if the label has few positives.

    With n positives, the exact threshold has the weight n / (n + shrink): the credibility of an estimate next to a
    steadier one (Bühlmann 1967). The mean is taken in log odds, where Platt's calibration is a line.
    """
    exact, _ = best_threshold(labels, scores, beta)
    exact, plug_in = log_odds(np.array([exact, plug_in_threshold(labels, scores, beta)]))
    positives = np.count_nonzero(labels == 1)
    return from_log_odds(plug_in + positives / (positives + shrink) * (exact - plug_in))


def bootstrap_threshold(labels: np.ndarray, scores: np.ndarray, resamples: int, seed: int, beta: float) -> float:
    """Return the median of the exact thresholds of ``resamples`` bootstrap samples (Efron & Tibshirani 1993).

    A sample draws, with replacement, as many photos with the label and as many without it as there are, because a
    sample without positives would have no best threshold.
    """
    generator = np.random.default_rng(seed)
    falling, position = np.unique(-scores, return_inverse=True)
    distinct = -falling.astype(np.float64)
    positive, negative = position[labels == 1], position[labels != 1]
    best = []
    for _ in range(resamples):
        positives = np.bincount(generator.choice(positive, len(positive)), minlength=len(distinct))
        photos = positives + np.bincount(generator.choice(negative, len(negative)), minlength=len(distinct))
        drawn = np.flatnonzero(photos)
        thresholds, f_betas = curve_of_counts(distinct[drawn], positives[drawn], photos[drawn], beta)
        best.append(thresholds[np.argmax(f_betas)])
    return float(np.median(best))


def search_thresholds(
    labels: np.ndarray, scores: np.ndarray, folds: np.ndarray, threshold: Threshold, beta: float = BETA
) -> tuple[float | np.ndarray, float]:
    """Return a label's threshold, or with ``threshold.by`` fold each stacker's own, and the F-beta of the decisions.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        scores: out-of-fold stacked scores, shape (photos,).
        folds: shape (photos,).
        threshold: the search and its settings.
    """
    if threshold.by == "label":
        return search_threshold(labels, scores, **threshold.arguments(), beta=beta)
    of_folds, decisions = [], np.empty(len(labels), dtype=np.uint8)
    for fold in np.unique(folds):
        inside = folds == fold
        best, _ = search_threshold(labels[inside], scores[inside], **threshold.arguments(), beta=beta)
        decisions[inside] = apply_threshold(scores[inside], best)
        of_folds.append(best)
    return np.array(of_folds), f_beta(labels, decisions, beta)


def search_threshold(
    labels: np.ndarray,
    scores: np.ndarray,
    method: str,
    *,
    steps: int = 100,
    resamples: int = 200,
    shrink: float = 300,
    seed: int = 0,
    beta: float = BETA,
) -> tuple[float, float]:
    """Return a label's threshold, in 0..1, and its F-beta on the same photos.

    If all photos have the label, or none has it, or all scores are equal, there is nothing to smooth or to calibrate.
    Then every method but ``greedy`` is ``exact``.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        scores: in 0..1, shape (photos,).
        method: ``greedy`` (evenly spaced steps), ``exact`` (every threshold, `metrics.best_threshold`), ``lbfgs``
            (smoothed), ``plug_in`` (by calibration), ``shrunk`` (between exact and plug-in), or ``bootstrap`` (median
            of exact ones).
        steps: of ``greedy``.
        resamples: of ``bootstrap``.
        shrink: of ``shrunk``: number of positives at which exact and plug-in count alike.
        seed: of ``bootstrap``.

    Raises:
        InputError: the method is another one.
    """
    labels, scores = drop_unknown(labels, scores)
    searches: dict[str, Callable[[], float]] = {
        "greedy": lambda: greedy_threshold(labels, scores, steps, beta),
        "exact": lambda: best_threshold(labels, scores, beta)[0],
        "lbfgs": lambda: lbfgs_threshold(labels, scores, beta),
        "plug_in": lambda: plug_in_threshold(labels, scores, beta),
        "shrunk": lambda: shrunk_threshold(labels, scores, shrink, beta),
        "bootstrap": lambda: bootstrap_threshold(labels, scores, resamples, seed, beta),
    }
    if method not in searches:
        raise InputError(f"threshold method: found {method!r}, expected one of {', '.join(searches)}")
    if method not in ("greedy", "exact") and (np.all(labels == labels[0]) or np.ptp(log_odds(scores)) == 0):
        method = "exact"
    threshold = searches[method]()
    return threshold, float(f_beta(labels, apply_threshold(scores, threshold), beta))


def precision_threshold(labels: np.ndarray, scores: np.ndarray, precision: float) -> float | None:
    """Return the lowest threshold at which the label has this precision; None if there is none.

    At least `MIN_DECIDED` photos must have such a score: if three photos all have the label, nothing follows for a
    fourth.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        scores: out-of-fold, in 0..1, shape (photos,); ties stay together.
        precision: share of the photos with at least this score that have the label.
    """
    labels, scores = drop_unknown(labels, scores)
    order = np.argsort(-scores, kind="stable")
    falling, decided = scores[order], np.arange(1, len(scores) + 1)
    precisions = np.cumsum(labels[order], dtype=np.int64) / decided
    last_of_tie = np.append(falling[1:] != falling[:-1], True)
    enough = np.flatnonzero(last_of_tie & (decided >= MIN_DECIDED) & (precisions >= precision))
    return float(falling[enough[-1]]) if len(enough) else None
