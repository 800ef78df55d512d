"""Drawn photos of people in clothes: a small multi-label fashion data set that is reproducible from a seed."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stylevote.config.photos import Demo
from stylevote.demo.canvas import CLASSES
from stylevote.demo.label_sets import MIN_TEST_POSITIVES, sample_label_sets
from stylevote.demo.scene import draw


def write_photos(
    folder: Path, split: str, label_sets: pd.DataFrame, *, side: int, seed: int, processes: int = 1
) -> None:
    """Draw and write a split's photos, masks and label table.

    Args:
        folder: Folder for ``<split>.csv``, ``<split>/<split>_0001.jpg`` ... and ``masks/<split>/<split>_0001.png`` ...
        split: "train" or "test".
        label_sets: 0/1, a row per photo, a column per label.
        side: Shorter side of the photos in pixels, on average.
        processes: Number of processes, which does not change the photos.
    """
    photos, masks = folder / split, folder / "masks" / split
    photos.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    names = [f"{split}_{number:04d}" for number in range(1, len(label_sets) + 1)]
    of_photos = [[label for label in label_sets if row[label]] for _, row in label_sets.iterrows()]
    paths = [(photos / f"{name}.jpg", masks / f"{name}.png") for name in names]
    rngs = [split_rng(seed, split, number) for number in range(1, len(names) + 1)]
    write = partial(_write_photo, side=side)
    if processes == 1:
        for arguments in zip(of_photos, paths, rngs, strict=True):
            write(*arguments)
    else:
        with ProcessPoolExecutor(processes) as executor:
            list(executor.map(write, of_photos, paths, rngs, chunksize=20))
    table = label_sets.reset_index(drop=True)
    table.insert(0, "image", [f"{name}.jpg" for name in names])
    table.to_csv(folder / f"{split}.csv", index=False)


def _write_photo(labels: list[str], paths: tuple[Path, Path], rng: np.random.Generator, *, side: int) -> None:
    """Draw and write a photo with these labels, and its mask."""
    drawing = draw(labels, rng, side)
    photo, mask = paths
    Image.fromarray(drawing.photo).save(photo, quality=int(rng.integers(80, 96)))
    Image.fromarray(drawing.classes).save(mask)


def split_rng(seed: int, split: str, number: int | None = None) -> np.random.Generator:
    """Return the generator of a split's label sets, or of its photo ``number`` (from 1); all are independent."""
    # Numbers start from 1 because a seed sequence ignores a zero at its end.
    key = [seed, 1 + ("train", "test").index(split)]
    return np.random.default_rng(key if number is None else [*key, number])


def write_demo(folder: Path, settings: Demo, processes: int = 1) -> None:
    """Write the whole demo: both splits and ``mask_labels.csv``.

    Args:
        settings: Numbers of photos, their size, and the seed. The test photos get a minimum of positives in proportion
            to that of the training photos, at least `MIN_TEST_POSITIVES`.

    Raises:
        InputError: If a split has too few photos for that many positives.
    """
    train, test, min_positives = settings.train, settings.test, settings.min_positives
    minima = {"train": min_positives, "test": max(MIN_TEST_POSITIVES, min_positives * test // train)}
    for split, count in [("train", train), ("test", test)]:
        label_sets = sample_label_sets(count, minima[split], split_rng(settings.seed, split), f"demo.{split}")
        write_photos(folder, split, label_sets, side=settings.side, seed=settings.seed, processes=processes)
    CLASSES.to_csv(folder / "mask_labels.csv")
