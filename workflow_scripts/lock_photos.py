"""Set a share of the training photos apart that nothing sees before the end; near-duplicates stay together."""

import argparse

from stylevote.photos.folds import lock_photos
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the manifest of the photos to train on, and that of the locked ones."""
    spec = arguments.spec
    manifest = read_table(arguments.manifest)
    locked = lock_photos(manifest, spec["labels"], spec["share"], spec["folds"], spec["seed"])
    write_table(manifest[~locked], arguments.train)
    write_table(manifest[locked], arguments.locked)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="manifest of all photos with labels",
        train="to write: manifest of the photos to train on",
        locked="to write: manifest of the locked photos",
    )
    add_spec(options, '{"labels": [name, ...], "share": to lock away, "folds": number of folds, "seed": number}')
    run(options, main)
