"""Check a photoset's photos and label table, report all problems, and list the photos in a manifest."""

from pathlib import Path

from stylevote.cli import run
from stylevote.config.label_table import table_option
from stylevote.files.tables import read_table, write_table
from stylevote.photos.ingest import ingest_photos
from stylevote.photos.listing import note_reading, second_of


def main(
    manifest: Path,
    quarantine: Path,
    thumbnails: Path,
    photos: Path,
    table: str | None,
    failures: Path | None,
    on_bad_photo: str,
    links: str,
    threads: int,
    *,
    labels: list[str],
    photoset: str,
    folds: int,
    holdout: bool,
    max_difference: float,
) -> None:
    """Write the manifest and the small pictures of the good photos, and the quarantine table of the other photos.

    Args:
        manifest: to write: a row per photo
        quarantine: to write: photos left out, and why
        thumbnails: to write: small pictures of the good photos
        photos: folder of the photos
        table: path of the table of file names and labels, or its description as JSON; empty: all photos of the folder
        failures: table of the photos that could not be downloaded, and why
        on_bad_photo: fail, or skip unusable photos
        links: inside, or anywhere if photos may be links to files outside the folder
        threads: processes that open photos
        photoset: name of the photoset; train must have labels
        folds: number of folds, each of which needs a positive of every label
        holdout: whether some photos will be held out
        max_difference: maximum of the difference of near-duplicates
    """
    manifest.parent.mkdir(parents=True, exist_ok=True)
    started = second_of(manifest.parent)
    reasons = {}
    if failures and failures.exists():
        reasons = read_table(failures, ["image_id", "problem"]).set_index("image_id")["problem"].to_dict()
    good, bad, pictures = ingest_photos(
        photos,
        table_option(table),
        labels,
        photoset=photoset,
        folds=folds,
        holdout=holdout,
        on_bad_photo=on_bad_photo,
        links=links,
        max_difference=max_difference,
        reasons=reasons,
        threads=threads,
    )
    write_table(bad, quarantine)
    write_table(pictures, thumbnails)
    write_table(good, manifest)
    note_reading(manifest, photos, started)


if __name__ == "__main__":
    run(main)
