"""Compute the report's main figures: the quality of the decisions, over all labels and per label."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stylevote.bootstrap import bootstrap_f_beta, interval, with_mean
from stylevote.ensemble.rank import ALL
from stylevote.metrics import BETA, f_beta, macro_f_beta, mean_of_known

DECIDED_BY = {  # names, for readers, of the rows of `compare_singles` that are no backbones
    "ensemble": "The ensemble",
    "best": "The best network for each label",
    "one": "One network for all labels",
}


def bounds(
    labels: np.ndarray, decisions: np.ndarray, groups: np.ndarray | None = None, *, beta: float = BETA
) -> pd.DataFrame:
    """Return the F-beta of each label and, in the last row, their mean: columns value, low, high (the 95 % interval).

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos, labels).
        decisions: 0/1, in the same shape.
        groups: see `bootstrap_f_beta`.
    """
    (resampled,) = bootstrap_f_beta(labels, [decisions], groups, beta=beta)
    low, high = interval(with_mean(resampled))
    values = [f_beta(labels[:, k], decisions[:, k], beta) for k in range(labels.shape[1])]
    return pd.DataFrame({"value": [*values, mean_of_known(values)], "low": low, "high": high})


def macro_figures(
    honest: pd.DataFrame, naive: pd.DataFrame, test: pd.DataFrame | None, scores: pd.DataFrame, gain: float | None
) -> pd.DataFrame:
    """Return the different estimates of macro F-beta, the most trustworthy first.

    Args:
        honest: `scores.nested_scores`, with the columns of `scores.holdout_scores` if photos were held out.
        naive, test: `bounds` of the decisions for training and for test photos; None if labels are not known.
        scores: `stylevote.estimate.scores.score_decisions` for the test photos; empty if their labels are not known.
        gain: of averaging the folds' networks, as a mean over labels, if it was estimated.

    Returns:
        columns key, text, value, low, high (nan: no interval).
    """
    macro = honest.iloc[-1]
    rows = [("honest", "Honest estimate", macro["nested_f_beta"], macro["nested_low"], macro["nested_high"])]
    if gain is not None:
        rows.append(("expected", "Expected on new photos", macro["nested_f_beta"] + gain, np.nan, np.nan))
    if "holdout_f_beta" in honest:
        rows.append(
            ("holdout", "On holdout photos", macro["holdout_f_beta"], macro["holdout_low"], macro["holdout_high"])
        )
    if test is not None:
        rows.append(("test", "On the test photos", *test.iloc[-1]))
    rows.append(("naive", "Naive estimate", *naive.iloc[-1]))
    least = scores["all_ones_f_beta"].iloc[-1] if len(scores) else macro["all_ones_f_beta"]
    rows.append(("all_ones", "Every label on every photo", least, np.nan, np.nan))
    return pd.DataFrame(rows, columns=["key", "text", "value", "low", "high"])


def pictured_labels(honest: pd.DataFrame, most: int) -> list[str]:
    """Return the labels that have pictures of their own, in their order.

    Of more labels than ``most``, half have the lowest honest F-beta: they can gain most. The other half are spread
    evenly over the ranks of the others, up to the highest.

    ``honest`` are `scores.nested_scores`: a row per label, and a last row of the means.
    """
    scores = honest.iloc[:-1].reset_index(drop=True)
    if len(scores) <= most:
        return scores["label"].tolist()
    ranks = scores["nested_f_beta"].to_numpy().argsort(kind="stable")
    low = most - most // 2
    spread = low + np.arange(1, most - low + 1) * (len(ranks) - low) // max(most - low, 1) - 1
    return scores["label"].iloc[np.sort(ranks[[*range(low), *spread]])].tolist()


def label_figures(
    honest: pd.DataFrame, unknown: np.ndarray, figures: pd.DataFrame, test: pd.DataFrame | None, scores: pd.DataFrame
) -> pd.DataFrame:
    """Return all figures of the labels, a row per label.

    Args:
        honest, test, scores: see `macro_figures`.
        unknown: number of training photos for which each label is unknown, shape (labels,).
        figures: what `draw_labels` writes: columns label (in the order of ``honest``), threshold, flat_low, flat_high,
            members, networks, drawn, and, if the labels of the test photos are known, test and test_best.
    """
    table = honest.iloc[:-1].reset_index(drop=True)
    columns = {name: figures[name] for name in ("threshold", "flat_low", "flat_high", "members")}
    columns["unknown"] = pd.Series(unknown)
    if test is not None:
        columns |= {f"test_{name}": scores[name].iloc[:-1] for name in ("photos", "positives", "precision", "recall")}
        columns["test_unknown"] = scores["photos"].iloc[-1] - scores["photos"].iloc[:-1]
        by_label = test.iloc[:-1].rename(columns={"value": "f_beta"})
        columns |= {f"test_{name}": by_label[name] for name in by_label}
    return table.assign(**{name: column.to_numpy() for name, column in columns.items()})


def compare_singles(
    labels: np.ndarray,
    ensemble: np.ndarray,
    singles: Sequence[pd.DataFrame],
    groups: np.ndarray | None = None,
    *,
    beta: float = BETA,
) -> pd.DataFrame:
    """Compare the ensemble with single networks, each chosen without the photos that it decides.

    Args:
        labels: the truth: 0, 1 or `UNKNOWN`, shape (photos, labels).
        ensemble: the honest decisions, 0/1, in the same shape.
        singles: what `measures.decide_by_singles` returns, one per label.
        groups: see `bootstrap_f_beta`.

    Returns:
        a row for the ensemble, for ``best`` (each label's best network), for ``one`` (one network for all labels, if
        there is such a column) and for each backbone, the best first: columns name, value, low, high, and gain,
        gain_low, gain_high (the ensemble less this one, on the same resamples of photos). Backbones that do not
        predict every label come last, without figures.
    """
    common = [name for name in singles[0] if all(name in table for table in singles)]
    decisions = [ensemble, *(np.stack([table[name] for table in singles], axis=1) for name in common)]
    resampled = bootstrap_f_beta(labels, decisions, groups, beta=beta).mean(axis=2)
    values = np.array([macro_f_beta(labels, decided, beta) for decided in decisions])
    (low, high), (gain_low, gain_high) = interval(resampled.T), interval((resampled[0] - resampled).T)
    table = pd.DataFrame(
        {
            "name": ["ensemble", *common],
            "value": values,
            "low": low,
            "high": high,
            "gain": values[0] - values,
            "gain_low": gain_low,
            "gain_high": gain_high,
        }
    )
    others = sorted({name for singles_of in singles for name in singles_of} - set(common))
    firsts = [name for name in ("ensemble", "best", "one") if name in {"ensemble", *common}]
    ranked = table[~table["name"].isin(firsts)].sort_values("value", ascending=False)["name"]
    return table.set_index("name").reindex([*firsts, *ranked, *others]).reset_index()


def search_figures(searches: pd.DataFrame) -> pd.DataFrame:
    """Compare searches for thresholds by `measures.compare_searches` of several labels.

    Returns:
        a row per method: method, f_beta (the mean over labels and samples), f_spread (the standard deviation over
        samples of the mean over labels), threshold_spread (that of a threshold over samples, as a mean over labels),
        and gain, gain_low and gain_high (over the first method: the mean, lowest and highest of the samples).
    """
    by_sample = searches.groupby(["sample", "method"])["f_beta"].mean().unstack()
    spreads = searches.groupby(["label", "method"])["threshold"].std().unstack()
    gains = by_sample.sub(by_sample.iloc[:, 0], axis=0)
    columns = {"f_beta": by_sample.mean(), "f_spread": by_sample.std(), "threshold_spread": spreads.mean()}
    columns |= {"gain": gains.mean(), "gain_low": gains.min(), "gain_high": gains.max()}
    return pd.DataFrame(columns).reset_index()


def best_run_by_epoch(rankings: Mapping[str, pd.DataFrame], runs: Sequence[str]) -> pd.DataFrame:
    """Return the F-beta of each label by epoch for the run with the highest mean over labels at one epoch.

    Args:
        rankings: of each label: columns run, epoch, f_beta and held_out_fold (`rank.rank_by_fold`).
        runs: those to choose from, which predict every label.

    Returns:
        a row per epoch (from 0), a column per label; ``attrs`` has the run and the epoch of the highest mean.
    """
    rows = {label: table[table["held_out_fold"] == ALL] for label, table in rankings.items()}
    reached = pd.DataFrame({label: table.set_index(["run", "epoch"])["f_beta"] for label, table in rows.items()})
    reached = reached.loc[list(runs)]
    run, epoch = reached.mean(axis=1).idxmax()
    best = reached.loc[run].sort_index()
    best.attrs.update(run=run, epoch=epoch)
    return best


def resampled_counts(labels: pd.DataFrame, epochs: pd.DataFrame) -> pd.Series:
    """Return how many photos with each label an epoch sees, averaged over the epochs.

    Args:
        labels: a row per photo, named by image_id; a 0/1 column per label.
        epochs: the manifest of a recipe: columns epoch, image_id; a row each time that a photo is seen.
    """
    times = epochs.groupby("image_id").size() / epochs["epoch"].nunique()
    return labels.loc[times.index].mul(times, axis=0).sum()
