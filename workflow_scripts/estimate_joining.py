"""Estimate what it adds to the score that all folds' networks decide a photoset, and not one fold's."""

import argparse
import logging

import numpy as np
import pandas as pd

from stylevote.ensemble.blocks import read_by_label, read_values
from stylevote.ensemble.joining import gain_of_joining
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write a row per label, and the row of their mean."""
    labels, beta, folds = arguments.spec["labels"], arguments.spec["beta"], arguments.folds
    estimates = read_by_label(arguments.estimates, labels, ["score"])
    thresholds = read_values(arguments.thresholds, labels, "threshold")
    truth = label_matrix(read_table(arguments.manifest, labels), labels)
    outputs = read_by_label([arguments.votes], labels, [f"fold{fold}" for fold in range(folds)])
    gains = []
    for k, label in enumerate(labels):
        scores, by_fold = estimates[label]["score"].to_numpy(), outputs[label].to_numpy().T
        gains.append(gain_of_joining(truth[:, k], scores, by_fold, thresholds[label], beta))
    table = pd.DataFrame({"label": [*labels, "macro"], "gain": [*gains, np.mean(gains)]})
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_table(table, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        estimates="the honest estimate: a file per block...",
        manifest="the training photos",
        thresholds="thresholds: a file per block...",
        votes="the votes on the photoset",
        output="to write: for each label, what joining is expected to add",
    )
    options.add_argument("--folds", type=int, required=True, help="number of folds")
    add_spec(options, '{"labels": [...], "beta": 2}')
    run(options, main)
