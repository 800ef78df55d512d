"""Training of a segmenter on a photoset's masks, and its overlap with the masks held out."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from stylevote.augment.masks import Region, decode_mask, encode_mask, find_masks, iou, read_given
from stylevote.augment.segmenters.smp import create_network, logits, predict_masks, squash
from stylevote.config.identity import seed
from stylevote.config.photos import SegmentationNetwork
from stylevote.errors import InputError
from stylevote.machine.uncompiled import uncompiled
from stylevote.photos.pixels import read_ingested

MIN_SCALE = 0.9  # minimum of a random crop's side, as a fraction of the photo's
STRETCH = 0.1  # maximum change of each side of a crop, as a fraction
JITTER = 0.05  # maximum shift of the brightness, as a fraction of its range, and half the maximum change of contrast
WEIGHT_DECAY = 1e-4
MIN_BATCH = 2  # photos: BatchNorm needs two
MIN_PHOTOS = MIN_BATCH + 1  # one is held out
MEASURED_AT_ONCE = 16  # photos


class Overlap(NamedTuple):
    """Intersection over union of predicted and true masks: the mean over photos, and of all photos' pixels together."""

    mean: float
    pooled: float


@dataclass(frozen=True)
class Examples:
    """Photos with masks, at the size of the network's input."""

    inputs: torch.Tensor  # uint8, shape (photos, 4, side, side): red, green, blue, and 255 inside the mask
    masks: list[bytes]  # each photo's mask at the photo's shape (`stylevote.augment.masks.encode_mask`)
    groups: np.ndarray  # int64, shape (photos,): near-duplicates share a number


def read_examples(
    manifest: pd.DataFrame, photos: Path, masks: Path, region: Region, *, size: int, side: int
) -> Examples:
    """Return the photos that have a mask.

    Args:
        manifest: image_id, path, width, height, sha256, pixel_range and group.
        masks: the masks' folder.
        region: class numbers of a mask.
        size: maximum of the shorter side of photos and masks.
        side: side of the network's input.

    Raises:
        InputError: a photo or mask cannot be used, or too few photos have a mask.
    """
    mask_of = find_masks(masks, manifest["path"].tolist())
    if len(mask_of) < MIN_PHOTOS:
        raise InputError(f"{masks}: holds masks of {len(mask_of)} photos, expected at least {MIN_PHOTOS}")
    masked = manifest[manifest["path"].isin(mask_of)]
    inputs = torch.empty((len(masked), 4, side, side), dtype=torch.uint8)  # allocated once: they may be gigabytes
    encoded = []
    for place, row in enumerate(masked.itertuples()):
        photo = read_ingested(photos, row.path, row.sha256, row.pixel_range, size, enlarge=False)
        mask = read_given(mask_of[row.path], region, (row.width, row.height), photo.shape[:2])
        inputs[place, :3] = squash(photo, side)
        inputs[place, 3:] = squash(mask.astype(np.uint8) * 255, side)
        encoded.append(encode_mask(mask))
    return Examples(inputs, encoded, masked["group"].to_numpy())


def hold_out(groups: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the photos to hold out: bool, shape (photos,).

    Near-duplicates, photos of one group, stay together. Groups are taken in random order unless they would exceed the
    ``share``. If every group would, the smallest is taken.

    Raises:
        InputError: too few photos are left to train on.
    """
    names, group_of, counts = np.unique(groups, return_inverse=True, return_counts=True)
    chosen, left = [], round(share * len(groups))
    for number in rng.permutation(len(names)):
        if counts[number] <= left:
            chosen.append(number)
            left -= counts[number]
    held = np.isin(group_of, chosen or counts.argmin())
    if np.count_nonzero(~held) < MIN_BATCH:
        raise InputError(
            f"segmentation.smp.held_out: of the {len(groups)} photos with a mask {np.count_nonzero(~held)} are left to"
            f" train on, expected at least {MIN_BATCH}; add masks, or hold out less"
        )
    return held


def train(
    examples: Examples, held: np.ndarray, settings: SegmentationNetwork, device: torch.device
) -> tuple[nn.Module, pd.DataFrame]:
    """Train a network and keep the last epoch's weights, so that the photos held out choose nothing.

    The loss is binary cross-entropy plus the soft Dice loss (Milletari, Navab and Ahmadi 2016), the learning rate one
    cycle over all epochs (Smith and Topin 2018).

    Args:
        examples: photos with masks.
        held: bool, shape (photos,): photos held out.

    Returns:
        the network, and a row per epoch: epoch, train_loss, iou and pooled_iou of the photos held out, seconds.

    Raises:
        InputError: the network cannot be created, or the loss is not finite.
    """
    torch.manual_seed(seed(settings.seed, "initial weights"))
    network = create_network(settings, settings.weights).to(device, memory_format=torch.channels_last)
    rows = torch.from_numpy(np.flatnonzero(~held))
    # Batches of equal size, none of a single photo, which BatchNorm cannot handle.
    steps = max(1, min(-(-len(rows) // settings.batch), len(rows) // MIN_BATCH))
    optimizer = uncompiled(torch.optim.AdamW)(network.parameters(), lr=settings.lr, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, total_steps=steps * settings.epochs)
    history = []
    for epoch in range(settings.epochs):
        start = time.monotonic()
        generator = torch.Generator().manual_seed(seed(settings.seed, epoch, "order and augmentation"))
        torch.manual_seed(seed(settings.seed, epoch, "dropout"))
        network.train()
        total = 0.0
        for batch in rows[torch.randperm(len(rows), generator=generator)].tensor_split(steps):
            photos, masks = augment(examples.inputs[batch], generator)
            loss = loss_of(logits(network, photos.to(device)), masks.to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        if not np.isfinite(total):
            raise InputError(f"segmentation.smp, epoch {epoch}: the loss is {total}; lower `lr` (now {settings.lr:g})")
        overlap = measure(network, examples, held, device)
        row = (epoch, total / len(rows), overlap.mean, overlap.pooled, time.monotonic() - start)
        logging.info("epoch %d: loss %.4f, IoU %.4f (mean), %.4f (pooled), %.1f s", *row)
        history.append(row)
    return network, pd.DataFrame(history, columns=["epoch", "train_loss", "iou", "pooled_iou", "seconds"])


def augment(inputs: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random crops, stretched and mirrored, of photos and masks; change the photos' brightness and contrast.

    Args:
        inputs: uint8, shape (photos, 4, side, side), as in `Examples`.

    Returns:
        photos, float32 of shape (photos, 3, side, side), in 0..1 before the jitter; masks, 0 or 1, of shape (photos,
        side, side).
    """
    draws = torch.rand(8, len(inputs), generator=generator)
    kept = MIN_SCALE + (1 - MIN_SCALE) * draws[0]
    sides = (kept[:, None] * (1 + STRETCH * (2 * draws[1:3].T - 1))).clamp(max=1)
    mirror = torch.where(draws[5] < 0.5, -1.0, 1.0)
    theta = torch.zeros(len(inputs), 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = sides[:, 0] * mirror, sides[:, 1]
    theta[:, :, 2] = (1 - sides) * (2 * draws[3:5].T - 1)
    grid = functional.affine_grid(theta, inputs.shape, align_corners=False)
    crops = functional.grid_sample(inputs.float() / 255, grid, padding_mode="border", align_corners=False)
    contrast, shift = 1 + 2 * JITTER * (2 * draws[6] - 1), JITTER * (2 * draws[7] - 1)
    photos = (crops[:, :3] - 0.5) * contrast.view(-1, 1, 1, 1) + 0.5 + shift.view(-1, 1, 1, 1)
    return photos, (crops[:, 3] >= 0.5).float()


def loss_of(predicted: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Return binary cross-entropy plus 1 - Dice (mean) of logits and masks of shape (photos, side, side)."""
    probability = predicted.sigmoid()
    both = (probability * masks).sum(dim=(1, 2))
    either = probability.square().sum(dim=(1, 2)) + masks.square().sum(dim=(1, 2))
    # One more pixel on both sides avoids 0/0 for a photo without clothes.
    dice = (2 * both + 1) / (either + 1)
    return functional.binary_cross_entropy_with_logits(predicted, masks) + 1 - dice.mean()


def measure(network: nn.Module, examples: Examples, which: np.ndarray, device: torch.device) -> Overlap:
    """Return the overlap of predicted and true masks of the photos ``which`` (bool, shape (photos,)), at full shape."""
    each, both, either = [], 0, 0
    for batch in torch.from_numpy(np.flatnonzero(which)).split(MEASURED_AT_ONCE):
        masks = [decode_mask(examples.masks[row]) for row in batch]
        detections = predict_masks(network, examples.inputs[batch, :3].to(device), [mask.shape for mask in masks])
        for mask, detection in zip(masks, detections, strict=True):
            predicted = np.zeros_like(mask) if detection.mask is None else detection.mask
            each.append(iou(predicted, mask))
            both += np.count_nonzero(predicted & mask)
            either += np.count_nonzero(predicted | mask)
    return Overlap(float(np.mean(each)), both / max(either, 1))
