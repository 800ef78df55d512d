"""Fail on photos that were left out, on photosets whose values differ, and on photos that two photosets contain."""

from pathlib import Path

from stylevote.cli import run
from stylevote.files.tables import read_table, write_table
from stylevote.photos.findings import refuse_other_ranges
from stylevote.photos.ingest import TRAIN, refuse_quarantine, shared_photos


def main(
    manifests: list[Path],
    quarantines: list[Path],
    thumbnails: list[Path],
    shared: Path,
    *,
    photosets: list[str],
    stated: list[str],
    on_bad_photo: str,
    max_difference: float,
    divided: str,
) -> None:
    """Write the table of shared photos.

    Args:
        manifests: manifests, a file per photoset
        quarantines: quarantine tables, a file per photoset
        thumbnails: small pictures of the photos, a file per photoset
        shared: to write: a row per shared photo
        photosets: names of the photosets
        stated: those whose range of values the configuration states
        on_bad_photo: fail or skip
        max_difference: maximum of the difference of near-duplicates
        divided: fail or warn, if a photo is a near-duplicate of a training photo
    """
    if on_bad_photo == "fail":
        refuse_quarantine({name: read_table(path) for name, path in zip(photosets, quarantines, strict=True)})
    columns = ["image_id", "sha256", "pixel_range"]
    photos = {name: read_table(path, columns) for name, path in zip(photosets, manifests, strict=True)}
    refuse_other_ranges(photos, TRAIN, stated)
    pictures = {name: read_table(path) for name, path in zip(photosets, thumbnails, strict=True)}
    table = shared_photos(photos, pictures, max_difference, on_bad_photo=on_bad_photo, divided=divided)
    write_table(table, shared)


if __name__ == "__main__":
    run(main)
