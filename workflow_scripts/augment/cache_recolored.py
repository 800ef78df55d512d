"""Decode every recoloured photo once, at one size, into a memory-mapped file."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.augment.shards import MADE, read_photos
from stylevote.cli import run
from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table
from stylevote.photos.pixels import decode_photo, resize_photo, write_pixels


def main(attempts: Path, recolored: list[Path], pixels: Path, index: Path, *, size: int) -> None:
    """Write the flat file of the recoloured photos' pixels and its index.

    Args:
        attempts: table of all attempts
        recolored: photos, a file per shard
        pixels: to write: flat file of uint8 RGB values
        index: to write: position of each photo in the flat file
        size: shorter side in pixels
    """
    table = read_table(attempts)
    made = table[table["outcome"] == MADE].reset_index(drop=True)
    positions = write_pixels(decoded(made, recolored, size), pixels)
    write_table(pd.concat([made[["image_id", "variant", "sha256"]], positions], axis=1), index)
    logging.info("%d recoloured photos at %d pixels", len(positions), size)


def decoded(made: pd.DataFrame, shards: list[Path], size: int) -> Iterator[np.ndarray]:
    """Yield the pixels of the recoloured photos; raise `InputError` if they are not those of the table."""
    photos = read_photos(shards)
    for sha256 in made["sha256"]:
        jpeg = next(photos, {"jpeg": b""})["jpeg"]
        if hashlib.sha256(jpeg).hexdigest() != sha256:
            raise InputError(
                f"{shards[0].parent}: not the photos of its index.parquet; delete the folder and run again"
            )
        yield np.ascontiguousarray(resize_photo(decode_photo(jpeg, size), size))


if __name__ == "__main__":
    run(main)
