"""List every attempt at recolouring, with its figures, and print how many photos were made of each label."""

import argparse
import logging

import pandas as pd

from stylevote.augment.shards import FIGURES, MADE
from stylevote.errors import InputError
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Put the shards' attempts one after the other."""
    labels, manifest = arguments.spec["labels"], read_table(arguments.manifest)
    attempts = pd.concat([read_table(path) for path in arguments.attempts], ignore_index=True)
    outcomes = attempts["outcome"].value_counts()
    made = attempts[attempts["outcome"] == MADE]
    if made.empty:
        raise InputError(f"no photo could be recoloured: {outcomes.to_dict()}; see the logs of recolor_photos")
    copies = manifest.set_index("image_id").loc[made["image_id"], labels]
    counts = {"photos": label_matrix(manifest, labels).sum(axis=0), "recoloured": copies.to_numpy().sum(axis=0)}
    logging.info("%d attempts\n%s\n", len(attempts), outcomes.to_string(header=False))
    logging.info("%s\n", pd.DataFrame(counts, index=labels).to_string())
    logging.info("figures of the photos made\n%s", made[list(FIGURES)].describe().loc[["mean", "min", "max"]].round(2))
    write_table(attempts, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="training photos and labels",
        attempts="each shard's attempts...",
        output="to write: all attempts",
    )
    add_spec(options, "the `labels`")
    run(options, main)
