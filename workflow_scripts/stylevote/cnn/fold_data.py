"""Inputs of one fold's training: pixels, the photos of each epoch, and the scores to learn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stylevote.cnn.batches import JoinedCaches, PixelCache
from stylevote.files.tables import check_photos, read_table, target_matrix
from stylevote.photos.pixels import check_index, open_pixels

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class FoldData:
    """The photos of one fold's training.

    Attributes:
        cache: pixels of every training photo, then those of recoloured photos.
        targets: in 0..1, or NaN for an unknown label: float32, shape (photos, labels), on the network's device.
        epochs: int64, one per epoch, in main memory: rows of ``cache`` in the order in which the epoch sees them.
        validation: int64, in main memory: the rows held out.
        loss: function to minimize, of logits and known targets, each of shape (photos, labels); returns a scalar.
        test_cache: pixels of every training photo at the run's `test_size`, if it has one.
    """

    cache: PixelCache | JoinedCaches
    targets: torch.Tensor
    epochs: list[torch.Tensor]
    validation: torch.Tensor
    loss: Loss
    test_cache: PixelCache | None = None


def open_caches(
    photos: pd.DataFrame,
    index: Path,
    pixels: Path,
    recolored_index: Path | None,
    recolored_pixels: Path | None,
    device: torch.device,
) -> tuple[PixelCache | JoinedCaches, pd.DataFrame]:
    """Return the pixels of the photos and, if given, of recoloured photos.

    Returns:
        the pixels; and image_id, crc32 and variant of each of their photos, in the same order.

    Raises:
        InputError: the pixel cache is damaged, or has other photos.
    """
    rows = read_table(index)
    check_index(rows, photos, index)
    cache = PixelCache.open(open_pixels(pixels, rows), rows, device)
    variants = rows[["image_id", "crc32"]].assign(variant="original")
    if recolored_index and recolored_pixels:
        recolored = read_table(recolored_index)
        recolored_cache = PixelCache.open(open_pixels(recolored_pixels, recolored), recolored, device)
        variants = pd.concat([variants, recolored[["image_id", "crc32", "variant"]]], ignore_index=True)
        return JoinedCaches((cache, recolored_cache)), variants
    return cache, variants


def count_seen(targets: torch.Tensor, epochs: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how many positives of each label, and how many photos with a known label, the epochs see together.

    Both are float32, shape (labels,). ``targets`` are 0, 1 or NaN (unknown), shape (photos, labels). Epochs hold the
    rows that they see; a repeated photo counts each time.
    """
    times = torch.cat(epochs).bincount(minlength=len(targets)).double()
    return (times @ targets.double().nan_to_num()).float(), (times @ (~targets.isnan()).double()).float()


def target_scores(
    photos: pd.DataFrame, variants: pd.DataFrame, held_out: np.ndarray, labels: list[str], path: Path | None
) -> torch.Tensor:
    """Return the scores to learn for each variant of the photos, float32 of shape (variants, labels); NaN if unknown.

    Args:
        photos: manifest of the training photos.
        variants: image_id of each photo in the pixel caches.
        held_out: bool, shape (photos,).
        labels: labels of the run.
        path: table with scores of the photos that are not held out, in their order; None: their labels.

    Raises:
        InputError: the table has other photos.
    """
    scores = target_matrix(photos, labels)
    if path:
        table = read_table(path, ["image_id", *labels])
        check_photos(table, photos["image_id"][~held_out], path)
        scores[~held_out] = table[labels].to_numpy(np.float32)
    rows = pd.Series(np.arange(len(photos)), index=photos["image_id"]).loc[variants["image_id"]].to_numpy()
    return torch.from_numpy(scores[rows])
