"""Choose the smallest ensemble whose honest macro F-beta is near that of the best."""

import argparse
import logging

from stylevote.ensemble.honest import read_sizes_decided
from stylevote.ensemble.size import choose_sizes
from stylevote.program import add_spec, check_number, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the size that is chosen by all photos, and by those outside each fold."""
    labels = arguments.spec["labels"]
    check_number("estimates", arguments.estimates, len(labels), "label")
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    decisions = read_sizes_decided(arguments.estimates, manifest["image_id"], arguments.spec["votes"])
    sizes = choose_sizes(
        label_matrix(manifest, labels), decisions, folds, arguments.spec["target"]["loss"], arguments.spec["beta"]
    )
    logging.info("%s", sizes.to_string(index=False))
    write_table(sizes, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the training photos",
        fold_table="their folds",
        estimates="estimates by size: one table a label, in the order of the labels...",
        output="table of sizes to write",
    )
    add_spec(options, '{"labels": [...], "beta": 2, "votes": {...}, "target": {"loss": 0.002}}')
    run(options, main)
