"""One resampling a photo, against torch's own interpolation."""

import numpy as np
import torch
from torch.nn import functional

from stylevote.cnn.batches import SMALLEST_CROP, STRETCH, JoinedBanks, PhotoBank, random_boxes, whole_boxes

NO_FLIP = torch.zeros(3, dtype=torch.bool)
ROWS = torch.tensor([7, 0, 31])


def as_tensor(photo: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255


def test_whole_photos_equal_interpolation(bank, photos):
    taken = bank.take(ROWS, whole_boxes(3), NO_FLIP, 33)
    for got, row in zip(taken, ROWS, strict=True):
        expected = functional.interpolate(as_tensor(photos[row]), (33, 33), mode="bilinear", align_corners=False)[0]
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


def test_boxes_equal_grid_sampling(bank, photos):
    boxes = torch.tensor([[0.1, 0.2, 0.5, 0.7], [0.0, 0.0, 0.9, 0.8], [0.3, 0.1, 0.7, 0.9]])
    taken = bank.take(ROWS, boxes, NO_FLIP, 24)
    centres = (torch.arange(24) + 0.5) / 24
    for got, row, (left, top, width, height) in zip(taken, ROWS, boxes, strict=True):
        y, x = torch.meshgrid(top + height * centres, left + width * centres, indexing="ij")
        grid = torch.stack([x, y], dim=-1)[None] * 2 - 1
        expected = functional.grid_sample(as_tensor(photos[row]), grid, padding_mode="border", align_corners=False)[0]
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)


def test_flips_are_mirror_images(bank):
    boxes = torch.tensor([[0.1, 0.2, 0.5, 0.7]]).repeat(3, 1)
    plain = bank.take(ROWS, boxes, NO_FLIP, 24)
    mirrored = bank.take(ROWS, boxes, torch.tensor([True, False, True]), 24)
    torch.testing.assert_close(mirrored[0], plain[0].flip(2), atol=1e-5, rtol=0)
    assert torch.equal(mirrored[1], plain[1])


def test_random_boxes_keep_their_promises():
    boxes, flips = random_boxes(20_000, torch.Generator().manual_seed(1))
    left, top, width, height = boxes.T
    assert boxes.min() >= 0
    assert (left + width).max() <= 1 + 1e-6
    assert (top + height).max() <= 1 + 1e-6
    assert boxes[:, 2:].min() >= SMALLEST_CROP * (1 - STRETCH)
    squeezed = width / height
    assert (1 - STRETCH) / (1 + STRETCH) <= squeezed.min() < 0.9
    assert 1.1 < squeezed.max() <= (1 + STRETCH) / (1 - STRETCH)
    assert 0.48 < flips.float().mean() < 0.52


def test_the_same_generator_draws_the_same():
    first, second = (random_boxes(9, torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_joined_banks_give_what_each_gives(bank):
    second = PhotoBank(bank.pixels, bank.offsets[10:15], bank.heights[10:15], bank.widths[10:15])
    rows = torch.tensor([41, 3, 44, 39, 40])
    boxes, flips = random_boxes(5, torch.Generator().manual_seed(1))
    joined = JoinedBanks((bank, second)).take(rows, boxes, flips, 24)
    apart = bank.take(torch.tensor([11, 3, 14, 39, 10]), boxes, flips, 24)
    assert torch.equal(joined, apart)
    assert joined.is_contiguous(memory_format=torch.channels_last)
