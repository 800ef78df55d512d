"""Say how the networks learned, and what they and all else cost."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stylevote.report.drawing import MOST_LINES
from stylevote.report.markup import beside, figure, grid, key, paragraph, some_folded, table
from stylevote.report.runs import RunTable

SHOWN_RUNS = 12  # whose training is seen at once; the others are folded away
SHOWN_RULES = 8  # whose cost is seen at once


def training(
    runs: Mapping[str, str], reached: pd.DataFrame, differ: RunTable, labels: Sequence[str], score: str
) -> str:
    """Return the section on every run's training.

    Args:
        runs: the picture of each run.
        reached: a row per run, named by its id: f_beta (the highest mean of its labels' naive F-beta at one epoch),
            labels (how many it predicts) and label (the first of them).
        differ: `runs.run_table`.
        labels: in their order.
        score: name of the F-beta.
    """
    if not runs:
        return paragraph("No network was trained here: all members are external ones, or drawn.")
    text = (
        "Left, the losses of a run by epoch: a thin line per fold, and a thick one for their mean. Where the validation"
        " loss rises while the training loss falls, the network is memorising photos. Losses of different kinds"
        f" cannot be compared. Right, {score} at each label's best threshold"
        f" ({'a thin line per label' if len(labels) <= MOST_LINES else 'a band that holds 80 % of the labels'}) and the"
        " mean over labels. Every epoch is a candidate for every label, so lines need not peak together. The best runs"
        " come first."
    )
    if (reached["labels"] < len(labels)).any():
        text += " Runs that predict fewer labels come last, label by label: their means say nothing about the others'."
    marks = key(
        ("one", "training loss"),
        ("two", "validation loss"),
        ("four", f"mean {score}"),
        ("quiet", f"{score} of a label"),
    )
    place = {label: k for k, label in enumerate(labels)}
    rows = reached.assign(place=reached["label"].map(place).where(reached["labels"] < len(labels), 0)).reset_index()
    rows = rows.sort_values(["labels", "place", "f_beta", "run"], ascending=[False, True, False, True])
    pictures = []
    for row in rows.itertuples(index=False):
        mean = f"mean {score}" if row.labels > 1 else score
        few = f" of {row.labels} labels" if row.labels > 1 else f" of {row.label}, its only label"
        note = f"best epoch: {mean}{few if row.labels < len(labels) else ''} {row.f_beta:.3f}"
        pictures.append(figure(runs[row.run], row.run, note))
    return (
        _run_table(differ)
        + paragraph(text)
        + marks
        + some_folded(pictures, SHOWN_RUNS, "runs", lambda part: grid(part, "wide"))
    )


def _run_table(differ: RunTable) -> str:
    """Return the table of runs, and what they have in common."""
    if len(differ.rows) == 1:
        return paragraph(f"There is one run: {differ.common}.")
    head = [name.capitalize() for name in differ.head]
    listed = some_folded(differ.rows, SHOWN_RUNS, "runs", lambda part: table(head, part, words=len(head)))
    return (
        paragraph("What differs between the runs:") + listed + paragraph(f"The same for all: {differ.common}.", "quiet")
    )


def cost(jobs: pd.DataFrame, on_gpu: Sequence[str], disk: pd.Series) -> str:
    """Return the section on what the results cost.

    Args:
        jobs: `costs.job_costs`.
        on_gpu: the rules whose jobs ask for a GPU.
        disk: `costs.disk_use`.
    """
    if jobs.empty:
        listed = paragraph("No job was measured: the results were copied here without their benchmark files.")
    else:
        hours, devices = jobs["hours"].sum(), jobs.loc[jobs["rule"].isin(on_gpu), "hours"].sum()
        text = (
            f"All jobs together took {_hours(hours)} of job time, which is their sum: less time passed where jobs ran"
            f" side by side. Of that, {_hours(devices)} went to jobs that ask for a GPU, whether there was one or not,"
            " and however many they used. Snakemake measured each job's last run: of a training that was interrupted,"
            " what came after the last start."
        )
        rows = [
            [
                row.rule,
                f"{row.jobs:,}",
                _hours(row.hours),
                "yes" if row.rule in on_gpu else "",
                "" if np.isnan(row.gigabytes) else f"{row.gigabytes:.1f} GB",
            ]
            for row in jobs.itertuples(index=False)
        ]
        head = ["Rule", "Jobs", "Job time", "Asks for a GPU", "Peak memory"]
        listed = paragraph(text) + some_folded(rows, SHOWN_RULES, "rules", lambda part: table(head, part))
    rows = [[name, _bytes(size)] for name, size in disk.items() if size >= 0.001 * disk.sum()]
    folders = paragraph(f"The results folder holds {_bytes(disk.sum())}.") + table(["Folder", "Size"], rows)
    return beside(listed, folders)


def _hours(hours: float) -> str:
    if hours >= 2:
        return f"{hours:,.1f} hours"
    return f"{hours * 60:.1f} minutes" if hours * 60 >= 2 else f"{hours * 3600:.1f} seconds"


def _bytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
