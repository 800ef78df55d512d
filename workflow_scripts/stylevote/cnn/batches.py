"""Batches of photos from the pixel cache: one bilinear resampling per photo crops, flips and stretches it."""

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import embedding_bag

MAX_MEMORY_SHARE = 0.5  # of a GPU's free memory, for photos: training needs the rest


class Neighbours(NamedTuple):
    """The two pixels along one side of each photo between which a bilinear resampling interpolates.

    Attributes:
        first: int64, shape (photos, side).
        second: int64, shape (photos, side).
        weight: of the second: float32 in 0..1, shape (photos, side).
    """

    first: torch.Tensor
    second: torch.Tensor
    weight: torch.Tensor


@dataclass(frozen=True)
class PixelCache:
    """All photos of a photoset, decoded, one after the other.

    Attributes:
        pixels: uint8, flat: rows of RGB pixels of every photo; on ``device``, or in main memory.
        offsets: int64, shape (photos,): start of each photo in ``pixels``, on the same device as these.
        heights: int64, shape (photos,), likewise.
        widths: int64, shape (photos,), likewise.
        device: device of the batches.
    """

    pixels: torch.Tensor
    offsets: torch.Tensor
    heights: torch.Tensor
    widths: torch.Tensor
    device: torch.device

    @classmethod
    def open(cls, pixels: np.ndarray, index: pd.DataFrame, device: torch.device) -> "PixelCache":
        """Return a cache of decoded photos.

        For a CPU, memory-mapped ``pixels`` stay so. For a GPU, all photos move to its memory if they fit. If not, each
        batch is sent.

        Args:
            pixels: uint8, flat, from `stylevote.photos.pixels.open_pixels`.
            index: columns ``offset``, ``height`` and ``width``, a row per photo.
            device: device of the batches.
        """
        columns = (torch.tensor(index[name].to_numpy(np.int64)) for name in ("offset", "height", "width"))
        tensors = (torch.from_numpy(pixels), *columns)
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            fits = pixels.nbytes <= MAX_MEMORY_SHARE * free
            logging.info(
                "%.1f GB of photos, %.1f GB free on %s: %s",
                pixels.nbytes / 1e9,
                free / 1e9,
                device,
                "all are sent at once" if fits else "they stay in main memory, and each batch is sent, which is slower",
            )
            if fits:
                tensors = tuple(tensor.to(device) for tensor in tensors)
        return cls(*tensors, device)

    def take(self, rows: torch.Tensor, boxes: torch.Tensor, flips: torch.Tensor, side: int) -> torch.Tensor:
        """Crop one box of each photo in ``rows`` and resample it to a square, bilinearly.

        This does not wait for a GPU if ``rows``, ``boxes`` and ``flips`` are in main memory.

        Args:
            rows: int64, shape (batch,): positions of the photos.
            boxes: float32, shape (batch, 4): left, top, width, height as shares of the photo's sides.
            flips: bool, shape (batch,): whether to mirror each photo.
            side: of the result, in pixels.

        Returns:
            float32 in 0..1, shape (batch, 3, side, side), channels last in memory, on the cache's device.
        """
        if self.pixels.device.type != self.device.type:
            return self.send(rows.cpu()).take(torch.arange(len(rows)), boxes, flips, side)
        # Asynchronous, and safe: pageable memory is copied before the call returns.
        rows, boxes, flips = (tensor.to(self.device, non_blocking=True) for tensor in (rows, boxes, flips))
        centres = (torch.arange(side, device=self.device) + 0.5) / side
        across = torch.where(flips[:, None], 1 - centres, centres)
        columns = _neighbours(boxes[:, 0:1] + boxes[:, 2:3] * across, self.widths[rows])
        lines = _neighbours(boxes[:, 1:2] + boxes[:, 3:4] * centres, self.heights[rows])
        resample = _resample_together if self.pixels.is_cuda else _resample_each
        return resample(self, rows, lines, columns).div_(255).permute(0, 3, 1, 2)

    def send(self, rows: torch.Tensor) -> "PixelCache":
        """Return a cache of only these photos, in the device's memory; ``rows`` are in main memory."""
        starts, heights, widths = self.offsets[rows], self.heights[rows], self.widths[rows]
        sizes = 3 * heights * widths
        # A GPU copies from page-locked memory by itself, while this program continues.
        pixels = torch.empty(int(sizes.sum()), dtype=torch.uint8, pin_memory=self.device.type == "cuda")
        ranges = zip(starts.tolist(), sizes.tolist(), strict=True)
        torch.cat([self.pixels[start : start + size] for start, size in ranges], out=pixels)
        tensors = (pixels, sizes.cumsum(0) - sizes, heights, widths)
        return PixelCache(*(tensor.to(self.device, non_blocking=True) for tensor in tensors), self.device)


@dataclass(frozen=True)
class JoinedCaches:
    """Several caches as one: the rows of the second follow those of the first, and so on.

    Attributes:
        caches: at least one, all for the same device.
    """

    caches: tuple[PixelCache, ...]

    def take(self, rows: torch.Tensor, boxes: torch.Tensor, flips: torch.Tensor, side: int) -> torch.Tensor:
        """Crop and resample photos; see `PixelCache.take`."""
        rows, device = rows.cpu(), self.caches[0].device
        photos = torch.empty((len(rows), 3, side, side), device=device, memory_format=torch.channels_last)
        first = 0
        for cache in self.caches:
            positions = torch.nonzero((rows >= first) & (rows < first + len(cache.offsets))).flatten()
            if len(positions):
                crops = cache.take(rows[positions] - first, boxes[positions], flips[positions], side)
                photos[positions.to(device, non_blocking=True)] = crops
            first += len(cache.offsets)
        return photos


def _neighbours(share: torch.Tensor, length: torch.Tensor) -> Neighbours:
    """Return the neighbours of points given as shares of a side, for sides of ``length`` pixels, shape (photos,)."""
    last = (length - 1)[:, None]
    point = (share * length[:, None] - 0.5).clamp(min=0)
    first = torch.minimum(point.long(), last)
    return Neighbours(first, torch.minimum(first + 1, last), (point - first).clamp(0, 1))


def _resample_together(cache: PixelCache, rows: torch.Tensor, lines: Neighbours, columns: Neighbours) -> torch.Tensor:
    """Return the photos resampled, shape (photos, side, side, 3), in 0..255: a dozen operations on the whole batch."""
    pixels = cache.pixels.view(-1, 3)
    first, width = cache.offsets[rows, None] // 3, cache.widths[rows, None]

    def at(line: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
        positions = (first + line * width)[:, :, None] + column[:, None, :]
        return pixels.index_select(0, positions.flatten()).view(*positions.shape, 3).float()

    def lines_at(line: torch.Tensor) -> torch.Tensor:
        return torch.lerp(at(line, columns.first), at(line, columns.second), columns.weight[:, None, :, None])

    return torch.lerp(lines_at(lines.first), lines_at(lines.second), lines.weight[:, :, None, None])


def _resample_each(cache: PixelCache, rows: torch.Tensor, lines: Neighbours, columns: Neighbours) -> torch.Tensor:
    """Return the same as `_resample_together`, one photo at a time: a CPU needs a quarter to a half of the time.

    Bilinear resampling is separable: weighted sums of two lines each, and then of two columns each. ``embedding_bag``
    sums weighted rows of a matrix, in one pass and in vector registers.
    """
    side = lines.first.shape[1]
    photos = torch.empty((len(rows), side, side, 3))
    (line_pairs, line_weights), (column_pairs, column_weights) = _pairs(lines), _pairs(columns)
    sizes = zip(*(tensor[rows].tolist() for tensor in (cache.offsets, cache.heights, cache.widths)), strict=True)
    for number, (start, height, width) in enumerate(sizes):
        photo = cache.pixels[start : start + 3 * height * width].view(height, width * 3).float()
        photo = embedding_bag(line_pairs[number], photo, per_sample_weights=line_weights[number], mode="sum")
        photo = photo.view(side, width, 3).transpose(0, 1).reshape(width, side * 3)
        photo = embedding_bag(column_pairs[number], photo, per_sample_weights=column_weights[number], mode="sum")
        photos[number] = photo.view(side, side, 3).transpose(0, 1)
    return photos


def _pairs(neighbours: Neighbours) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both neighbours, and both weights, in pairs: shapes (photos, side, 2)."""
    first, second, weight = neighbours
    return torch.stack([first, second], dim=2), torch.stack([1 - weight, weight], dim=2)


def random_boxes(
    count: int, generator: torch.Generator, min_scale: float, stretch: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw random crops with stretched or squeezed sides, and which photos to mirror.

    Args:
        count: number of crops.
        generator: of the draws.
        min_scale: smallest share of a photo's sides that a crop keeps, before it is stretched.
        stretch: largest share by which each side is stretched or squeezed, independently.

    Returns:
        boxes of shape (count, 4) for `PixelCache.take`, and flips of shape (count,). The share of the sides is drawn
        once for both. Then each side is stretched or squeezed, within the photo.
    """
    draws = torch.rand(6, count, generator=generator)
    scale = min_scale + (1 - min_scale) * draws[0]
    sides = (scale[:, None] * (1 + stretch * (2 * draws[1:3].T - 1))).clamp(max=1)
    corners = draws[3:5].T * (1 - sides)
    return torch.cat([corners, sides], dim=1), draws[5] < 0.5
