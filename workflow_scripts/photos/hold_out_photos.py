"""Set a share of the training photos apart that nothing sees before the end; near-duplicates stay together."""

from pathlib import Path

from stylevote.cli import run
from stylevote.files.tables import read_table, write_table
from stylevote.photos.folds import hold_out_photos


def main(manifest: Path, train: Path, holdout: Path, *, labels: list[str], share: float, folds: int, seed: int) -> None:
    """Write the manifest of the photos to train on, and that of the holdout ones.

    Args:
        manifest: all photos with labels
        train: to write: manifest of the photos to train on
        holdout: to write: manifest of the holdout photos
        labels: all of them
        share: of the photos, to lock away
        folds: their number
        seed: of the draw
    """
    photos = read_table(manifest)
    chosen = hold_out_photos(photos, labels, share, folds, seed)
    write_table(photos[~chosen], train)
    write_table(photos[chosen], holdout)


if __name__ == "__main__":
    run(main)
