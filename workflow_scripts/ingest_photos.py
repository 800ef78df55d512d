"""Check a photoset's photos and its table of labels, name every problem at once, and list the photos in a manifest."""

import argparse
from pathlib import Path

from stylevote.photos.ingest import ingest_photos
from stylevote.program import add_spec, add_threads, parser, run
from stylevote.tables import write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the manifest and the quarantine table."""
    spec = arguments.spec
    manifest, quarantine = ingest_photos(
        arguments.photos,
        arguments.table,
        spec["labels"],
        photoset=spec["photoset"],
        folds=spec["folds"],
        on_bad_photo=spec["on_bad_photo"],
        labelled=spec.get("labelled", False),
        threads=arguments.threads,
    )
    write_table(quarantine, arguments.quarantine)
    write_table(manifest, arguments.manifest)


def table_path(text: str) -> Path | None:
    """Return the path of the table; an empty argument, as Snakemake writes for no input file, means no table."""
    return Path(text) if text else None


if __name__ == "__main__":
    options = parser(
        __doc__,
        photos="folder of the photos",
        manifest="Parquet table to write: a row a photo",
        quarantine="Parquet table to write: the photos left out, and why",
    )
    options.add_argument(
        "--table",
        type=table_path,
        nargs="?",
        help="file names and labels, as CSV, TSV or Parquet; without it, all photos of the folder are taken",
    )
    add_spec(
        options,
        '{"photoset": name, "labels": [name, ...], "folds": count, "on_bad_photo": "fail" or "skip", "labelled":'
        " whether a photoset other than train must have labels (default false)}",
    )
    add_threads(options)
    run(options, main)
