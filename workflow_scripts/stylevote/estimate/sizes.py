"""Size against score: how good the ensemble is with fewer members, and which size is enough."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stylevote.ensemble.rank import held_out_folds
from stylevote.ensemble.select import limit_size, select_by_fold
from stylevote.errors import InputError
from stylevote.estimate.bootstrap import bootstrap_f_beta, interval, with_mean
from stylevote.files.tables import read_table
from stylevote.metrics import BETA, macro_f_beta

# The most members a label that are tried, as Ding & Wan (2018) did for some (their Table VII); "all" is every run.
SIZES = ("1", "2", "5", "10", "20", "40", "all")


def parse_size(size: str) -> int | None:
    """Return a size of `SIZES` as `select.limit_size` takes it."""
    return None if size == "all" else int(size)


def select_sizes(
    rankings: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    settings: dict[str, Any],
    *,
    beta: float = BETA,
) -> dict[str, pd.DataFrame]:
    """Choose a label's members at every size, as `select.select_by_fold` does at one.

    A selection of fewer members is the beginning of one of more: these are chosen once.

    Args:
        rankings, scores, labels, folds, settings, beta: see `select.select_by_fold`.

    Returns:
        for each of `SIZES` the members: column held_out_fold, run, epoch, member, weight and others.
    """
    sizes = [int(size) for size in SIZES if size != "all"]
    largest = select_by_fold(rankings, scores, labels, folds, limit_size(settings, max(sizes)), beta=beta)
    everything = select_by_fold(rankings, scores, labels, folds, limit_size(settings, None), beta=beta)
    found = {str(size): largest[largest["member"].between(1, size)] for size in sizes}
    return found | {"all": everything[everything["member"] > 0]}


def size_curve(
    labels: np.ndarray,
    decisions: dict[str, np.ndarray],
    members: pd.DataFrame,
    folds: int,
    histories: pd.DataFrame,
    *,
    beta: float = BETA,
) -> pd.DataFrame:
    """Set the honest score of each size beside what it costs (Ding & Wan 2018, Table VII, extended).

    Args:
        labels: 0/1, shape (photos, labels).
        decisions: for each size, from the smallest, what `honest.predict_nested` decides, 0/1, in the same shape.
        members: columns size, run, epoch; a row per member of a label.
        folds: how many CNNs there are of a run.
        histories: columns run, epoch, seconds; a row per epoch and fold of every run that is trained here.
        beta: of the macro F-beta.

    Returns:
        a row a size: size, nested_f_beta (the macro F-beta), nested_low, nested_high (what holds 95 % of the
        bootstrap's resamples), loss (the best size's F-beta less this one's), loss_low, loss_high (of the paired
        differences), members (of all labels together), runs, cnns (different ones: run, epoch and fold), external
        (of the runs, those that other programs trained) and training_hours (of the other runs, up to the last epoch
        that is needed).
    """
    reached = np.array([macro_f_beta(labels, decided, beta) for decided in decisions.values()])
    best = int(np.argmax(reached))
    resampled = bootstrap_f_beta(labels, list(decisions.values()), beta=beta)
    means = np.array([with_mean(part)[:, -1] for part in resampled])
    rows = []
    for size, score, resamples in zip(decisions, reached, means, strict=True):
        networks = members.loc[members["size"] == size, ["run", "epoch"]]
        last = networks.groupby("run")["epoch"].max()
        of_runs = histories[histories["run"].isin(last.index)]
        needed = of_runs["epoch"].to_numpy() <= last.loc[of_runs["run"]].to_numpy()
        (low, high), (loss_low, loss_high) = interval(resamples), interval(means[best] - resamples)
        rows.append(
            {
                "size": size,
                "nested_f_beta": score,
                "nested_low": low,
                "nested_high": high,
                "loss": reached[best] - score,
                "loss_low": loss_low,
                "loss_high": loss_high,
                "members": len(networks),
                "runs": len(last),
                "cnns": folds * len(networks.drop_duplicates()),
                "external": len(last) - of_runs["run"].nunique(),
                "training_hours": of_runs.loc[needed, "seconds"].sum() / 3600,
            }
        )
    return pd.DataFrame(rows)


def read_sizes(path: Path, folds: np.ndarray) -> dict[int, int | None]:
    """Return a table of `choose_sizes` as `select.select_by_fold` takes it.

    Raises:
        InputError: the table holds another size than `SIZES`, or not one size for each of ``folds``, shape (photos,),
            and for none left out.
    """
    table = read_table(path, ["held_out_fold", "size"])
    unknown = table.loc[~table["size"].isin(SIZES), "size"]
    if len(unknown):
        raise InputError(f"{path}: size: found {unknown.iloc[0]!r}, expected one of {', '.join(SIZES)}")
    if sorted(table["held_out_fold"]) != held_out_folds(folds):
        raise InputError(
            f"{path}: held_out_fold: found {sorted(table['held_out_fold'])}, expected each of {held_out_folds(folds)} once"
        )
    return {
        held_out_fold: parse_size(size)
        for held_out_fold, size in zip(table["held_out_fold"], table["size"], strict=True)
    }


def choose_sizes(
    labels: np.ndarray, decisions: dict[str, np.ndarray], folds: np.ndarray, loss: float, beta: float = BETA
) -> pd.DataFrame:
    """Choose the smallest size whose honest macro F-beta is within ``loss`` of the best.

    For the honest estimate of an ensemble of that size, the choice is repeated for each fold, by the decisions for the
    photos of the others. These come from ensembles that may have seen the fold's photos, but did not decide them.

    Args:
        labels, decisions, beta: see `size_curve`.
        folds: shape (photos,).
        loss: how much less than the best is good enough.

    Returns:
        column held_out_fold (int16: the fold left out, or `rank.ALL`) and size.
    """
    rows = []
    for held_out_fold in held_out_folds(folds):
        known = folds != held_out_fold
        reached = {size: macro_f_beta(labels[known], part[known], beta) for size, part in decisions.items()}
        enough = next(size for size, score in reached.items() if score >= max(reached.values()) - loss)
        rows.append({"held_out_fold": held_out_fold, "size": enough})
    return pd.DataFrame(rows).astype({"held_out_fold": "int16"})
