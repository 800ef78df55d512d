"""Fail on photos that were left out, and on training photos that occur in another photoset, unless both are allowed."""

from pathlib import Path

from stylevote.cli import run
from stylevote.files.tables import read_table, write_table
from stylevote.photos.ingest import refuse_quarantine, shared_photos


def main(
    manifests: list[Path], quarantines: list[Path], shared: Path, *, photosets: list[str], on_bad_photo: str
) -> None:
    """Write the table of shared photos.

    Args:
        manifests: manifests, a file per photoset
        quarantines: quarantine tables, a file per photoset
        shared: to write: a row per shared photo
        photosets: names of the photosets
        on_bad_photo: fail or skip
    """
    if on_bad_photo == "fail":
        refuse_quarantine({name: read_table(path) for name, path in zip(photosets, quarantines, strict=True)})
    photos = {name: read_table(path, ["image_id", "sha256"]) for name, path in zip(photosets, manifests, strict=True)}
    write_table(shared_photos(photos, on_bad_photo), shared)


if __name__ == "__main__":
    run(main)
