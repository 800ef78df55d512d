"""Draw the demo's photos of people in clothes, with their labels and true masks."""

from pathlib import Path

from stylevote.cli import run
from stylevote.config.photos import Demo
from stylevote.demo.photos import write_demo


def main(folder: Path, threads: int, *, demo: Demo) -> None:
    """Write the demo's training and test photos, label tables and masks.

    Args:
        folder: to write: folder of the demo
        threads: processes that draw
        demo: numbers of photos, their size, and the seed
    """
    write_demo(folder, demo, threads)


if __name__ == "__main__":
    run(main)
