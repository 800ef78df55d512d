"""Set the honest estimate of every label and of the macro F2 beside the naive one."""

import argparse
import logging

import numpy as np

from stylevote.ensemble.decisions import honest_scores
from stylevote.program import InputError, add_spec, parser, run
from stylevote.tables import label_matrix, read_json, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write a row a label and the row of their means."""
    labels = arguments.spec["labels"]
    if not len(labels) == len(arguments.estimates) == len(arguments.thresholds):
        raise InputError(
            f"{len(arguments.estimates)} estimates and {len(arguments.thresholds)} thresholds for {len(labels)} labels"
        )
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    estimates = [read_table(path, ["image_id", "decision"]) for path in arguments.estimates]
    for path, estimate in zip(arguments.estimates, estimates, strict=True):
        if not estimate["image_id"].equals(manifest["image_id"]):
            raise InputError(f"{path}: its {len(estimate)} photos are not the manifest's {len(manifest)}")
    decisions = np.stack([estimate["decision"].to_numpy() for estimate in estimates], axis=1)
    naive_f2 = [read_json(path)["f2"] for path in arguments.thresholds]
    table = honest_scores(label_matrix(manifest, labels), decisions, naive_f2, labels)
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_table(table, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        estimates="honest decisions: one table a label, in the order of the labels...",
        manifest="the training photos",
        thresholds="thresholds: one a label, in the order of the labels...",
        output="table to write",
    )
    add_spec(options, '{"labels": [...]}')
    run(options, main)
