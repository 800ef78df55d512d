"""Estimate what it adds to the score that all folds' networks decide a photoset, and not one fold's."""

import argparse
import logging

import numpy as np
import pandas as pd

from stylevote.ensemble.joining import gain_of_joining
from stylevote.program import add_spec, check_number, parser, run
from stylevote.tables import label_matrix, read_json, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write a row per label, and the row of their mean."""
    labels, beta, folds = arguments.spec["labels"], arguments.spec["beta"], arguments.folds
    check_number("estimates", arguments.estimates, len(labels), "label")
    check_number("thresholds", arguments.thresholds, len(labels), "label")
    truth = label_matrix(read_table(arguments.manifest, labels), labels)
    votes = read_table(arguments.votes, ["label", *(f"fold{fold}" for fold in range(folds))])
    gains = []
    for k, label in enumerate(labels):
        scores = read_table(arguments.estimates[k], ["score"])["score"].to_numpy()
        threshold = read_json(arguments.thresholds[k])["threshold"]
        by_fold = votes[votes["label"] == label].drop(columns="label").to_numpy().T
        gains.append(gain_of_joining(truth[:, k], scores, by_fold, threshold, beta))
    table = pd.DataFrame({"label": [*labels, "macro"], "gain": [*gains, np.mean(gains)]})
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_table(table, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        estimates="the honest estimate: one table per label, in the order of the labels...",
        manifest="the training photos",
        thresholds="thresholds: one per label, in the order of the labels...",
        votes="the votes on the photoset",
        output="to write: for each label, what joining is expected to add",
    )
    options.add_argument("--folds", type=int, required=True, help="number of folds")
    add_spec(options, '{"labels": [...], "beta": 2}')
    run(options, main)
