"""Batches of photos straight from the pixel cache: crop, flip and stretch are one resampling a photo."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

SMALLEST_CROP = 0.8  # share of a photo's side that a random crop keeps at least
STRETCH = 0.1  # each side is stretched or squeezed by up to this share, independently


@dataclass(frozen=True)
class PhotoBank:
    """All photos of a photoset, decoded, one after the other.

    Attributes:
        pixels: uint8, flat: rows of RGB pixels of every photo.
        offsets: int64, shape (photos,): where each photo starts in ``pixels``.
        heights: int64, shape (photos,).
        widths: int64, shape (photos,).
    """

    pixels: torch.Tensor
    offsets: torch.Tensor
    heights: torch.Tensor
    widths: torch.Tensor

    @classmethod
    def open(cls, pixels: np.ndarray, index: pd.DataFrame, device: torch.device) -> "PhotoBank":
        """Return the bank of a pixel cache on ``device``; on a CPU ``pixels`` may be memory-mapped and stays so.

        Args:
            pixels: uint8, flat, as `stylevote.photos.pixels.open_pixels` gives it.
            index: columns ``offset``, ``height`` and ``width``, a row a photo.
            device: where the photos are to lie.
        """
        columns = (torch.tensor(index[name].to_numpy(np.int64)) for name in ("offset", "height", "width"))
        return cls(torch.from_numpy(pixels).to(device), *(column.to(device) for column in columns))

    def take(self, rows: torch.Tensor, boxes: torch.Tensor, flips: torch.Tensor, side: int) -> torch.Tensor:
        """Cut one box out of each photo of ``rows`` and resample it to a square, bilinearly.

        Args:
            rows: int64, shape (batch,): which photos.
            boxes: float32, shape (batch, 4): left, top, width, height as shares of the photo's sides.
            flips: bool, shape (batch,): which photos are mirrored.
            side: of the result, in pixels.

        Returns:
            float32 in 0..1, shape (batch, 3, side, side), channels last in memory.
        """
        height, width = self.heights[rows], self.widths[rows]
        centres = (torch.arange(side, device=rows.device) + 0.5) / side
        across = torch.where(flips[:, None], 1 - centres, centres)
        left, right, x = _neighbours(boxes[:, 0:1] + boxes[:, 2:3] * across, width)
        top, bottom, y = _neighbours(boxes[:, 1:2] + boxes[:, 3:4] * centres, height)

        pixels = self.pixels.view(-1, 3)
        first = self.offsets[rows, None] // 3

        def at(line: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
            places = (first + line * width[:, None])[:, :, None] + column[:, None, :]
            return pixels.index_select(0, places.flatten()).view(*places.shape, 3).float()

        def rows_at(line: torch.Tensor) -> torch.Tensor:
            return torch.lerp(at(line, left), at(line, right), x[:, None, :, None])

        photos = torch.lerp(rows_at(top), rows_at(bottom), y[:, :, None, None])
        return photos.div_(255).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class JoinedBanks:
    """Several banks as one: the rows of the second follow those of the first, and so on.

    Attributes:
        banks: at least one.
    """

    banks: tuple[PhotoBank, ...]

    def take(self, rows: torch.Tensor, boxes: torch.Tensor, flips: torch.Tensor, side: int) -> torch.Tensor:
        """Do as `PhotoBank.take` does."""
        photos = torch.empty((len(rows), 3, side, side), device=rows.device, memory_format=torch.channels_last)
        first = 0
        for bank in self.banks:
            here = torch.nonzero((rows >= first) & (rows < first + len(bank.offsets))).flatten()
            if len(here):
                photos[here] = bank.take(rows[here] - first, boxes[here], flips[here], side)
            first += len(bank.offsets)
        return photos


def _neighbours(share: torch.Tensor, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return, for places given as shares of a side, both neighbouring pixels and the second's weight."""
    last = (length - 1)[:, None]
    place = (share * length[:, None] - 0.5).clamp(min=0)
    first = torch.minimum(place.long(), last)
    return first, torch.minimum(first + 1, last), (place - first).clamp(0, 1)


def whole_boxes(count: int) -> torch.Tensor:
    """Return boxes that hold the whole photo, shape (count, 4)."""
    return torch.tensor([0.0, 0.0, 1.0, 1.0]).repeat(count, 1)


def random_boxes(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw random crops with stretched or squeezed sides, and which photos to mirror.

    Returns:
        boxes of shape (count, 4) as `PhotoBank.take` wants them, and flips of shape (count,). What a photo keeps of its
        sides is drawn once for both and then stretched or squeezed for each, within the photo.
    """
    draws = torch.rand(6, count, generator=generator)
    kept = SMALLEST_CROP + (1 - SMALLEST_CROP) * draws[0]
    sides = (kept[:, None] * (1 + STRETCH * (2 * draws[1:3].T - 1))).clamp(max=1)
    corners = draws[3:5].T * (1 - sides)
    return torch.cat([corners, sides], dim=1), draws[5] < 0.5
