"""Batches of photos straight from the pixel cache: crop, flip and stretch are one bilinear resampling a photo."""

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import embedding_bag

# Photos lie on the GPU as long as they take no more than this share of its free memory: training needs the rest.
PHOTOS_SHARE = 0.5


class Neighbours(NamedTuple):
    """What a bilinear resampling takes along one side of each photo: two pixels, and the weight of the second.

    Attributes:
        first: int64, shape (photos, side).
        second: int64, shape (photos, side).
        weight: float32 in 0..1, shape (photos, side).
    """

    first: torch.Tensor
    second: torch.Tensor
    weight: torch.Tensor


@dataclass(frozen=True)
class PixelCache:
    """All photos of a photoset, decoded, one after the other.

    Attributes:
        pixels: uint8, flat: rows of RGB pixels of every photo; on ``device``, or in main memory.
        offsets: int64, shape (photos,), where ``pixels`` are, too: where each photo starts in them.
        heights: int64, shape (photos,), likewise.
        widths: int64, shape (photos,), likewise.
        device: where batches are wanted.
    """

    pixels: torch.Tensor
    offsets: torch.Tensor
    heights: torch.Tensor
    widths: torch.Tensor
    device: torch.device

    @classmethod
    def open(cls, pixels: np.ndarray, index: pd.DataFrame, device: torch.device) -> "PixelCache":
        """Return the bank of a pixel cache.

        On a CPU, memory-mapped ``pixels`` stay so. On a GPU all photos lie there if they fit; otherwise they stay where
        they are, and those of a batch are sent when it is wanted.

        Args:
            pixels: uint8, flat, as `stylevote.photos.pixels.open_pixels` gives it.
            index: columns ``offset``, ``height`` and ``width``, a row per photo.
            device: where batches are wanted.
        """
        columns = (torch.tensor(index[name].to_numpy(np.int64)) for name in ("offset", "height", "width"))
        parts = (torch.from_numpy(pixels), *columns)
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            fit = pixels.nbytes <= PHOTOS_SHARE * free
            logging.info(
                "%.1f GB of photos, %.1f GB free on %s: %s",
                pixels.nbytes / 1e9,
                free / 1e9,
                device,
                "they lie there" if fit else "they stay in main memory, and each batch is sent, which is slower",
            )
            if fit:
                parts = tuple(part.to(device) for part in parts)
        return cls(*parts, device)

    def take(self, rows: torch.Tensor, boxes: torch.Tensor, flips: torch.Tensor, side: int) -> torch.Tensor:
        """Cut one box out of each photo of ``rows`` and resample it to a square, bilinearly.

        Nothing here waits for a GPU when ``rows``, ``boxes`` and ``flips`` are in main memory.

        Args:
            rows: int64, shape (batch,): which photos.
            boxes: float32, shape (batch, 4): left, top, width, height as shares of the photo's sides.
            flips: bool, shape (batch,): which photos are mirrored.
            side: of the result, in pixels.

        Returns:
            float32 in 0..1, shape (batch, 3, side, side), channels last in memory, on the bank's device.
        """
        if self.pixels.device.type != self.device.type:
            return self.send(rows.cpu()).take(torch.arange(len(rows)), boxes, flips, side)
        # Asynchronous, and safe: what lies in pageable memory is copied before the call returns.
        rows, boxes, flips = (part.to(self.device, non_blocking=True) for part in (rows, boxes, flips))
        centres = (torch.arange(side, device=self.device) + 0.5) / side
        across = torch.where(flips[:, None], 1 - centres, centres)
        columns = _neighbours(boxes[:, 0:1] + boxes[:, 2:3] * across, self.widths[rows])
        lines = _neighbours(boxes[:, 1:2] + boxes[:, 3:4] * centres, self.heights[rows])
        resample = _resample_together if self.pixels.is_cuda else _resample_each
        return resample(self, rows, lines, columns).div_(255).permute(0, 3, 1, 2)

    def send(self, rows: torch.Tensor) -> "PixelCache":
        """Return a bank of these photos alone, which lies on the device; ``rows`` are in main memory."""
        starts, heights, widths = self.offsets[rows], self.heights[rows], self.widths[rows]
        sizes = 3 * heights * widths
        # From page-locked memory a GPU copies by itself, while this program goes on.
        pixels = torch.empty(int(sizes.sum()), dtype=torch.uint8, pin_memory=self.device.type == "cuda")
        places = zip(starts.tolist(), sizes.tolist(), strict=True)
        torch.cat([self.pixels[start : start + size] for start, size in places], out=pixels)
        parts = (pixels, sizes.cumsum(0) - sizes, heights, widths)
        return PixelCache(*(part.to(self.device, non_blocking=True) for part in parts), self.device)


@dataclass(frozen=True)
class JoinedCaches:
    """Several banks as one: the rows of the second follow those of the first, and so on.

    Attributes:
        banks: at least one, all for the same device.
    """

    banks: tuple[PixelCache, ...]

    def take(self, rows: torch.Tensor, boxes: torch.Tensor, flips: torch.Tensor, side: int) -> torch.Tensor:
        """Do as `PixelCache.take` does."""
        rows, device = rows.cpu(), self.banks[0].device
        photos = torch.empty((len(rows), 3, side, side), device=device, memory_format=torch.channels_last)
        first = 0
        for bank in self.banks:
            here = torch.nonzero((rows >= first) & (rows < first + len(bank.offsets))).flatten()
            if len(here):
                taken = bank.take(rows[here] - first, boxes[here], flips[here], side)
                photos[here.to(device, non_blocking=True)] = taken
            first += len(bank.offsets)
        return photos


def _neighbours(share: torch.Tensor, length: torch.Tensor) -> Neighbours:
    """Return the neighbours of places given as shares of a side, for sides of ``length`` pixels, shape (photos,)."""
    last = (length - 1)[:, None]
    place = (share * length[:, None] - 0.5).clamp(min=0)
    first = torch.minimum(place.long(), last)
    return Neighbours(first, torch.minimum(first + 1, last), (place - first).clamp(0, 1))


def _resample_together(bank: PixelCache, rows: torch.Tensor, lines: Neighbours, columns: Neighbours) -> torch.Tensor:
    """Return the photos resampled, shape (photos, side, side, 3), in 0..255: a dozen operations on the whole batch."""
    pixels = bank.pixels.view(-1, 3)
    first, width = bank.offsets[rows, None] // 3, bank.widths[rows, None]

    def at(line: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
        places = (first + line * width)[:, :, None] + column[:, None, :]
        return pixels.index_select(0, places.flatten()).view(*places.shape, 3).float()

    def lines_at(line: torch.Tensor) -> torch.Tensor:
        return torch.lerp(at(line, columns.first), at(line, columns.second), columns.weight[:, None, :, None])

    return torch.lerp(lines_at(lines.first), lines_at(lines.second), lines.weight[:, :, None, None])


def _resample_each(bank: PixelCache, rows: torch.Tensor, lines: Neighbours, columns: Neighbours) -> torch.Tensor:
    """Do as `_resample_together` does, a photo at a time: on a CPU this takes a quarter to a half of the time.

    Bilinear resampling is separable: weighted sums of two lines each, and then of two columns each. ``embedding_bag``
    sums weighted rows of a matrix, in one pass and in vector registers.
    """
    side = lines.first.shape[1]
    photos = torch.empty((len(rows), side, side, 3))
    (line_pairs, line_weights), (column_pairs, column_weights) = _pairs(lines), _pairs(columns)
    places = zip(*(part[rows].tolist() for part in (bank.offsets, bank.heights, bank.widths)), strict=True)
    for number, (start, height, width) in enumerate(places):
        photo = bank.pixels[start : start + 3 * height * width].view(height, width * 3).float()
        photo = embedding_bag(line_pairs[number], photo, per_sample_weights=line_weights[number], mode="sum")
        photo = photo.view(side, width, 3).transpose(0, 1).reshape(width, side * 3)
        photo = embedding_bag(column_pairs[number], photo, per_sample_weights=column_weights[number], mode="sum")
        photos[number] = photo.view(side, side, 3).transpose(0, 1)
    return photos


def _pairs(neighbours: Neighbours) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both neighbours, and both weights, side by side: shapes (photos, side, 2)."""
    first, second, weight = neighbours
    return torch.stack([first, second], dim=2), torch.stack([1 - weight, weight], dim=2)


def random_boxes(
    count: int, generator: torch.Generator, smallest: float, stretch: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw random crops with stretched or squeezed sides, and which photos to mirror.

    Args:
        count: how many.
        generator: of the draws.
        smallest: share of a photo's sides that a crop keeps at least, before it is stretched.
        stretch: each side is stretched or squeezed by up to this share, independently.

    Returns:
        boxes of shape (count, 4) as `PixelCache.take` wants them, and flips of shape (count,). What a photo keeps of
        its sides is drawn once for both and then stretched or squeezed for each, within the photo.
    """
    draws = torch.rand(6, count, generator=generator)
    kept = smallest + (1 - smallest) * draws[0]
    sides = (kept[:, None] * (1 + stretch * (2 * draws[1:3].T - 1))).clamp(max=1)
    corners = draws[3:5].T * (1 - sides)
    return torch.cat([corners, sides], dim=1), draws[5] < 0.5
