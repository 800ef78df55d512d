"""Estimate the gain in F-beta from averaging all folds' networks instead of using one fold's."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, read_values
from stylevote.estimate.fold_averaging import fold_averaging_gain
from stylevote.files.tables import label_matrix, read_table, write_table


def main(
    estimates: list[Path],
    thresholds: list[Path],
    manifest: Path,
    votes: Path,
    gains: Path,
    *,
    labels: list[str],
    beta: float,
    fold_count: int,
) -> None:
    """Write the expected gain of each label, and their mean.

    Args:
        estimates: nested decisions, a file per block of labels
        gains: to write: gains
    """
    nested = read_by_label(estimates, labels, ["score"])
    of_labels = read_values(thresholds, labels, "threshold")
    truth = label_matrix(read_table(manifest, labels), labels)
    outputs = read_by_label([votes], labels, [f"fold{fold}" for fold in range(fold_count)])
    of_label = [
        fold_averaging_gain(
            truth[:, k], nested[label]["score"].to_numpy(), outputs[label].to_numpy().T, of_labels[label], beta
        )
        for k, label in enumerate(labels)
    ]
    table = pd.DataFrame({"label": [*labels, "macro"], "gain": [*of_label, np.mean(of_label)]})
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_table(table, gains)


if __name__ == "__main__":
    run(main)
