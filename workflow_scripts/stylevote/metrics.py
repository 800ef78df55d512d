"""F-beta of one label, at one threshold or at every threshold, and its mean over labels."""

from collections.abc import Sequence

import numpy as np

from stylevote.files.tables import UNKNOWN

BETA = 2.0  # of all F-beta: the weight of recall against precision


def drop_unknown(labels: np.ndarray, *of_photos: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return labels of shape (photos,), and arrays whose last axis are the photos, without `UNKNOWN` labels.

    These photos count neither way. All functions that measure or fit anything by labels leave them out.
    """
    known = labels != UNKNOWN
    if known.all():
        return labels, *of_photos
    return labels[known], *(array[..., known] for array in of_photos)


def f_beta(labels: np.ndarray, decisions: np.ndarray, beta: float = BETA) -> float:
    """Return the F-beta of 0/1 ``decisions`` against ``labels`` (0, 1 or `UNKNOWN`), both of shape (photos,).

    F = (1 + beta^2) TP / ((1 + beta^2) TP + beta^2 FN + FP) (van Rijsbergen 1979). It is 0 without true positives, and
    NaN if the label is unknown for all photos.
    """
    labels, decisions = drop_unknown(labels, decisions)
    if not len(labels):
        return np.nan
    labels, decisions = labels.astype(bool), decisions.astype(bool)
    hits = np.count_nonzero(labels & decisions)
    if hits == 0:
        return 0.0
    return (1 + beta**2) * hits / (beta**2 * np.count_nonzero(labels) + np.count_nonzero(decisions))


def precision_recall(labels: np.ndarray, decisions: np.ndarray) -> tuple[float, float]:
    """Return precision and recall of 0/1 ``decisions``; 0 if undefined, NaN if the label is unknown for all photos."""
    labels, decisions = drop_unknown(labels, decisions)
    if not len(labels):
        return np.nan, np.nan
    labels, decisions = labels.astype(bool), decisions.astype(bool)
    hits = np.count_nonzero(labels & decisions)
    return hits / max(np.count_nonzero(decisions), 1), hits / max(np.count_nonzero(labels), 1)


def macro_f_beta(labels: np.ndarray, decisions: np.ndarray, beta: float = BETA) -> float:
    """Return the mean of F-beta over labels that are known for a photo; both arrays have the shape (photos, labels)."""
    return mean_of_known([f_beta(labels[:, k], decisions[:, k], beta) for k in range(labels.shape[1])])


def mean_of_known(f_betas: Sequence[float]) -> float:
    """Return the mean of the labels' F-beta, without those of labels that are unknown for all photos (NaN)."""
    values = np.asarray(f_betas)
    return float(np.mean(values[~np.isnan(values)]))


def threshold_curve(labels: np.ndarray, scores: np.ndarray, beta: float = BETA) -> tuple[np.ndarray, np.ndarray]:
    """Return a threshold below every distinct score, and its F-beta, from the highest threshold to the lowest.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos,); known for at least one photo.
        scores: in 0..1, shape (photos,).
        beta: weight of recall against precision.

    Returns:
        thresholds and F-beta, both of shape (distinct scores,). A photo gets the label if ``score >= threshold``. A
        threshold is midway between two neighbouring scores, and the last one midway between the lowest score and 0.
    """
    labels, scores = drop_unknown(labels, scores)
    falling = np.sort(-scores)
    last_of_tie = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    falling = falling[last_of_tie]
    positives = np.bincount(np.searchsorted(falling, np.sort(-scores[labels == 1])), minlength=len(falling))
    return curve_of_counts(-falling.astype(np.float64), positives, np.diff(last_of_tie, prepend=-1), beta)


def curve_of_counts(
    scores: np.ndarray, positives: np.ndarray, photos: np.ndarray, beta: float = BETA
) -> tuple[np.ndarray, np.ndarray]:
    """Return thresholds and F-beta as `threshold_curve` does, given the number of photos at each score.

    Args:
        scores: float64, all different, the highest first.
        positives: number of photos with the label at each score; in the scores' shape.
        photos: number of photos at each score, at least one; in the scores' shape.
        beta: weight of recall against precision.
    """
    hits, decided = np.cumsum(positives), np.cumsum(photos)
    f_betas = (1 + beta**2) * hits / (beta**2 * max(int(hits[-1]), 1) + decided)
    below = np.append(scores[1:], 0.0)
    middle = (scores + below) / 2
    return np.where(middle > below, middle, scores), f_betas  # the middle of two neighbouring floats can be the lower


def best_threshold(labels: np.ndarray, scores: np.ndarray, beta: float = BETA) -> tuple[float, float]:
    """Return the threshold of highest F-beta, and that F-beta; ties go to the highest threshold."""
    thresholds, f_betas = threshold_curve(labels, scores, beta)
    best = int(np.argmax(f_betas))
    return float(thresholds[best]), float(f_betas[best])
