"""Draw every run's training for the report: losses, and the F-beta of every label, by epoch."""

import argparse
from pathlib import Path

import pandas as pd

from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.rank import NONE
from stylevote.ensemble.scores import files_by_run
from stylevote.errors import InputError
from stylevote.program import add_spec, parser, run
from stylevote.report.markup import write_picture
from stylevote.report.plots import training_curves
from stylevote.tables import read_table, write_table

COLUMNS = ["epoch", "train_loss", "validation_loss"]


def main(arguments: argparse.Namespace) -> None:
    """Write a picture a run, and how far each came."""
    labels = arguments.spec["labels"]
    if "{run}" not in arguments.output:
        raise InputError(f"--output {arguments.output}: expected a path with {{run}} in it")
    parts = []
    columns = ["run", "epoch", "f_beta", "without"]
    for label, ranking in read_by_label(arguments.rankings, labels, columns).items():
        parts.append(ranking[ranking["without"] == NONE].assign(label=label))
    reached = pd.concat(parts)
    best = reached.groupby(["run", "epoch"])["f_beta"].mean().groupby("run").max()
    of_runs = reached.groupby("run")["label"]
    best = pd.DataFrame({"f_beta": best, "labels": of_runs.nunique(), "label": of_runs.first()})
    write_table(best.loc[sorted(arguments.runs)].reset_index(), arguments.reached)
    for name, paths in files_by_run(arguments.runs, arguments.histories, arguments.folds).items():
        history = pd.concat([read_table(path, COLUMNS).assign(fold=fold) for fold, path in enumerate(paths)])
        of_run = reached[reached["run"] == name].pivot(index="epoch", columns="label", values="f_beta")
        picture = training_curves(history, of_run, title=f"Training of {name}", name=name)
        write_picture(picture, Path(arguments.output.replace("{run}", name)))


if __name__ == "__main__":
    options = parser(
        __doc__,
        rankings="rankings of the candidates: a file per block...",
        reached="to write: the highest mean F-beta of the labels that each run reached at one epoch, how many labels it"
        " predicts, and the first of them",
    )
    options.add_argument("--histories", required=True, help="the trainings' histories: a path with {run} and {fold}")
    options.add_argument("--runs", nargs="+", required=True, help="ids of the runs")
    options.add_argument("--folds", type=int, required=True, help="number of folds")
    options.add_argument("--output", required=True, help="to write: pictures, a path with {run}")
    add_spec(options, '{"labels": [...]}')
    run(options, main)
