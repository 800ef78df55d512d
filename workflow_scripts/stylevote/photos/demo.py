"""Drawn photos of people in clothes: a small multi-label fashion data set that anyone can make again from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stylevote.photos.drawing.canvas import CLASSES
from stylevote.photos.drawing.scene import draw
from stylevote.photos.label_sets import sample_label_sets
from stylevote.program import InputError

LEAST_TESTED = 4  # positives a label among the test photos: one photo alone is not to decide a rare label's score


def write_photos(folder: Path, split: str, label_sets: pd.DataFrame, side: int, seed: int) -> None:
    """Draw and write a split's photos, masks and label table.

    Args:
        folder: Gets ``<split>.csv``, ``<split>/<split>_0001.jpg`` ... and ``masks/<split>/<split>_0001.png`` ...
        split: "train" or "test".
        label_sets: A row of 0/1 a photo, a column per label.
        side: Shorter side of the photos in pixels, on average.
        seed: Seed of the data set.
    """
    photos, masks = folder / split, folder / "masks" / split
    photos.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    names = [f"{split}_{number:04d}" for number in range(1, len(label_sets) + 1)]
    for number, (name, row) in enumerate(zip(names, label_sets.to_numpy(), strict=True), start=1):
        rng = split_rng(seed, split, number)
        drawing = draw([label for label, value in zip(label_sets.columns, row, strict=True) if value], rng, side)
        Image.fromarray(drawing.photo).save(photos / f"{name}.jpg", quality=int(rng.integers(80, 96)))
        Image.fromarray(drawing.classes).save(masks / f"{name}.png")
    table = label_sets.reset_index(drop=True)
    table.insert(0, "image", [f"{name}.jpg" for name in names])
    table.to_csv(folder / f"{split}.csv", index=False)


def split_rng(seed: int, split: str, number: int | None = None) -> np.random.Generator:
    """Generator of a split's label sets, or of its photo ``number`` (from 1), each independent of the others."""
    # Numbers start from 1 because a seed sequence does not tell a zero at its end from nothing.
    key = [seed, 1 + ("train", "test").index(split)]
    return np.random.default_rng(key if number is None else [*key, number])


def write_demo(
    folder: Path, *, train: int = 600, test: int = 200, least: int = 6, side: int = 170, seed: int = 2018
) -> None:
    """Write the whole demo: both splits and ``mask_labels.csv``.

    Args:
        folder: Folder to write to, made where missing.
        train: Number of training photos.
        test: Number of test photos.
        least: Least number of positives a label among the training photos; the test photos get their share, at least
            `LEAST_TESTED`.
        side: Shorter side of the photos in pixels, on average.
        seed: Seed of label sets and photos.

    Raises:
        InputError: If a split has too few photos for that many positives.
    """
    if min(train, test) < 1:
        raise InputError(f"both splits need photos, not {train} and {test}")
    folder = Path(folder)
    for split, count, floor in [("train", train, least), ("test", test, max(LEAST_TESTED, least * test // train))]:
        write_photos(folder, split, sample_label_sets(count, floor, split_rng(seed, split)), side, seed)
    CLASSES.to_csv(folder / "mask_labels.csv")
