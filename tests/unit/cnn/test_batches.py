"""One resampling a photo, against torch's own interpolation."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from stylevote.cnn import batches
from stylevote.cnn.batches import JoinedCaches, PixelCache, random_boxes

CROP = {"min_scale": 0.8, "stretch": 0.1}
NO_FLIP = torch.zeros(3, dtype=torch.bool)
ROWS = torch.tensor([7, 0, 31])

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.fixture(params=["a photo at a time", "together"])
def way(request, monkeypatch):
    """Both ways of resampling, of which a CPU uses the first and a GPU the second."""
    if request.param == "together":
        monkeypatch.setattr(batches, "_resample_each", batches._resample_together)


@pytest.fixture
def flat_pixels(photos, cache) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the pixels of all photos, flat, and their index."""
    index = pd.DataFrame({"offset": cache.offsets, "height": cache.heights, "width": cache.widths})
    return np.concatenate([photo.ravel() for photo in photos]), index


def whole_boxes(count: int) -> torch.Tensor:
    return torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(count, 1)


def as_tensor(photo: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255


def sampled(photo: np.ndarray, box: torch.Tensor, side: int) -> torch.Tensor:
    """Return a box of a photo by torch's own sampling."""
    left, top, width, height = box
    centres = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(top + height * centres, left + width * centres, indexing="ij")
    grid = torch.stack([x, y], dim=-1)[None] * 2 - 1
    return functional.grid_sample(as_tensor(photo), grid, padding_mode="border", align_corners=False)[0]


@pytest.mark.parametrize("side", [24, 33, 90])
def test_whole_photos_equal_interpolation(cache, photos, way, side):
    taken = cache.take(ROWS, whole_boxes(3), NO_FLIP, side)
    for got, row in zip(taken, ROWS, strict=True):
        expected = functional.interpolate(as_tensor(photos[row]), (side, side), mode="bilinear", align_corners=False)
        torch.testing.assert_close(got, expected[0], atol=1e-5, rtol=0)


def test_boxes_equal_grid_sampling(cache, photos, way):
    boxes = torch.tensor([[0.1, 0.2, 0.5, 0.7], [0.0, 0.0, 0.9, 0.8], [0.3, 0.1, 0.7, 0.9]])
    taken = cache.take(ROWS, boxes, NO_FLIP, 24)
    for got, row, box in zip(taken, ROWS, boxes, strict=True):
        torch.testing.assert_close(got, sampled(photos[row], box, 24), atol=1e-4, rtol=0)


def test_both_ways_give_the_same(cache, monkeypatch):
    rows = torch.arange(40)
    boxes, flips = random_boxes(40, torch.Generator().manual_seed(2), **CROP)
    each = cache.take(rows, boxes, flips, 48)
    monkeypatch.setattr(batches, "_resample_each", batches._resample_together)
    torch.testing.assert_close(cache.take(rows, boxes, flips, 48), each, atol=1e-6, rtol=0)


def test_flips_are_mirror_images(cache, way):
    boxes = torch.tensor([[0.1, 0.2, 0.5, 0.7]]).repeat(3, 1)
    plain = cache.take(ROWS, boxes, NO_FLIP, 24)
    mirrored = cache.take(ROWS, boxes, torch.tensor([True, False, True]), 24)
    torch.testing.assert_close(mirrored[0], plain[0].flip(2), atol=1e-5, rtol=0)
    assert torch.equal(mirrored[1], plain[1])


def test_batches_are_channels_last(cache, way):
    assert cache.take(ROWS, whole_boxes(3), NO_FLIP, 24).is_contiguous(memory_format=torch.channels_last)


def test_a_photo_of_one_pixel():
    index = pd.DataFrame({"offset": [0], "height": [1], "width": [1]})
    cache = PixelCache.open(np.array([255, 0, 51], dtype=np.uint8), index, torch.device("cpu"))
    taken = cache.take(torch.tensor([0]), whole_boxes(1), torch.tensor([True]), 4)
    expected = torch.tensor([1, 0, 0.2]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    torch.testing.assert_close(taken, expected, atol=1e-6, rtol=0)


def test_memory_mapped_photos_are_not_read_into_memory(tmp_path, flat_pixels, cache):
    flat, index = flat_pixels
    flat.tofile(tmp_path / "pixels")
    mapped = np.memmap(tmp_path / "pixels", dtype=np.uint8, mode="c")
    opened = PixelCache.open(mapped, index, torch.device("cpu"))
    assert opened.pixels.data_ptr() == mapped.ctypes.data
    boxes, flips = random_boxes(3, torch.Generator().manual_seed(1), **CROP)
    assert torch.equal(opened.take(ROWS, boxes, flips, 24), cache.take(ROWS, boxes, flips, 24))


def test_photos_sent_alone_are_the_same(cache):
    rows = torch.tensor([31, 7, 7, 0])
    boxes, flips = random_boxes(4, torch.Generator().manual_seed(1), **CROP)
    sent = cache.send(rows)
    assert len(sent.pixels) == 3 * (cache.heights[rows] * cache.widths[rows]).sum()
    assert torch.equal(sent.take(torch.arange(4), boxes, flips, 24), cache.take(rows, boxes, flips, 24))


@needs_gpu
@pytest.mark.parametrize(("share", "said"), [(0.5, "all are sent at once"), (0, "each batch is sent")])
def test_a_gpu_gives_what_a_cpu_gives(flat_pixels, cache, monkeypatch, share, said):
    lines = []
    monkeypatch.setattr(batches, "MAX_MEMORY_SHARE", share)
    monkeypatch.setattr(logging, "info", lambda line, *parts: lines.append(line % parts))
    on_gpu = PixelCache.open(*flat_pixels, torch.device("cuda", 0))
    assert said in lines[0]
    rows = torch.arange(40)
    boxes, flips = random_boxes(40, torch.Generator().manual_seed(2), **CROP)
    expected = cache.take(rows, boxes, flips, 48)
    joined = JoinedCaches((on_gpu, on_gpu))
    for taken in (
        on_gpu.take(rows, boxes, flips, 48),
        on_gpu.take(rows.cuda(), boxes.cuda(), flips.cuda(), 48),
        joined.take(rows + 40, boxes, flips, 48),
    ):
        assert taken.is_cuda
        torch.testing.assert_close(taken.cpu(), expected, atol=1e-5, rtol=0)


@needs_gpu
def test_nothing_waits_for_the_gpu(flat_pixels):
    on_gpu = PixelCache.open(*flat_pixels, torch.device("cuda", 0))
    boxes, flips = random_boxes(3, torch.Generator().manual_seed(2), **CROP)
    torch.cuda.set_sync_debug_mode("error")
    try:
        on_gpu.take(ROWS, boxes, flips, 24)
        JoinedCaches((on_gpu, on_gpu)).take(ROWS + 20, boxes, flips, 24)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(("min_scale", "stretch"), [(0.8, 0.1), (0.5, 0.3)])
def test_random_boxes_keep_their_promises(min_scale, stretch):
    boxes, flips = random_boxes(20_000, torch.Generator().manual_seed(1), min_scale, stretch)
    left, top, width, height = boxes.T
    assert boxes.min() >= 0
    assert (left + width).max() <= 1 + 1e-6
    assert (top + height).max() <= 1 + 1e-6
    least = min_scale * (1 - stretch)
    assert least <= boxes[:, 2:].min() < least + 0.02
    assert boxes[:, 2:].max() <= 1
    squeezed = width / height
    assert (1 - stretch) / (1 + stretch) <= squeezed.min() < 1 - stretch
    assert 1 + stretch < squeezed.max() <= (1 + stretch) / (1 - stretch)
    assert 0.48 < flips.float().mean() < 0.52


def test_without_crop_and_stretch_boxes_are_whole():
    boxes, _ = random_boxes(9, torch.Generator().manual_seed(1), 1, 0)
    assert torch.equal(boxes, whole_boxes(9))


def test_the_same_generator_draws_the_same():
    first, second = (random_boxes(9, torch.Generator().manual_seed(3), **CROP) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_joined_caches_give_what_each_gives(cache):
    second = PixelCache(cache.pixels, cache.offsets[10:15], cache.heights[10:15], cache.widths[10:15], cache.device)
    rows = torch.tensor([41, 3, 44, 39, 40])
    boxes, flips = random_boxes(5, torch.Generator().manual_seed(1), **CROP)
    joined = JoinedCaches((cache, second)).take(rows, boxes, flips, 24)
    apart = cache.take(torch.tensor([11, 3, 14, 39, 10]), boxes, flips, 24)
    assert torch.equal(joined, apart)
    assert joined.is_contiguous(memory_format=torch.channels_last)
