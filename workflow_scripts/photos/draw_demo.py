"""Draw the demo's photos of people in clothes, with their labels and true masks."""

from pathlib import Path

from stylevote.cli import run
from stylevote.demo.photos import write_demo


def main(folder: Path, threads: int, *, train: int, test: int, min_positives: int, side: int, seed: int) -> None:
    """Write the demo's training and test photos, label tables and masks.

    Args:
        folder: to write
        threads: processes that draw
        train: number of training photos
        test: number of test photos
        min_positives: minimum number of training positives per label
        side: shorter side in pixels
        seed: of label sets and photos
    """
    write_demo(folder, train=train, test=test, min_positives=min_positives, side=side, seed=seed, processes=threads)


if __name__ == "__main__":
    run(main)
