"""Draw every run's training for the report: losses, and the F-beta of every label, by epoch."""

from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.scores import files_of_runs
from stylevote.files.tables import read_table, write_table
from stylevote.report.markup import write_picture
from stylevote.report.plots import training_curves

COLUMNS = ["epoch", "train_loss", "validation_loss"]


def main(
    histories: list[Path],
    rankings: list[Path],
    pictures: list[Path],
    reached: Path,
    *,
    labels: list[str],
    runs: list[str],
    folds: int,
) -> None:
    """Write a picture of each run's training, and how far each run came.

    Args:
        histories: of the trainings: a file per run and fold, the folds of a run together
        rankings: of the candidates: a file per block of labels
        pictures: to write: a file per run
        reached: to write: the highest mean F-beta of the labels that each run reached at one epoch, how many labels it
            predicts, and the first of them
        labels: all of them
        runs: their ids
        folds: number of folds
    """
    columns = ["run", "epoch", "f_beta", "held_out_fold"]
    found = pd.concat(
        ranking[ranking["held_out_fold"] == ALL].assign(label=label)
        for label, ranking in read_by_label(rankings, labels, columns).items()
    )
    best = found.groupby(["run", "epoch"])["f_beta"].mean().groupby("run").max()
    of_runs = found.groupby("run")["label"]
    best = pd.DataFrame({"f_beta": best, "labels": of_runs.nunique(), "label": of_runs.first()})
    write_table(best.loc[sorted(runs)].reset_index(), reached)
    for (name, paths), path in zip(files_of_runs(runs, histories, folds).items(), pictures, strict=True):
        history = pd.concat([read_table(part, COLUMNS).assign(fold=fold) for fold, part in enumerate(paths)])
        of_run = found[found["run"] == name].pivot(index="epoch", columns="label", values="f_beta")
        write_picture(training_curves(history, of_run, title=f"Training of {name}", name=name), path)


if __name__ == "__main__":
    run(main)
