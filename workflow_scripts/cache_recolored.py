"""Decode every recoloured photo once, at the shorter side that the CNNs want, into one memory-mapped file."""

import argparse
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.augment.shards import MADE, read_photos
from stylevote.errors import InputError
from stylevote.photos.pixels import decode_photo, resize_photo, write_pixels
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the flat file of pixels and its index."""
    attempts = read_table(arguments.list)
    made = attempts[attempts["outcome"] == MADE].reset_index(drop=True)
    index = write_pixels(decoded(made, arguments.recolored, arguments.spec["size"]), arguments.pixels)
    write_table(pd.concat([made[["image_id", "variant", "sha256"]], index], axis=1), arguments.index)
    logging.info("%d recoloured photos at %d pixels", len(index), arguments.spec["size"])


def decoded(made: pd.DataFrame, shards: list[Path], size: int) -> Iterator[np.ndarray]:
    """Yield the pixels of the recoloured photos, held against their list."""
    photos = read_photos(shards)
    for sha256 in made["sha256"]:
        jpeg = next(photos, {"jpeg": b""})["jpeg"]
        if hashlib.sha256(jpeg).hexdigest() != sha256:
            folder = shards[0].parent
            raise InputError(
                f"{folder}: not the photos of its index.parquet; delete the folder, and they are made anew"
            )
        yield np.ascontiguousarray(resize_photo(decode_photo(jpeg, size), size))


if __name__ == "__main__":
    options = parser(
        __doc__,
        recolored="shards of recoloured photos...",
        list="list of all attempts",
        pixels="to write: flat file of uint8 RGB values",
        index="to write: where each photo lies in the flat file",
    )
    add_spec(options, '{"size": shorter side in pixels}')
    run(options, main)
