"""Collate the out-of-fold predictions of every run into one file of candidates per block of labels."""

import argparse
import logging
from pathlib import Path

from stylevote.ensemble.scores import collate_scores, files_by_run, files_of_external
from stylevote.program import add_spec, check_number, parser, run
from stylevote.tables import fold_numbers, read_table


def main(arguments: argparse.Namespace) -> None:
    """Read each run once, write the candidates of every block."""
    blocks = arguments.spec["blocks"]
    check_number("outputs", arguments.outputs, len(blocks), "block of labels")
    runs = files_by_run(arguments.runs, arguments.predictions, arguments.folds)
    runs |= files_of_external(arguments.external, "validation", arguments.folds)
    manifest = read_table(arguments.manifest, ["image_id"])
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    external = [folder.name for folder in arguments.external]
    outputs = dict(zip(arguments.outputs, blocks, strict=True))
    collate_scores(runs, manifest["image_id"].to_numpy(), folds, outputs, external)
    labels = sum(map(len, blocks))
    logging.info("%d runs and external members, %d photos, %d labels", len(runs), len(manifest), labels)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the training photos",
        fold_table="their folds",
        outputs="to write: files, one per block, in the order of the blocks...",
    )
    options.add_argument(
        "--predictions", required=True, help="the runs' out-of-fold predictions: a path with {run} and {fold} in it"
    )
    options.add_argument("--runs", nargs="*", required=True, help="ids of the runs")
    options.add_argument("--external", nargs="*", type=Path, default=[], help="folders of external members")
    options.add_argument("--folds", type=int, required=True, help="number of folds")
    add_spec(options, '{"blocks": [[the labels of a block], ...]}')
    run(options, main)
