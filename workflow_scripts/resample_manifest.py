"""Draw what each epoch of a recipe sees on one fold."""

import argparse
import logging

import pandas as pd

from stylevote.augment.resample import positives_table, resample
from stylevote.augment.shards import MADE
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.tables import fold_numbers, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Draw the epochs from the photos that are not in the fold."""
    labels, fold = arguments.spec["labels"], arguments.fold
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    photos = manifest[fold_numbers(manifest, read_table(arguments.fold_table)) != fold]
    recolored = pd.DataFrame({"image_id": [], "variant": []}, dtype=str)
    if arguments.recolored:
        tried = read_table(arguments.recolored, ["image_id", "variant", "outcome"])
        recolored = tried[tried["outcome"] == MADE]
    epochs = resample(photos, labels, recolored, arguments.spec, fold, name=arguments.name)
    count = arguments.spec["epochs"]
    used = (epochs["variant"] != "original").sum()
    logging.info(
        "fold %d: %d epochs of %d photos, %d of these recoloured", fold, count, len(epochs) / count, used / count
    )
    logging.info("positives:\n%s", positives_table(photos, labels, epochs).round(2).to_string())
    write_table(epochs, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="training photos and labels",
        fold_table="fold of each training photo",
        output="to write: what each epoch sees",
    )
    options.add_argument(
        "--recolored", type=optional_path, nargs="?", help="table of recoloured photos, if the recipe uses them"
    )
    options.add_argument("--fold", type=int, required=True, help="number of the fold held out")
    options.add_argument("--name", required=True, help="name of the recipe, for messages")
    add_spec(options, "`labels` and the recipe, with the number of its `epochs`")
    run(options, main)
