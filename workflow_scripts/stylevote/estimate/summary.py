"""Summaries of the estimates, in a few lines of text."""

import pandas as pd

from stylevote.metrics import BETA

INTERVAL = "95 % bootstrap interval over photos, networks held fixed"


def summary_lines(
    honest: pd.DataFrame,
    scores: pd.DataFrame,
    photos: int,
    *,
    joining: float | None = None,
    holdout: pd.DataFrame | None = None,
    beta: float = BETA,
) -> list[str]:
    """Say in a few plain lines what was decided and how good it is.

    Args:
        honest: what `nested_scores` returns, with the columns of `holdout_scores` where photos were held out.
        scores: what `score_decisions` returns for the photoset; empty where its labels are not known.
        photos: how many photos were decided.
        joining: the mean over labels of `joining.fold_averaging_gain`, if it was estimated.
        holdout: what `score_decisions` returns for the holdout photos, if there are any.
        beta: of the figures.
    """
    macro, name = honest.iloc[-1], f"macro F{beta:g}"
    lines = [
        f"{photos} photos decided, {len(honest) - 1} labels each",
        f"{name}, honest: {macro['nested_f_beta']:.4f}  each photo judged by an ensemble chosen without its fold;"
        f" {INTERVAL}: {macro['nested_low']:.4f} to {macro['nested_high']:.4f}",
        f"{name}, naive:  {macro['non_nested_f_beta']:.4f}  judged by the photos that chose the ensemble",
        f"{name} of giving every label to every training photo: {macro['all_ones_f_beta']:.4f}",
    ]
    if joining is not None:
        lines.insert(
            2,
            f"{name}, expected: {macro['nested_f_beta'] + joining:.4f}  the honest figure {joining:+.4f}: the networks"
            " of all folds decide a new photo, those of a single fold decided each of these",
        )
    if holdout is not None:
        count, low, high = holdout.iloc[-1]["photos"], macro["holdout_low"], macro["holdout_high"]
        line = (
            f"{name}, holdout: {macro['holdout_f_beta']:.4f}  on {count} photos that nothing saw before the end;"
            f" {INTERVAL}: {low:.4f} to {high:.4f}"
        )
        lines.insert(len(lines) - 2, line)
    if scores.empty:
        return [*lines, "test photos: their labels are not known"]
    test = scores.iloc[-1]
    return [
        *lines,
        f"{name}, test:   {test['f_beta']:.4f}  on {test['photos']} photos with known labels",
        f"{name} of giving every label to every test photo: {test['all_ones_f_beta']:.4f}",
    ]


def student_lines(scores: pd.DataFrame, beta: float = BETA) -> list[str]:
    """Say in a few plain lines what the student is worth beside its ensemble.

    Args:
        scores: what `distillation.compare_student` returns, with the columns of `compare_holdout` where photos were
            held out.
        beta: of the figures.
    """
    macro, name = scores.iloc[-1], f"macro F{beta:g}"

    def difference(where: str = "") -> str:
        middle, low, high = (macro[f"{where}{key}"] for key in ("difference", "low", "high"))
        return f"{middle:+.4f}  {INTERVAL}: {low:+.4f} to {high:+.4f}"

    lines = [
        f"{name}, ensemble: {macro['ensemble_f_beta']:.4f}  honest, as in the summary",
        f"{name}, student:  {macro['student_f_beta']:.4f}  each photo judged by its fold's network, whose epoch and"
        " thresholds were chosen without the fold",
        f"{name}, student less ensemble: {difference()}",
        f"{name}, single networks trained on labels: {macro['single_f_beta']:.4f}  for each label the best, chosen"
        " without the photo's fold",
        "The student's figure is probably too high: it learned from networks that had seen the labels of the photos"
        " that judge it. Only photos that are held out (holdout.share) tell what it is worth.",
    ]
    if "holdout_difference" in scores:
        lines += [
            f"{name}, ensemble, holdout photos: {macro['holdout_ensemble_f_beta']:.4f}",
            f"{name}, student, holdout photos:  {macro['holdout_student_f_beta']:.4f}",
            f"{name}, student less ensemble, holdout photos: {difference('holdout_')}",
        ]
    return lines
