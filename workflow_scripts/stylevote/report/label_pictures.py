"""Draw a label's pictures of the report, and measure how much its threshold matters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stylevote.ensemble.threshold import f_beta_at
from stylevote.metrics import best_threshold
from stylevote.report.drawing import SERIES
from stylevote.report.losses import compare_losses
from stylevote.report.measures import curve_points, flat_range, reliability
from stylevote.report.plots import correlation_map, loss_curves, reliability_curve, threshold_curves

MAX_MEMBERS = 30  # in the picture of their correlation


@dataclass(frozen=True)
class DecidedLabel:
    """A label with its scores and threshold.

    Attributes:
        name: of the label.
        truth: 0, 1 or `UNKNOWN` for each training photo, shape (photos,).
        scores: out-of-fold scores of the stack, in 0..1, shape (photos,).
        threshold: of the scores.
        checked: truth and scores of photos that chose nothing (test or holdout photos), both of shape (photos,); None
            if the label is known for no such photo.
    """

    name: str
    truth: np.ndarray
    scores: np.ndarray
    threshold: float
    checked: tuple[np.ndarray, np.ndarray] | None
    beta: float


def threshold_figures(label: DecidedLabel) -> dict[str, float]:
    """Return the threshold, its flat range, and the F-beta of the checked photos if known.

    Returns:
        threshold, flat_low, flat_high; for the checked photos ``checked``, the F-beta at the threshold, and
        ``checked_best``, the F-beta at their best threshold.
    """
    low, high = flat_range(label.truth, label.scores, label.threshold, label.beta)
    figures = {"threshold": label.threshold, "flat_low": low, "flat_high": high}
    if label.checked:
        figures["checked"] = float(f_beta_at(*label.checked, np.array([label.threshold]), label.beta)[0])
        figures["checked_best"] = best_threshold(*label.checked, label.beta)[1]
    return figures


def shown_networks(members: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the networks in the picture of correlations: the first rows of `select.members_of`, each network once.

    Also return the numbers of ``members``, of different ``networks``, and of networks ``drawn``. If each fold has
    members of its own, they are those of the first fold.
    """
    members = members[members["fold"] == members["fold"].min()]
    networks = members.drop_duplicates(["run", "epoch"])
    shown = networks.head(MAX_MEMBERS)
    return shown, {"members": len(members), "networks": len(networks), "drawn": len(shown)}


def threshold_picture(label: DecidedLabel, figures: Mapping[str, Any]) -> str:
    """Draw F-beta against the threshold; ``figures`` are `threshold_figures`."""
    points = curve_points(label.scores, label.threshold)
    curves = [f_beta_at(label.truth, label.scores, points, label.beta)]
    if label.checked:
        curves.append(f_beta_at(*label.checked, points, label.beta))
    flat = figures["flat_low"], figures["flat_high"]
    return threshold_curves(
        points, curves, label.threshold, flat, f"F{label.beta:g} against the threshold: {label.name}"
    )


def reliability_picture(label: DecidedLabel, nested: np.ndarray) -> str:
    """Draw the share of photos with the label against ``nested``, the nested scores, shape (photos,)."""
    return reliability_curve(reliability(label.truth, nested), f"Reliability: {label.name}")


def correlation_picture(label: str, numbers: list[int], scores: np.ndarray) -> str:
    """Draw the correlations of a label's members by their out-of-fold scores, shape (members, photos).

    The members' numbers are shown; 1 is the best.
    """
    with np.errstate(invalid="ignore"):  # a network whose scores are all the same correlates with none
        likeness = np.nan_to_num(np.atleast_2d(np.corrcoef(scores)))
    return correlation_map(likeness, numbers, f"Correlation of members: {label}")


def drawn_group(groups: Sequence[Mapping[str, str]], names: Sequence[str]) -> Mapping[str, str] | None:
    """Return the first of a label's groups (`losses.runs_of_label`) with a loss that has a colour, or None.

    ``names`` are all compared losses, in the order of their colours.
    """
    return next((group for group in groups if group.keys() & set(names[: len(SERIES)])), None)


def loss_picture(
    label: DecidedLabel,
    rankings: pd.DataFrame,
    read_scores: Callable[[pd.DataFrame], np.ndarray],
    group: Mapping[str, str],
    names: Sequence[str],
    read_checked: Callable[[str, int], np.ndarray | None],
) -> tuple[str, pd.DataFrame]:
    """Draw runs that differ in nothing but the loss, as many as there are colours; return the picture and its figures.

    Args:
        label: the label in question.
        rankings, read_scores: see `measures.decide_by_singles`.
        group: the run of each loss.
        names: all compared losses, in the order of their colours.
        read_checked: returns the scores of a run at an epoch for the checked photos; None if it did not decide them.
    """
    drawn = {loss: group[loss] for loss in names[: len(SERIES)] if loss in group}
    checked = (label.checked[0], read_checked) if label.checked else None
    compared = compare_losses(rankings, read_scores, label.truth, drawn, beta=label.beta, checked=checked)
    figures = pd.DataFrame([curves.figures for curves in compared]).assign(label=label.name)
    return loss_curves(names, compared, f"Losses: {label.name}"), figures
