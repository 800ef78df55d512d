"""Scores of decisions against known labels."""

import numpy as np
import pandas as pd

from stylevote.bootstrap import bootstrap_f_beta, interval, with_mean
from stylevote.metrics import BETA, drop_unknown, f_beta, precision_recall

SCORE_COLUMNS = {
    "label": "str",
    "photos": "int64",
    "positives": "int64",
    "decided": "int64",
    "precision": "float64",
    "recall": "float64",
    "f_beta": "float64",
    "all_ones_f_beta": "float64",
}


def score_decisions(labels: np.ndarray, decisions: np.ndarray, names: list[str], beta: float = BETA) -> pd.DataFrame:
    """Compare decisions (0/1) with labels (0, 1 or `UNKNOWN`), both of shape (photos, labels).

    Returns:
        the columns `SCORE_COLUMNS`, a row per label and a last row ``macro``: the means over the labels, but the sums
        of ``positives`` and ``decided``. ``photos`` are those whose label is known (``macro``: all), ``decided`` those
        of them that the label is assigned to. ``all_ones_f_beta`` is the F-beta of assigning the label to every photo.
        A label that is unknown for all photos has no precision, recall and F-beta (NaN), and is not in their means.
    """
    rows = []
    for k, name in enumerate(names):
        truth, decided = drop_unknown(labels[:, k], decisions[:, k])
        precision, recall = precision_recall(truth, decided)
        rows.append(
            {
                "label": name,
                "photos": len(truth),
                "positives": int(truth.sum()),
                "decided": int(decided.sum()),
                "precision": precision,
                "recall": recall,
                "f_beta": f_beta(truth, decided, beta),
                "all_ones_f_beta": f_beta(truth, np.ones_like(truth), beta),
            }
        )
    table = pd.DataFrame(rows)
    macro = {"label": "macro", "photos": len(labels)} | table[["positives", "decided"]].sum().to_dict()
    macro |= table[["precision", "recall", "f_beta", "all_ones_f_beta"]].mean().to_dict()
    return pd.concat([table, pd.DataFrame([macro])], ignore_index=True).astype(SCORE_COLUMNS)


def no_scores() -> pd.DataFrame:
    """Return the empty table of `SCORE_COLUMNS`, for a photoset without known labels."""
    return pd.DataFrame(columns=list(SCORE_COLUMNS)).astype(SCORE_COLUMNS)


def nested_scores(
    labels: np.ndarray,
    decisions: np.ndarray,
    non_nested: list[float],
    names: list[str],
    groups: np.ndarray | None = None,
    *,
    beta: float = BETA,
) -> pd.DataFrame:
    """Put nested and non-nested scores into one table.

    Args:
        labels, decisions: see `score_decisions`; the decisions are those of `nested.nested_decisions`.
        non_nested: for each label the F-beta of its final threshold on the photos that chose it.
        names: the labels.
        groups: see `bootstrap_f_beta`.

    Returns:
        a row per label and a last row ``macro`` (the means; the sum of ``positives``): label, positives,
        non_nested_f_beta, nested_f_beta, nested_low, nested_high (its `bootstrap.interval`), nested_precision,
        nested_recall, all_ones_f_beta.
    """
    scores = score_decisions(labels, decisions, names, beta)
    low, high = _bounds(labels, decisions, groups, beta)
    columns = {
        "label": scores["label"],
        "positives": scores["positives"],
        "non_nested_f_beta": [*non_nested, np.mean(non_nested)],
        "nested_f_beta": scores["f_beta"],
        "nested_low": low,
        "nested_high": high,
        "nested_precision": scores["precision"],
        "nested_recall": scores["recall"],
        "all_ones_f_beta": scores["all_ones_f_beta"],
    }
    return pd.DataFrame(columns)


def holdout_scores(
    labels: np.ndarray, decisions: np.ndarray, names: list[str], groups: np.ndarray | None = None, *, beta: float = BETA
) -> pd.DataFrame:
    """Score the decisions for holdout photos.

    Args:
        labels, decisions: see `score_decisions`.
        names: the labels.

    Returns:
        a row per label and a last row of the means, as in `nested_scores`: holdout_f_beta, holdout_low, holdout_high
        (its `bootstrap.interval`).
    """
    low, high = _bounds(labels, decisions, groups, beta)
    score = score_decisions(labels, decisions, names, beta)["f_beta"]
    return pd.DataFrame({"holdout_f_beta": score, "holdout_low": low, "holdout_high": high})


def _bounds(
    labels: np.ndarray, decisions: np.ndarray, groups: np.ndarray | None, beta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of the intervals of each label's F-beta, and last of their mean."""
    (resampled,) = bootstrap_f_beta(labels, [decisions], groups, beta=beta)
    return interval(with_mean(resampled))
