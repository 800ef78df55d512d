"""Estimate the gain of the score if all folds' networks decide a photoset, and not one fold's."""

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
    """Write a row per label, and the row of their mean.

    Args:
        estimates: honest decisions, a file per block of labels
        thresholds: a file per block of labels
        manifest: training photos
        votes: on the photoset
        gains: to write: for each label, the gain that gains is expected to bring
        labels: all of them
        beta: of F-beta
        fold_count: how many folds there are
    """
    decided = read_by_label(estimates, labels, ["score"])
    cuts = read_values(thresholds, labels, "threshold")
    truth = label_matrix(read_table(manifest, labels), labels)
    outputs = read_by_label([votes], labels, [f"fold{fold}" for fold in range(fold_count)])
    gains = []
    for k, label in enumerate(labels):
        scores, by_fold = decided[label]["score"].to_numpy(), outputs[label].to_numpy().T
        gains.append(fold_averaging_gain(truth[:, k], scores, by_fold, cuts[label], beta))
    table = pd.DataFrame({"label": [*labels, "macro"], "gain": [*gains, np.mean(gains)]})
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_table(table, gains)


if __name__ == "__main__":
    run(main)
