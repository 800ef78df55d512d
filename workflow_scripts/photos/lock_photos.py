"""Set a share of the training photos apart that nothing sees before the end; near-duplicates stay together."""

from pathlib import Path

from stylevote.cli import run
from stylevote.photos.folds import lock_photos
from stylevote.tables import read_table, write_table


def main(manifest: Path, train: Path, locked: Path, *, labels: list[str], share: float, folds: int, seed: int) -> None:
    """Write the manifest of the photos to train on, and that of the locked ones.

    Args:
        manifest: all photos with labels
        train: to write: manifest of the photos to train on
        locked: to write: manifest of the locked photos
        labels: all of them
        share: of the photos, to lock away
        folds: their number
        seed: of the draw
    """
    photos = read_table(manifest)
    chosen = lock_photos(photos, labels, share, folds, seed)
    write_table(photos[~chosen], train)
    write_table(photos[chosen], locked)


if __name__ == "__main__":
    run(main)
