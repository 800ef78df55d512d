"""From scores to decisions: the search for a label's threshold, and its use."""

import numpy as np

from stylevote.metrics import BETA, best_cut
from stylevote.program import InputError


def decide(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return 1 where ``score >= threshold``, else 0: uint8 of the scores' shape."""
    # In double precision: numpy would round the threshold to the scores' float32, up to the next score perhaps.
    return (scores.astype(np.float64) >= threshold).astype(np.uint8)


def stepped_thresholds(steps: int) -> np.ndarray:
    """Return 0..1 divided into ``steps``: shape (steps + 1,)."""
    return np.arange(steps + 1) / steps


def f2_at(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the F2 of ``scores`` against 0/1 ``labels``, both (photos,), at each of ``thresholds``, in their shape."""
    ordered = np.sort(scores.astype(np.float64))
    ordered_positives = np.sort(scores[labels == 1].astype(np.float64))
    decided = len(ordered) - np.searchsorted(ordered, thresholds)
    hits = len(ordered_positives) - np.searchsorted(ordered_positives, thresholds)
    return (1 + BETA**2) * hits / (BETA**2 * max(len(ordered_positives), 1) + decided)


def greedy_cut(labels: np.ndarray, scores: np.ndarray, steps: int) -> tuple[float, float]:
    """Return the best of ``steps + 1`` even thresholds and its F2 (Ding & Wan 2018); of equals, the highest."""
    thresholds = stepped_thresholds(steps)[::-1]
    f2 = f2_at(labels, scores, thresholds)
    best = int(np.argmax(f2))
    return float(thresholds[best]), float(f2[best])


def search_threshold(labels: np.ndarray, scores: np.ndarray, method: str, steps: int = 100) -> tuple[float, float]:
    """Return a label's threshold and the F2 that it reaches on the data that chose it.

    Args:
        labels: 0/1, shape (photos,).
        scores: in 0..1, shape (photos,).
        method: ``greedy`` (evenly spaced steps) or ``exact`` (every distinct cut, `metrics.best_cut`).
        steps: of ``greedy``.

    Raises:
        InputError: for another method.
    """
    if method == "greedy":
        return greedy_cut(labels, scores, steps)
    if method == "exact":
        return best_cut(labels, scores)
    raise InputError(f"threshold method {method!r} is neither 'greedy' nor 'exact'")
