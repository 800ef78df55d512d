"""Published tables with our figures beside them, on one page of Markdown."""

from typing import NamedTuple

import pandas as pd

from stylevote.report import markdown


class Experiment(NamedTuple):
    """A published table: its title, what is to be known of it, and what `comparison.tabulate` returns."""

    title: str
    notes: str
    table: pd.DataFrame


def experiments_page(experiments: dict[str, Experiment], score: str) -> str:
    """Return the page.

    Args:
        experiments: the tables, by their names.
        score: name of the F-beta.
    """
    parts = [
        "# Published tables, and ours\n",
        f"All figures are {score}, and `macro` is its mean over all labels. *Paper* is what was published. *Ours* is"
        " the mean over runs that differ in nothing but their seed. Each decides every training photo by its network"
        " that did not see the photo, at the epoch and with the threshold that are best on the other folds' photos: no"
        " photo has a part in what decides it. *Naive* is the same of the photos that chose epoch and threshold, and"
        " higher for that alone: what to hold against figures that were published without saying how they were chosen."
        " Of ensembles, *ours* is the nested estimate.\n",
        "*95 % by seeds* is the interval of Student's t for the mean over seeds: how far the chance of training"
        " reaches, on these photos and folds. Seeds draw what networks begin with and how photos are cropped; the"
        " folds, and what a recipe draws for an epoch, are the same for all. It is what to look at when rows are"
        " compared."
        " *95 % by photos* holds the mean in so many samples of such photos (the bootstrap's), with these very"
        " networks: it is wide where positives are few, for all rows alike.\n",
    ]
    for name, experiment in experiments.items():
        head = ["Row", "Label", "Paper", "Ours", "95 % by seeds", "95 % by photos", "Naive", "Seeds", "Positives"]
        rows = [
            [
                row.row,
                row.label,
                _figure(row.paper),
                _figure(row.ours),
                _bounds(row.low, row.high),
                _bounds(row.photos_low, row.photos_high),
                _figure(row.non_nested),
                f"{row.seeds}",
                f"{row.positives}",
            ]
            for row in experiment.table.itertuples()
        ]
        parts.append(f"## {markdown.cell(experiment.title)}\n\n{markdown.table(head, rows, words=2)}\n")
        notes = [markdown.cell(experiment.notes)] if experiment.notes else []
        parts.append(" ".join([*notes, f"As numbers: `{name}.csv`.\n"]))
    return "\n".join(parts)


def _figure(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.4f}"


def _bounds(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"{low:.4f} to {high:.4f}"
