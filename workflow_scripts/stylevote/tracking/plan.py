"""Tabulate a configuration's runs, the reasons to train them, the pending jobs, their time and disk, and the CNNs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from stylevote.config.identity import canonical
from stylevote.config.settings import Settings, epochs_of, has_effect, kind_of, probe_text
from stylevote.ensemble.select import backbone_of
from stylevote.files.tables import read_json, read_table, replacing
from stylevote.tracking.disk import feature_totals, head_bytes, network_bytes, pixel_totals, weight_totals
from stylevote.tracking.reasons import MISSING, aligned, short_reasons

IN_ID = ["backbone", "size", "recipe"]  # a run's id begins with these
SHOWN = {*IN_ID, "labels", "loss", "hidden_units", "batch", "phases", "probe", "seed"}  # in columns of their own
NAMED_LABELS = 3  # more are counted
NOT_MEASURED = "not measured"
OUTPUTS = 3  # of a training: history, validation, weights

Job = tuple[str, dict[str, str], str]  # its rule, wildcards, and the reason that Snakemake gives


def write_plan(settings: Settings, log: Path, jobs: list[Job] | None) -> None:
    """Write the run table and the totals as text to ``log``, and the table to ``plan.tsv`` in the results folder.

    ``jobs`` are the pending ones, or None if a dry run fails.

    Raises:
        InputError: a network cannot be made to measure it, or a table in the results folder is damaged.
    """
    runs = pd.DataFrame(columns=["run"])
    if settings.runs:
        runs = plan_runs(settings)
        if jobs is not None:
            runs = runs.merge(plan_trainings(settings, jobs), on="run")
        lines = [as_text(runs.drop(columns=IN_ID)), "", *weight_totals(settings, runs)]
        lines += [*feature_totals(settings), *pixel_totals(settings)]
        lines += [*training_totals(runs), *feature_hours(settings, jobs)] if jobs is not None else []
    else:
        lines = [f"no runs to train: {len(settings.external)} external members decide alone"]
    with replacing(Path(settings.config.results) / "plan.tsv") as partial:
        runs.to_csv(partial, sep="\t", index=False, lineterminator="\n")
    with replacing(log) as partial:
        lines += [ensemble_size(settings, jobs), *job_totals(jobs)]
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def plan_runs(settings: Settings) -> pd.DataFrame:
    """Return a row per run, in the order of the ids.

    ``labels`` is ``all``, their names, or their number. ``other`` holds further settings in which the runs differ.
    ``networks`` counts one per fold and epoch. ``megabytes`` (10^6 bytes) is the size of one network's stored weights,
    ``gigabytes`` that of all of the run's; of a probe's networks, these are the heads.

    Raises:
        InputError: a network cannot be made to measure it.
    """
    others = {
        run: dict(_leaves({key: setting[key] for key in setting if key not in SHOWN and has_effect(key, setting)}))
        for run, setting in settings.runs.items()
    }
    # A probe has no part in what the others have in common of keys that have no effect on it.
    common = {
        (path, value)
        for path, value in {item for leaves in others.values() for item in leaves.items()}
        if all(
            leaves.get(path) == value or not has_effect(path.partition(".")[0], settings.runs[run])
            for run, leaves in others.items()
        )
    }
    rows = []
    for run, setting in settings.runs.items():
        ((loss, parameters),) = setting["loss"].items()
        epochs, labels, probe = epochs_of(setting), setting["labels"], setting.get("probe")
        if labels != "all":
            few = len(labels) <= NAMED_LABELS
            labels = ", ".join(labels) if few else f"{len(labels)} of {len(settings.labels)}"
        stored = (head_bytes if probe else network_bytes)(setting, len(settings.labels_of(setting)))
        megabytes = stored / 1e6
        networks = len(settings.folds) * epochs
        rows.append(
            {
                "run": run,
                **{key: setting[key] for key in IN_ID},
                "labels": labels,
                "loss": " ".join([loss, *_pairs(_leaves(parameters))]),
                "hidden_units": ", ".join(map(str, setting["hidden_units"])) or "none",
                "batch": setting["batch"],
                "epochs": epochs,
                "phases": probe_text(probe) if probe else ", ".join(map(phase_text, setting["phases"])),
                "seed": setting["seed"],
                "other": ", ".join(_pairs(item for item in others[run].items() if item not in common)),
                "networks": networks,
                "megabytes": round(megabytes, 3),
                "gigabytes": round(networks * megabytes / 1e3, 4),
            }
        )
    return pd.DataFrame(rows)


def phase_text(phase: dict[str, Any]) -> str:
    """Return a phase as epochs, trained part, learning rate, and policy and cycle if they are not the defaults.

    An example is ``2 last 0.4 0.001 triangular2 cycle 0.5``.
    """
    train = phase["train"] if isinstance(phase["train"], str) else " ".join(_pairs(_leaves(phase["train"])))
    policy = "" if phase["policy"] == "triangular" else f" {phase['policy']}"
    cycle = "" if phase["cycle"] == 1 else f" cycle {phase['cycle']:g}"
    return f"{phase['epochs']} {train} {phase['lr']:g}{policy}{cycle}"


def plan_trainings(settings: Settings, jobs: list[Job]) -> pd.DataFrame:
    """Return a row per run: its folds ``done`` and ``to_do``, ``why``, and the ``hours`` of the latter on one device.

    Hours follow from the mean time of an epoch in trained runs of the same backbone and size; without one, from
    ``plan.epoch_seconds``; else they are ``not measured``. A probe is one job for all folds. Its hours are those of the
    fits; the features, which probes share, have hours of their own (`feature_hours`).

    Raises:
        InputError: a history is damaged.
    """
    root = Path(settings.networks)
    trainings = {(job["run"], int(job["fold"])): reason for rule, job, reason in jobs if rule == "train_cnn"}
    fits = {job["run"]: reason for rule, job, reason in jobs if rule == "fit_probe"}
    trainings |= {(run, fold): reason for run, reason in fits.items() for fold in settings.folds}
    rows = []
    for run, setting in settings.runs.items():
        folders = {fold: root / "runs" / run / f"fold{fold}" for fold in settings.folds}
        to_do = [fold for fold in folders if (run, fold) in trainings]
        done = [fold for fold in folders if fold not in to_do and (folders[fold] / "history.parquet").exists()]
        reasons = [training_reason(trainings[run, fold], folders[fold]) for fold in to_do]
        is_probe = bool(setting.get("probe"))
        seconds = _epoch_seconds(root, kind_of(run), is_probe) if to_do else 0
        if seconds is None and not is_probe:
            seconds = settings.config.plan.epoch_seconds.get(kind_of(run))
        hours = NOT_MEASURED if seconds is None else f"{len(to_do) * epochs_of(setting) * seconds / 3600:.2f}"
        why = ", ".join(dict.fromkeys(reasons))
        rows.append({"run": run, "done": len(done), "to_do": len(to_do), "why": why, "hours": hours})
    return pd.DataFrame(rows)


def training_reason(reason: str, folder: Path) -> str:
    """Return a short reason to train a network, from Snakemake's reason and the folder of the run's fold."""
    if not reason.startswith(MISSING):
        return ", ".join(short_reasons(reason))
    if (folder / "unfinished").exists():
        return "unfinished"
    missing = reason.removeprefix(f"{MISSING}: ").split("; ")[0].split(", ")
    names = sorted({Path(path).name for path in missing})  # a probe's folds are one job
    return "new" if len(names) == OUTPUTS else f"{' and '.join(names)} gone"


@cache
def _epoch_seconds(root: Path, kind: str, is_probe: bool) -> float | None:
    """Return the mean time of an epoch in runs of a kind (backbone and size, as in their ids), if there are any.

    A probe has no learning rate: its only epoch is the fit of its heads.
    """
    paths = sorted(root.glob(f"runs/{kind}-*/fold*/history.parquet"))
    histories = [read_table(path, ["highest_lr", "seconds"]) for path in paths]
    seconds = [history.loc[(history["highest_lr"] > 0) != is_probe, "seconds"] for history in histories]
    mean = pd.concat(seconds).mean() if seconds else float("nan")
    return None if pd.isna(mean) else float(mean)


def feature_hours(settings: Settings, jobs: list[Job]) -> Iterator[str]:
    """Yield a line about the pending jobs that extract features, if there are any, with their hours.

    A job takes the mean time of those of the same features that were measured: probes share features, so each counts
    once.
    """
    pending = Counter(job["features"] for rule, job, _ in jobs if rule == "extract_features")
    if not pending:
        return
    measured: dict[str, list[float]] = {}
    for path in (Path(settings.networks) / "benchmarks" / "extract_features").rglob("*.tsv"):
        for features in pending.keys() & set(path.parts):
            measured.setdefault(features, []).append(pd.read_csv(path, sep="\t")["s"].sum())
    hours = sum(pending[features] * fmean(seconds) / 3600 for features, seconds in measured.items())
    unknown = sum(count for features, count in pending.items() if features not in measured)
    more = f", and {unknown:,} jobs that are not measured" if unknown else ""
    yield f"features:  {pending.total():,} jobs to extract them, {hours:,.1f} hours{more}"


def training_totals(runs: pd.DataFrame) -> Iterator[str]:
    """Yield lines with the number of trainings and their hours, given the columns of `plan_trainings`."""
    measured, trainings = runs["hours"] != NOT_MEASURED, runs["to_do"].sum()
    yield f"trainings: {trainings:,} to do, {runs['done'].sum():,} done"
    if trainings:
        unknown = runs["to_do"][~measured].sum()
        more = f", and {unknown:,} trainings of a kind that is not measured" if unknown else ""
        yield f"hours:     {runs['hours'][measured].astype(float).sum():,.1f} of training, one device per job{more}"


def ensemble_size(settings: Settings, jobs: list[Job] | None) -> str:
    """Return a line with the number of different CNNs in the ensemble, or the highest possible one before a selection.

    Raises:
        InputError: the file of this number is damaged.
    """
    path = Path(settings.config.results) / "ensemble" / "composition.json"
    pending = [job["ensemble"] for rule, job, _ in jobs or [] if rule == "gather_members"]
    if path.exists() and jobs is not None and "ensemble" not in pending:
        return f"ensemble:  {read_json(path)['size']}"
    return f"ensemble:  at most {max_cnns(settings):,} different CNNs"


def max_cnns(settings: Settings) -> int:
    """Return the highest possible number of different CNNs in the ensemble.

    A label has a maximum number of members, and takes one epoch of a run. So a run gives at most as many epochs as it
    has, and as it predicts labels.
    """
    config, labels = settings.config, settings.labels
    predicted = {run: set(settings.labels_of(setting)) for run, setting in settings.runs.items()}
    epochs = {run: epochs_of(setting) for run, setting in settings.runs.items()}
    for name in settings.external:  # their labels and epochs are not known, but for simulated ones
        predicted[name] = set(labels)
        epochs[name] = config.simulation.epochs if config.simulation else len(labels)
    limits = {"top_n": config.selection.top_n, "greedy": config.selection.greedy.max_members}
    limit = len(predicted) if config.target else limits.get(config.selection.method, len(predicted))
    of_labels = [[run for run in predicted if label in predicted[run]] for label in labels]
    if config.selection.method == "each_backbone" and not config.target:
        of_labels = [set(map(backbone_of, runs)) for runs in of_labels]
    by_label = sum(min(limit, len(runs)) for runs in of_labels)
    by_run = sum(min(epochs[run], len(predicted[run])) for run in predicted)
    return len(settings.folds) * min(by_label, by_run)


def job_totals(jobs: list[Job] | None) -> list[str]:
    """Return lines with the number of pending jobs per rule."""
    if jobs is None:
        return ["jobs:      not known: a dry run fails; snakemake -n shows the error"]
    counts = Counter(rule for rule, _, _ in jobs if rule != "all")
    return [
        f"jobs:      {counts.total():,} to do",
        *(f"  {count:>7,}  {rule}" for rule, count in counts.items()),
    ]


def as_text(table: pd.DataFrame) -> str:
    """Return a table as aligned text."""
    numbers = [index for index, name in enumerate(table) if pd.api.types.is_numeric_dtype(table[name])]
    rows = zip(*([name, *map(str, table[name])] for name in table), strict=True)
    return "\n".join(aligned(list(rows), numbers))


def _leaves(setting: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and text of each value of a nested setting, but for null and empty ones."""
    for key, value in setting.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value if isinstance(value, str) else canonical(value)


def _pairs(leaves: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"{key} {value}" for key, value in leaves)
