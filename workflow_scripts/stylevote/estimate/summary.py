"""Summaries of the estimates, in a few lines of text."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stylevote.metrics import BETA

INTERVAL = "95 % bootstrap interval over groups of photos, networks held fixed"


def summary_lines(
    nested: pd.DataFrame,
    scores: pd.DataFrame | None,
    photos: int | None,
    composition: Mapping[str, Any],
    *,
    fold_averaging: float | None = None,
    holdout: pd.DataFrame | None = None,
    beta: float = BETA,
) -> list[str]:
    """Summarize the decisions and their quality.

    Args:
        nested: from `scores.nested_scores`, with the columns of `scores.holdout_scores` if photos were held out.
        scores: from `scores.score_decisions` for the photoset; empty if its labels are unknown; None without it.
        photos: number of photos that were decided; None without a photoset to decide.
        composition: from `composition.describe_ensemble`.
        fold_averaging: mean over labels of `fold_averaging.fold_averaging_gain`, if it was estimated.
        holdout: from `scores.score_decisions` for the holdout photos, if there are any.
        beta: of the scores.
    """
    macro, name = nested.iloc[-1], f"macro F{beta:g}"
    lines = [
        *([f"{photos} photos decided, {len(nested) - 1} labels each"] if photos is not None else []),
        f"ensemble: {composition['size']}",
        *(f"warning: {text}" for text in composition["warnings"]),
        f"{name}, honest: {macro['nested_f_beta']:.4f}  each photo judged by an ensemble chosen without its fold;"
        f" {INTERVAL}: {macro['nested_low']:.4f} to {macro['nested_high']:.4f}",
    ]
    if fold_averaging is not None:
        expected = macro["nested_f_beta"] + fold_averaging
        lines.append(
            f"{name}, expected: {expected:.4f}  the honest figure {fold_averaging:+.4f}: the networks of all folds"
            " decide a new photo, and those of one fold decided each of these"
        )
    if holdout is not None:
        lines.append(
            f"{name}, holdout: {macro['holdout_f_beta']:.4f}  on {holdout.iloc[-1]['photos']} photos that no step used"
            f" before the end{_unknown(holdout)}; {INTERVAL}: {macro['holdout_low']:.4f} to {macro['holdout_high']:.4f}"
        )
    lines += [
        f"{name}, naive:  {macro['non_nested_f_beta']:.4f}  judged by the photos that chose the ensemble",
        f"{name} of assigning every label to every training photo: {macro['all_ones_f_beta']:.4f}",
    ]
    if scores is None:
        return [*lines, "no photoset `test`: no photo was decided"]
    if scores.empty:
        return [*lines, "test photos: their labels are not known"]
    test = scores.iloc[-1]
    return [
        *lines,
        f"{name}, test:   {test['f_beta']:.4f}  on {test['photos']} photos with known labels{_unknown(scores)}",
        f"{name} of assigning every label to every test photo: {test['all_ones_f_beta']:.4f}",
    ]


def _unknown(scores: pd.DataFrame) -> str:
    """Return how many labels of the photos are unknown, in brackets; nothing if all are known."""
    known = scores["photos"].to_numpy()
    cells = known[-1] * (len(known) - 1)
    unknown = cells - known[:-1].sum()
    return f" ({unknown} of {cells} labels unknown)" if unknown else ""


def student_lines(scores: pd.DataFrame, beta: float = BETA) -> list[str]:
    """Summarize how good the student is, compared with its ensemble.

    Args:
        scores: from `distillation.compare_student`; if photos were held out, with the same columns for them, whose
            names begin with ``holdout_``.
        beta: of the scores.
    """
    macro, name = scores.iloc[-1], f"macro F{beta:g}"

    def difference(prefix: str = "") -> str:
        middle, low, high = (macro[f"{prefix}{key}"] for key in ("difference", "low", "high"))
        return f"{middle:+.4f}  {INTERVAL}: {low:+.4f} to {high:+.4f}"

    lines = [
        f"{name}, ensemble: {macro['ensemble_f_beta']:.4f}  honest, as in the summary",
        f"{name}, student:  {macro['student_f_beta']:.4f}  each photo judged by its fold's network, whose epoch and"
        " thresholds were chosen without the fold",
        f"{name}, student less ensemble: {difference()}",
        f"{name}, single networks trained on labels: {macro['single_f_beta']:.4f}  for each label the best, chosen"
        " without the photo's fold",
        "The student's figure is probably too high: it learned from networks that had seen the labels of the photos"
        " that judge it. Only holdout photos (holdout.share) give an unbiased figure.",
    ]
    if "holdout_difference" in scores:
        lines += [
            f"{name}, ensemble, holdout photos: {macro['holdout_ensemble_f_beta']:.4f}",
            f"{name}, student, holdout photos:  {macro['holdout_student_f_beta']:.4f}",
            f"{name}, student less ensemble, holdout photos: {difference('holdout_')}",
        ]
    return lines
