"""The bootstrap over groups of photos: intervals of scores, and differences between ensembles."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from stylevote.files.tables import UNKNOWN
from stylevote.metrics import BETA, f_beta

RESAMPLES = 1000
SHARE = 0.95  # of the resamples within an interval
_BATCH = 50  # resamples in memory at a time


def bootstrap_f_beta(
    labels: np.ndarray,
    ensembles: Sequence[np.ndarray],
    groups: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 1,
    beta: float = BETA,
) -> np.ndarray:
    """Return the F-beta of each label in samples of groups drawn with replacement (the bootstrap, Efron 1979).

    Photos of a group are alike, so groups are drawn and not photos (Davison & Hinkley 1997, section 3.8). All ensembles
    are scored on the same samples, so that their differences can be taken sample by sample.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos, labels).
        ensembles: decisions of each, 0/1, shape (photos, labels).
        groups: of the photos, int, shape (photos,), as in the manifest; None: each photo is a group.
        resamples: number of samples.
        seed: of the samples.
        beta: weight of recall against precision.

    Returns:
        float64, shape (ensembles, resamples, labels). A label without positives in a sample has 0. A label that is
        unknown for all photos has NaN.
    """
    count = labels.shape[1]
    positive, known = labels == 1, labels != UNKNOWN
    columns = [positive, *(column for decisions in ensembles for column in (positive & decisions, known & decisions))]
    columns = np.concatenate(columns, axis=1).astype(np.float32)  # whole numbers up to 2^24: sums are exact
    if groups is not None:
        _, group = np.unique(groups, return_inverse=True)
        # Sums of each group, once: a resample then has a weight per group.
        ones = np.ones(len(group), dtype=np.float32)
        columns = csr_array((ones, (group, np.arange(len(group))))) @ columns
    drawn = len(columns)
    random = np.random.default_rng(seed)
    sums = []
    for start in range(0, resamples, _BATCH):
        batch = range(min(_BATCH, resamples - start))
        weights = [np.bincount(random.integers(0, drawn, drawn), minlength=drawn) for _ in batch]
        sums.append(np.array(weights, dtype=np.float32) @ columns)
    sums = np.concatenate(sums).astype(np.float64).reshape(resamples, -1, count)
    positives, hits, decided = sums[:, 0], sums[:, 1::2], sums[:, 2::2]
    score = (1 + beta**2) * hits / np.maximum(beta**2 * positives[:, None] + decided, 1)
    score[..., ~known.any(axis=0)] = np.nan
    return score.transpose(1, 0, 2)


def with_mean(values: np.ndarray) -> np.ndarray:
    """Return values of shape (rows, labels) with their mean over the labels as a further column.

    Labels that are unknown for all photos (NaN) are not in the mean.
    """
    unknown = np.isnan(values).all(axis=0)
    known = values[:, ~unknown] if unknown.any() else values
    return np.concatenate([values, known.mean(axis=1, keepdims=True)], axis=1)


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds between which the middle 95 % of resampled values are, over their first axis."""
    low, high = np.quantile(values, [(1 - SHARE) / 2, (1 + SHARE) / 2], axis=0)
    return low, high


def compare_decisions(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    names: list[str],
    groups: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    beta: float = BETA,
) -> pd.DataFrame:
    """Compare the decisions of two ensembles for the same photos (the paired bootstrap).

    Args:
        labels, groups, resamples, beta: see `bootstrap_f_beta`.
        first, second: the ensembles' decisions, in the shape of ``labels``.
        names: the labels.

    Returns:
        a row per label and a last row ``macro`` (the means): label, positives, first, second (the F-beta of each),
        difference (second - first), low, high (its `interval`).
    """
    scores = np.array([[f_beta(labels[:, k], each[:, k], beta) for k in range(len(names))] for each in (first, second)])
    scores = with_mean(scores)
    resampled = bootstrap_f_beta(labels, [first, second], groups, resamples=resamples, beta=beta)
    low, high = interval(with_mean(resampled[1] - resampled[0]))
    positives = np.count_nonzero(labels == 1, axis=0)
    return pd.DataFrame(
        {
            "label": [*names, "macro"],
            "positives": [*positives, positives.sum()],
            "first": scores[0],
            "second": scores[1],
            "difference": scores[1] - scores[0],
            "low": low,
            "high": high,
        }
    )
