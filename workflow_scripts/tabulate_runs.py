"""Set the honest F-beta of runs, as means over seeds, beside a published table's figures."""

import argparse
import logging

import numpy as np

from stylevote.ensemble.comparison import tabulate, write_comparison
from stylevote.ensemble.scores import files_by_run, read_run
from stylevote.program import add_spec, parser, run
from stylevote.tables import fold_numbers, read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the table, for the workflow and as CSV, and print it."""
    spec, labels = arguments.spec, arguments.spec["labels"]
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    runs = {run for cell in spec["cells"] for repetition in cell["repetitions"] for run in repetition.values()}
    files = files_by_run(sorted(runs), arguments.predictions, arguments.folds)

    def scores_of(run: str) -> dict[str, np.ndarray]:
        return read_run(files[run], manifest["image_id"].to_numpy(), folds, labels).scores

    table = tabulate(spec["cells"], manifest[labels], folds, scores_of, beta=spec["beta"])
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_comparison(table, arguments.table, arguments.csv)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the training photos",
        fold_table="their folds",
        table="to write: the figures",
        csv="to write: the same as CSV",
    )
    options.add_argument("--predictions", required=True, help="out-of-fold predictions: a path with {run} and {fold}")
    options.add_argument("--folds", type=int, required=True, help="number of folds")
    add_spec(
        options,
        '{"labels": [...], "beta": 2, "cells": [{"row": NAME, "label": NAME or "macro", "paper": 0.4 or null, '
        '"cut": 0.5 or null, "repetitions": [{label: run}]}]}',
    )
    run(options, main)
