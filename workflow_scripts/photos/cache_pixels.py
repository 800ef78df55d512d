"""Decode every photo of a photoset once, at one size, into a memory-mapped file."""

from pathlib import Path

from stylevote.cli import run
from stylevote.files.tables import read_table, write_table
from stylevote.photos.pixels import cache_pixels


def main(manifest: Path, pixels: Path, index: Path, photos: Path, threads: int, *, size: int) -> None:
    """Write the flat file of a photoset's pixels and its index.

    Args:
        manifest: photos
        pixels: to write: flat file of uint8 RGB values
        index: to write: position of each photo in the flat file
        photos: folder of the photos
        threads: processes that decode
        size: shorter side in pixels
    """
    table = read_table(manifest, columns=["image_id", "path", "sha256", "pixel_range"])
    write_table(cache_pixels(table, photos, size, pixels, threads), index)


if __name__ == "__main__":
    run(main)
