"""Choose the smallest ensemble whose honest macro F-beta is near that of the best."""

import argparse
import logging
from pathlib import Path

import pandas as pd

from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.decisions import read_honest
from stylevote.ensemble.honest import read_sizes_decided
from stylevote.ensemble.rank import NONE
from stylevote.ensemble.size import as_number, choose_sizes
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the size that is chosen by all photos, and by those outside each fold."""
    labels = arguments.spec["labels"]
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    decisions = read_sizes_decided(arguments.estimates, labels, manifest["image_id"], arguments.spec["votes"])
    if arguments.members:
        selections = pd.concat(read_by_label(arguments.members, labels, ["without", "member"]).values())
        most = selections.loc[selections["without"] == NONE, "member"].max()
        decisions = {size: part for size, part in decisions.items() if (as_number(size) or most) < most}
        decisions["all"] = read_honest(arguments.whole, manifest["image_id"], labels)
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
        estimates="estimates by size: a file per block...",
        output="to write: table of sizes",
    )
    options.add_argument(
        "--members",
        nargs="*",
        type=Path,
        default=[],
        help="the selections, a file per block, if an ensemble is to be cut: sizes below its own count, then `all`",
    )
    options.add_argument("--whole", type=optional_path, nargs="?", help="honest decisions of that ensemble")
    add_spec(options, '{"labels": [...], "beta": 2, "votes": {...}, "target": {"loss": 0.002}}')
    run(options, main)
