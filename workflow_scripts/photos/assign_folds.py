"""Divide the training photos into folds with an equal share of every label, or take a table of folds."""

from pathlib import Path

from stylevote.cli import run
from stylevote.files.tables import read_table, write_table
from stylevote.photos.folds import assign_folds, read_folds, take_folds


def main(
    manifest: Path, folds: Path, table: Path | None, divided: str, *, labels: list[str], count: int, seed: int
) -> None:
    """Write the fold of each training photo.

    Args:
        folds: to write: folds of the photos
        table: table of a user with the photos' folds; by default, folds are drawn
        divided: fail or warn, if the table divides photos that should stay together
        count: number of folds
        seed: seed of the draw
    """
    photos = read_table(manifest, ["image_id", "group", *labels])
    if table:
        write_table(take_folds(photos, labels, count, read_folds(table, count), divided=divided), folds)
    else:
        write_table(assign_folds(photos, labels, count, seed), folds)


if __name__ == "__main__":
    run(main)
