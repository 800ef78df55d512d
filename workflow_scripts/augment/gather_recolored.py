"""List every attempt at recolouring with its measures, and print the number of recoloured photos per label."""

import logging
from pathlib import Path

import pandas as pd

from stylevote.augment.shards import FIGURES, MADE
from stylevote.cli import run
from stylevote.errors import InputError
from stylevote.files.tables import positive_matrix, read_table, write_table


def main(manifest: Path, shards: list[Path], attempts: Path, *, labels: list[str]) -> None:
    """Write the attempts of all shards, one shard after the other.

    Args:
        manifest: training photos and labels
        shards: attempts, a file per shard
        attempts: to write: all attempts
    """
    photos = read_table(manifest)
    table = pd.concat([read_table(path) for path in shards], ignore_index=True)
    outcomes = table["outcome"].value_counts()
    made = table[table["outcome"] == MADE]
    if made.empty:
        raise InputError(
            f"recolor: no photo could be recoloured: {outcomes.to_dict()}; change recolor or segmentation, or use no"
            " recoloured photos"
        )
    positives = pd.DataFrame(positive_matrix(photos, labels), index=photos["image_id"], columns=labels)
    counts = {"photos": positives.sum(), "recoloured": positives.loc[made["image_id"]].sum()}
    logging.info("%d attempts\n%s\n", len(table), outcomes.to_string(header=False))
    logging.info("%s\n", pd.DataFrame(counts, index=labels).to_string())
    logging.info("figures of the photos made\n%s", made[list(FIGURES)].describe().loc[["mean", "min", "max"]].round(2))
    write_table(table, attempts)


if __name__ == "__main__":
    run(main)
