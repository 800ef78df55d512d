"""Check a photoset's photos and its table of labels, name every problem at once, and list the photos in a manifest."""

import argparse

from stylevote.photos.ingest import ingest_photos
from stylevote.photos.listing import note_reading, second_of
from stylevote.program import add_spec, add_threads, optional_path, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the manifest and the quarantine table."""
    spec, failures = arguments.spec, arguments.failures
    arguments.manifest.parent.mkdir(parents=True, exist_ok=True)
    started = second_of(arguments.manifest.parent)
    reasons = {}
    if failures and failures.exists():
        reasons = read_table(failures, ["image_id", "problem"]).set_index("image_id")["problem"].to_dict()
    manifest, quarantine = ingest_photos(
        arguments.photos,
        arguments.table,
        spec["labels"],
        photoset=spec["photoset"],
        folds=spec.get("folds", 1),
        locked=spec.get("locked", False),
        on_bad_photo=arguments.on_bad_photo,
        labelled=spec.get("labelled", False),
        reasons=reasons,
        threads=arguments.threads,
    )
    write_table(quarantine, arguments.quarantine)
    write_table(manifest, arguments.manifest)
    note_reading(arguments.manifest, arguments.photos, started)


if __name__ == "__main__":
    options = parser(
        __doc__,
        photos="folder of the photos",
        manifest="to write: one row per photo",
        quarantine="to write: the photos left out, and why",
    )
    options.add_argument(
        "--table",
        type=optional_path,
        nargs="?",
        help="file names and labels, as CSV, TSV or Parquet; without it, all photos of the folder are taken",
    )
    options.add_argument(
        "--failures",
        type=optional_path,
        nargs="?",
        help="Parquet table of the photos that could not be downloaded, and why, if there is one",
    )
    add_spec(
        options,
        '{"photoset": name, "labels": [name, ...], "folds": count (of train), "locked": whether some photos of train'
        ' will be locked away (default false), "labelled": whether a photoset other than train must have labels'
        " (default false)}",
    )
    options.add_argument(
        "--on-bad-photo",
        choices=["fail", "skip"],
        default="fail",
        help="what to do with photos that cannot be used (default fail)",
    )
    add_threads(options)
    run(options, main)
