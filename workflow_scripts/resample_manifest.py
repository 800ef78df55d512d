"""Draw what each epoch of a recipe sees on one fold."""

import argparse
import logging

from stylevote.augment.resample import resample
from stylevote.program import add_spec, parser, run
from stylevote.tables import fold_numbers, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Draw the epochs from the photos that are not in the fold."""
    manifest = read_table(arguments.manifest, ["image_id"])
    trained = fold_numbers(manifest, read_table(arguments.fold_table)) != arguments.fold
    epochs = resample(manifest["image_id"].to_numpy(dtype=object)[trained], arguments.spec, arguments.fold)
    logging.info("fold %d: %d epochs of %d photos", arguments.fold, arguments.spec["epochs"], trained.sum())
    write_table(epochs, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="training photos",
        fold_table="fold of each training photo",
        output="to write: what each epoch sees",
    )
    options.add_argument("--fold", type=int, required=True, help="number of the fold held out")
    add_spec(options, "the recipe")
    run(options, main)
