"""Compare the nested macro F-beta of ensembles of several sizes with their costs."""

import logging
from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.config.ensemble import Votes
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.scores import files_of_runs
from stylevote.estimate.nested import read_size_decisions
from stylevote.estimate.sizes import size_curve
from stylevote.files.tables import label_matrix, read_table, write_table


def main(
    estimates: list[Path],
    members: list[Path],
    manifest: Path,
    histories: list[Path],
    curve: Path,
    *,
    labels: list[str],
    beta: float,
    voting: Votes,
    runs: list[str],
    fold_count: int,
) -> None:
    """Write and print the score and the cost of each size.

    Args:
        estimates: nested decisions by size, a file per block of labels
        members: members by size, a file per block of labels
        histories: histories of the trainings, a file per run and fold; the folds of a run together
        curve: to write: score and cost of each size
        runs: names of the runs, in the order of their histories
    """
    photos = read_table(manifest, ["image_id", "group", *labels])
    decisions = read_size_decisions(estimates, labels, photos["image_id"], voting)
    selected = pd.concat(read_by_label(members, labels), names=["label"]).reset_index("label")
    trained = [
        read_table(path, ["epoch", "seconds"]).assign(run=name)
        for name, paths in files_of_runs(runs, histories, fold_count).items()
        for path in paths
    ]
    trained = pd.concat([pd.DataFrame(columns=["run", "epoch", "seconds"], dtype=float), *trained])
    groups = photos["group"].to_numpy()
    table = size_curve(label_matrix(photos, labels), decisions, selected, fold_count, trained, groups, beta=beta)
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_table(table, curve)


if __name__ == "__main__":
    run(main)
