"""Divide the training photos into folds with an equal share of every label; near-duplicates stay together."""

from pathlib import Path

from stylevote.cli import run
from stylevote.files.tables import read_table, write_table
from stylevote.photos.folds import assign_folds


def main(manifest: Path, folds: Path, *, labels: list[str], count: int, seed: int) -> None:
    """Write the fold of each training photo.

    Args:
        folds: to write: folds of the photos
        count: number of folds
        seed: seed of the draw
    """
    photos = read_table(manifest, ["image_id", "group", *labels])
    write_table(assign_folds(photos, labels, count, seed), folds)


if __name__ == "__main__":
    run(main)
