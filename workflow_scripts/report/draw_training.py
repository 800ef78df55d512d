"""Draw every run's training for the report: losses, and the F-beta of every label, by epoch."""

from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.scores import files_of_runs
from stylevote.files.tables import read_table, write_table
from stylevote.report.pictures import write_picture
from stylevote.report.plots import training_curves


def main(
    histories: list[Path],
    rankings: list[Path],
    pictures: list[Path],
    table: Path,
    *,
    labels: list[str],
    runs: list[str],
    drawn: list[str],
    folds: int,
) -> None:
    """Draw each run's training, and write the highest F-beta of each run.

    Args:
        histories: of the drawn trainings: a file per run and fold, the folds of a run together
        rankings: of the candidates: a file per block of labels
        pictures: to write: a file per drawn run
        table: to write: the highest mean F-beta of each run's labels at one epoch, their number, and the first of them
        runs: ids of all runs
        drawn: ids of those with several epochs: all but probes
        folds: number of folds
    """
    rankings_of = read_by_label(rankings, labels, ["run", "epoch", "f_beta", "held_out_fold"])
    scores = pd.concat(rows[rows["held_out_fold"] == ALL].assign(label=label) for label, rows in rankings_of.items())
    by_run = scores.groupby("run")["label"]
    best = scores.groupby(["run", "epoch"])["f_beta"].mean().groupby("run").max()
    best = pd.DataFrame({"f_beta": best, "labels": by_run.nunique(), "label": by_run.first()})
    write_table(best.loc[sorted(runs)].reset_index(), table)
    for (name, paths), path in zip(files_of_runs(drawn, histories, folds).items(), pictures, strict=True):
        columns = ["epoch", "train_loss", "validation_loss"]
        history = pd.concat([read_table(part, columns).assign(fold=fold) for fold, part in enumerate(paths)])
        by_epoch = scores[scores["run"] == name].pivot(index="epoch", columns="label", values="f_beta")
        write_picture(training_curves(history, by_epoch, f"Training of {name}"), path)


if __name__ == "__main__":
    run(main)
