"""Decode every photo of a photoset once, at the shorter side that the CNNs want, into one memory-mapped file."""

import argparse

from stylevote.photos.pixels import cache_pixels
from stylevote.program import add_spec, add_threads, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the flat file of pixels and its index."""
    manifest = read_table(arguments.manifest, columns=["image_id", "path", "sha256"])
    size = arguments.spec["size"]
    index = cache_pixels(manifest, arguments.photos, size, arguments.pixels, arguments.threads)
    write_table(index, arguments.index)


if __name__ == "__main__":
    options = parser(
        __doc__,
        photos="folder of the photos",
        manifest="the photoset's manifest",
        pixels="to write: flat file of uint8 RGB values",
        index="to write: where each photo lies in the flat file",
    )
    add_spec(options, '{"size": shorter side in pixels}')
    add_threads(options)
    run(options, main)
