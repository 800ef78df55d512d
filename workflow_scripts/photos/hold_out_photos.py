"""Hold out a fraction of the labelled photos for the final evaluation; near-duplicates stay together."""

from pathlib import Path

from stylevote.cli import run
from stylevote.files.tables import read_table, write_table
from stylevote.photos.folds import hold_out_photos


def main(manifest: Path, train: Path, holdout: Path, *, labels: list[str], share: float, folds: int, seed: int) -> None:
    """Write the manifests of the photos to train on and of the holdout photos.

    Args:
        manifest: all photos with labels
        train: to write: manifest of the photos to train on
        holdout: to write: manifest of the holdout photos
        share: fraction of the photos to hold out
        folds: number of folds of the other photos
        seed: seed of the draw
    """
    photos = read_table(manifest)
    held_out = hold_out_photos(photos, labels, share, folds, seed)
    write_table(photos[~held_out], train)
    write_table(photos[held_out], holdout)


if __name__ == "__main__":
    run(main)
