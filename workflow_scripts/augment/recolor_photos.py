"""Draw new colours for the clothes of a shard's photos with a rare label."""

import logging
from pathlib import Path

import numpy as np

from stylevote.augment.attempts import rare_labels, recolor_shard
from stylevote.augment.masks import decode_mask
from stylevote.augment.shards import write_shard
from stylevote.cli import run
from stylevote.config.photos import Recolor
from stylevote.files.tables import read_table
from stylevote.photos.pixels import read_ingested


def main(
    manifest: Path,
    masks: Path,
    recolored: Path,
    attempts: Path,
    photos: Path,
    shard: int,
    *,
    labels: list[str],
    size: int,
    shards: int,
    recolor: Recolor,
) -> None:
    """Write the new colours of a shard's photos, and the outcome of every attempt.

    Args:
        manifest: training photos and labels
        masks: masks of the shard
        recolored: to write: new colours
        attempts: to write: a row per attempt
        photos: folder of the training photos
        shard: number of the shard
        size: shorter side of the masks
        shards: number of shards
        recolor: settings of the recolouring
    """
    table = read_table(manifest)
    mask_of = read_table(masks, ["image_id", "mask"]).set_index("image_id")["mask"]

    def open_photo(row: int) -> tuple[np.ndarray, np.ndarray | None]:
        photo = table.iloc[row]
        pixels = read_ingested(photos, *photo[["path", "sha256", "pixel_range"]], size, enlarge=False)
        mask = mask_of[photo["image_id"]]
        return pixels, None if mask is None else decode_mask(mask)

    rare = rare_labels(table, labels, recolor)
    logging.info("photos with these labels are recoloured: %s", ", ".join(rare))
    copies = recolor_shard(table, rare, recolor, shards, shard, open_photo)
    outcomes = write_shard(copies, recolored, attempts)["outcome"]
    logging.info("%d attempts\n%s", len(outcomes), outcomes.value_counts().to_string(header=False))


if __name__ == "__main__":
    run(main)
