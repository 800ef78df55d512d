"""Set the honest macro F-beta of ensembles of several sizes beside what they cost."""

import argparse
import logging

import pandas as pd

from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.honest import read_sizes_decided
from stylevote.ensemble.scores import files_by_run
from stylevote.ensemble.size import size_curve
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the table and print it."""
    labels, folds, beta = arguments.spec["labels"], arguments.folds, arguments.spec["beta"]
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    decisions = read_sizes_decided(arguments.estimates, labels, manifest["image_id"], arguments.spec["votes"])
    members = pd.concat(read_by_label(arguments.members, labels).values())
    histories = [
        read_table(path, ["epoch", "seconds"]).assign(run=name)
        for name, paths in files_by_run(arguments.runs, arguments.histories, folds).items()
        for path in paths
    ]
    histories = pd.concat([pd.DataFrame(columns=["run", "epoch", "seconds"], dtype=float), *histories])
    curve = size_curve(label_matrix(manifest, labels), decisions, members, folds, histories, beta=beta)
    logging.info("%s", curve.to_string(index=False, float_format="%.4f"))
    write_table(curve, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the training photos",
        estimates="estimates by size: a file per block...",
        members="members by size: a file per block...",
        output="to write: score and cost of each size",
    )
    options.add_argument("--histories", required=True, help="the trainings' histories: a path with {run} and {fold}")
    options.add_argument("--runs", nargs="*", required=True, help="ids of the runs")
    options.add_argument("--folds", type=int, required=True, help="number of folds")
    add_spec(options, '{"labels": [...], "beta": 2, "votes": {...}}')
    run(options, main)
