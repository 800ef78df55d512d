"""Give the cached pixels of photos the colours of their recoloured copies, into a memory-mapped file."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.augment.recolor import Recoloring, recolor
from stylevote.augment.shards import MADE, read_photos
from stylevote.cli import run
from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table
from stylevote.photos.pixels import check_index, open_pixels, write_pixels


def main(
    manifest: Path,
    attempts: Path,
    recolored: list[Path],
    originals_index: Path,
    originals: Path,
    pixels: Path,
    index: Path,
) -> None:
    """Write the flat file of the recoloured photos' pixels and its index.

    A copy has the pixels of its photo in this cache, except where its colours changed. So networks cannot tell copies
    from photos by traces of another resizing or encoding.

    Args:
        manifest: training photos
        attempts: table of all attempts
        recolored: new colours, a file per shard
        originals_index: index of the training photos' pixel cache
        originals: that pixel cache
        pixels: to write: flat file of uint8 RGB values
        index: to write: position of each photo in the flat file
    """
    table, photos = read_table(attempts), read_table(originals_index)
    check_index(photos, read_table(manifest), originals_index)
    made = table[table["outcome"] == MADE].reset_index(drop=True)
    flat = open_pixels(originals, photos)
    positions = write_pixels(recolored_pixels(made, recolored, photos.set_index("image_id"), flat), pixels)
    write_table(pd.concat([made[["image_id", "variant", "sha256"]], positions], axis=1), index)
    logging.info("%d recoloured photos", len(positions))


def recolored_pixels(
    made: pd.DataFrame, shards: list[Path], photos: pd.DataFrame, flat: np.ndarray
) -> Iterator[np.ndarray]:
    """Yield the pixels of the recoloured photos; raise `InputError` if the shards are not those of the table."""
    rows = read_photos(shards)
    for image_id, sha256 in zip(made["image_id"], made["sha256"], strict=True):
        data = next(rows, {"recoloring": b""})["recoloring"]
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError(
                f"{shards[0].parent}: not the photos of its index.parquet; delete the folder and run again"
            )
        photo = photos.loc[image_id]
        shape = photo["height"], photo["width"], 3
        before = flat[photo["offset"] : photo["offset"] + np.prod(shape, dtype=np.int64)].reshape(shape)
        yield recolor(before, Recoloring.from_bytes(data))[0]


if __name__ == "__main__":
    run(main)
