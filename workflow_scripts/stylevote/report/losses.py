"""Compare losses by runs that differ in nothing else (sections II.C and II.D of the second-place team of 2018)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from stylevote.bootstrap import bootstrap_f_beta, interval
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.threshold import f_beta_at
from stylevote.estimate.single_networks import estimate_runs, predict_by_best_network
from stylevote.metrics import BETA, best_threshold, f_beta
from stylevote.report.measures import curve_points, flat_range

HALF = 0.5  # the threshold without a search
FIGURES = {"label": str, "loss": str, "run": str, "epoch": int, "at_half": float, "threshold": float, "f_beta": float}
FIGURES |= dict.fromkeys(("flat_low", "flat_high", "checked", "checked_best"), float)
SAMPLES = {"label": str, "first": str, "second": str, "searched": bool, "sample": int}
SAMPLES |= {"first_f": float, "second_f": float}


@dataclass(frozen=True)
class LossCurves:
    """A label's run of one loss.

    Attributes:
        loss: as a text.
        epochs: columns epoch, at_half and f_beta: the F-beta at a threshold of 0.5 and at the epoch's best one.
        thresholds: ascending, shape (points,).
        curves: F-beta there at the run's best epoch, on the training photos and, if known, on the checked photos.
        figures: of the best epoch: `FIGURES` without the label. flat_low and flat_high are its `measures.flat_range`.
            checked and checked_best are the F-beta of the checked photos, at the threshold and at their best one; nan
            if not known.
    """

    loss: str
    epochs: pd.DataFrame
    thresholds: np.ndarray
    curves: Sequence[np.ndarray]
    figures: Mapping[str, str | float]


def runs_of_label(groups: Sequence[Mapping[str, str]], rankings: pd.DataFrame) -> list[Mapping[str, str]]:
    """Return the groups (`contents.comparable_runs`) that predict a label, the one with the best networks first.

    They are ordered by the mean over their runs of the highest F-beta in the label's rankings (`rank.rank_by_fold`), so
    that no loss is favoured.
    """
    best = rankings[rankings["held_out_fold"] == ALL].groupby("run")["f_beta"].max()
    known = [group for group in groups if all(run in best for run in group.values())]
    return sorted(known, key=lambda group: -best[list(group.values())].mean())


def compare_losses(
    rankings: pd.DataFrame,
    read_scores: Callable[[pd.DataFrame], np.ndarray],
    labels: np.ndarray,
    group: Mapping[str, str],
    *,
    beta: float = BETA,
    checked: tuple[np.ndarray, Callable[[str, int], np.ndarray | None]] | None = None,
) -> list[LossCurves]:
    """Compare one label's runs of a group.

    Args:
        rankings, read_scores: see `measures.decide_by_singles`.
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        group: the run of each loss.
        checked: the labels of photos that chose nothing, and a function that returns the scores of a run at an
            epoch for them, or None if it did not decide them.
    """
    ranked, compared = rankings[rankings["held_out_fold"] == ALL], []
    for loss, run in group.items():
        networks = ranked[ranked["run"] == run].sort_values("epoch")
        scores = read_scores(networks)
        at_half = [f_beta_at(labels, row, np.array([HALF]), beta)[0] for row in scores]
        place = int(networks["rank"].argmin())
        best = networks.iloc[place]
        points = curve_points(scores[place], best["threshold"])
        curves = [f_beta_at(labels, scores[place], points, beta)]
        low, high = flat_range(labels, scores[place], best["threshold"], beta)
        figures = {"loss": loss, "run": run, "epoch": int(best["epoch"]), "at_half": at_half[place]}
        figures |= {"threshold": best["threshold"], "f_beta": best["f_beta"], "flat_low": low, "flat_high": high}
        figures |= {"checked": np.nan, "checked_best": np.nan}
        new = checked[1](run, figures["epoch"]) if checked else None
        if new is not None:
            curves.append(f_beta_at(checked[0], new, points, beta))
            figures["checked"] = float(f_beta_at(checked[0], new, np.array([best["threshold"]]), beta)[0])
            figures["checked_best"] = best_threshold(checked[0], new, beta)[1]
        epochs = networks[["epoch", "f_beta"]].assign(at_half=at_half)
        compared.append(LossCurves(loss, epochs, points, curves, figures))
    return compared


def sample_losses(
    rankings: pd.DataFrame,
    read_scores: Callable[[pd.DataFrame], np.ndarray],
    labels: np.ndarray,
    folds: np.ndarray,
    compared: Sequence[Mapping[str, str]],
    groups: np.ndarray | None = None,
    *,
    beta: float = BETA,
) -> pd.DataFrame:
    """Return the nested F-beta of each loss for one label, on the photos and on resamples of them.

    Each fold is decided by a run at the epoch, and with the threshold, that are best on the other folds.

    Args:
        rankings, read_scores: see `measures.decide_by_singles`.
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        folds: shape (photos,).
        compared: groups of runs that predict the label: the run of each loss.
        groups: of the photos, see `bootstrap_f_beta`.

    Returns:
        for each two losses, a row per sample and for each kind of threshold: the columns `SAMPLES` without ``label``.
        ``sample`` is 0 for the photos themselves. The F-beta of the first and of the second loss are means over the
        groups that have both. Samples with the same number hold the same photos for all labels.
    """
    decided = {}
    for run in {run for group in compared for run in group.values()}:
        networks = rankings[rankings["run"] == run]
        scores = read_scores(networks[networks["held_out_fold"] == ALL].sort_values("epoch"))
        decided[run, True] = predict_by_best_network(networks, read_scores, folds)
        decided[run, False] = estimate_runs(labels, [scores], folds, threshold=HALF, beta=beta)[0]
    keys = list(decided)
    resampled = bootstrap_f_beta(labels[:, None], [decided[key][:, None] for key in keys], groups, beta=beta)[..., 0]
    f_of = {key: np.append(f_beta(labels, decided[key], beta), resampled[k]) for k, key in enumerate(keys)}
    tables = []
    for first, second in combinations(sorted({loss for group in compared for loss in group}), 2):
        pairs = [(group[first], group[second]) for group in compared if first in group and second in group]
        for searched in (False, True) if pairs else ():
            means = [np.mean([f_of[pair[side], searched] for pair in pairs], axis=0) for side in (0, 1)]
            values = {"first_f": means[0], "second_f": means[1], "sample": np.arange(len(means[0]))}
            tables.append(pd.DataFrame({"first": first, "second": second, "searched": searched, **values}))
    return pd.concat(tables, ignore_index=True)


def loss_flatness(figures: pd.DataFrame) -> pd.DataFrame:
    """Return how little the threshold matters for each loss: a row per loss of the means of its `FIGURES`.

    ``span`` is from flat_low to flat_high. By ``lost``, the F-beta of the checked photos is lower at the threshold than
    at their best one (nan if no such photos are known).
    """
    span, lost = figures["flat_high"] - figures["flat_low"], figures["checked_best"] - figures["checked"]
    return figures.assign(span=span, lost=lost).groupby("loss")[["span", "lost"]].mean().reset_index()


def loss_gains(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the difference of each two losses as a mean over labels, with the interval of the paired bootstrap.

    Args:
        samples: what `sample_losses` returns for several labels, with the column ``label``.

    Returns:
        columns first, second, searched, labels (their number), first_f, second_f, gain (of the second), low, high.
    """
    rows = []
    keys = ["first", "second", "searched"]
    for _, of_pair in samples.groupby(keys):
        means = of_pair.groupby("sample")[["first_f", "second_f"]].mean()
        gains = (means["second_f"] - means["first_f"]).to_numpy()
        low, high = interval(gains[1:])
        values = [of_pair["label"].nunique(), *means.loc[0], gains[0], low, high]
        rows.append([*of_pair[keys].iloc[0], *values])
    columns = ["first", "second", "searched", "labels", "first_f", "second_f", "gain", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
