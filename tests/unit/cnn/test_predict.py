"""Views of photos at test time, against plain loops over photos that Pillow and torch cut and mirror."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional

from stylevote.cnn.batches import JoinedCaches, PixelCache
from stylevote.cnn.predict import predict

SIDE = 28


class Probe(nn.Module):
    """Logits that depend on where things are in a photo; what was seen is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(4)) / 10)
        self.normalise = nn.BatchNorm1d(2)
        self.seen: list[int] = []

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(photos))
        return self.normalise(functional.conv2d(photos, self.weight).flatten(1))


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture(scope="module")
def squares() -> np.ndarray:
    """11 photos of 64 x 64 pixels, 7/8 of which are whole pixels: their crops can be cut by slicing."""
    return np.random.default_rng(3).integers(0, 256, (11, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def square_cache(squares) -> PixelCache:
    index = pd.DataFrame({"offset": np.arange(11) * 64 * 64 * 3, "height": 64, "width": 64})
    return PixelCache.open(squares.ravel(), index, torch.device("cpu"))


def resized(photo: np.ndarray) -> torch.Tensor:
    tensor = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
    return functional.interpolate(tensor, (SIDE, SIDE), mode="bilinear", align_corners=False)


def mean_probability(probe: Probe, views: list[np.ndarray]) -> np.ndarray:
    with torch.no_grad():
        return np.mean([probe.eval()(resized(view)).sigmoid()[0].numpy() for view in views], axis=0)


def test_none_is_the_photo_itself(probe, square_cache, squares):
    got = predict(probe, square_cache, torch.arange(11), SIDE, 4, tta="none")
    assert probe.seen == [4, 4, 3]
    expected = [mean_probability(probe, [photo]) for photo in squares]
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_mirror_is_the_photo_and_its_mirror_image(probe, square_cache, squares):
    rows = torch.tensor([5, 0, 10, 5])
    got = predict(probe, square_cache, rows, SIDE, 3, tta="mirror")
    expected = [mean_probability(probe, [squares[row], squares[row][:, ::-1]]) for row in rows]
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_ten_crop_is_four_corners_the_middle_and_their_mirror_images(probe, square_cache, squares):
    got = predict(probe, square_cache, torch.arange(11), SIDE, 4, tta="ten_crop")
    # Two by two of a crop's 56 x 56 pixels become one: none looks beyond the crop's border.
    for probabilities, photo in zip(got, squares, strict=True):
        crops = [photo[top : top + 56, left : left + 56] for top, left in ((0, 0), (0, 8), (8, 0), (8, 8), (4, 4))]
        views = crops + [crop[:, ::-1] for crop in crops]
        np.testing.assert_allclose(probabilities, mean_probability(probe, views), atol=1e-5)


def test_ten_crop_takes_photos_and_inputs_of_any_size(cache):
    class Mean(nn.Module):
        def forward(self, photos: torch.Tensor) -> torch.Tensor:
            assert photos.shape[1:] == (3, 45, 45)
            return photos.mean(dim=(2, 3))

    got = predict(Mean(), cache, torch.arange(40), 45, 16, tta="ten_crop")
    assert got.shape == (40, 3)
    assert np.isfinite(got).all()


def test_a_network_blind_to_position_gives_the_same_for_a_photo_and_its_mirror_image(square_cache):
    class Mean(nn.Module):
        def forward(self, photos: torch.Tensor) -> torch.Tensor:
            return photos.mean(dim=(2, 3))

    rows = torch.arange(11)
    none, mirror = (predict(Mean(), square_cache, rows, SIDE, 4, tta=name) for name in ("none", "mirror"))
    np.testing.assert_allclose(none, mirror, atol=1e-6)


def test_the_batch_changes_nothing(probe, square_cache):
    one, many = (predict(probe, square_cache, torch.arange(11), SIDE, batch, tta="mirror") for batch in (1, 11))
    np.testing.assert_allclose(one, many, atol=1e-6)


def test_evaluation_mode_and_no_gradient(probe, square_cache):
    probe.train()
    before = probe.normalise.running_mean.clone()
    got = predict(probe, square_cache, torch.arange(11), SIDE, 11, tta="mirror")
    assert not probe.training
    assert torch.equal(probe.normalise.running_mean, before)
    assert probe.weight.grad is None
    assert got.dtype == np.float32


def test_joined_caches_are_predicted_in_the_order_of_the_rows(probe, square_cache):
    rows = torch.tensor([12, 3, 21, 0])
    joined = predict(probe, JoinedCaches((square_cache, square_cache)), rows, SIDE, 4, tta="mirror")
    np.testing.assert_allclose(joined, predict(probe, square_cache, rows % 11, SIDE, 4, tta="mirror"), atol=1e-6)


def test_probabilities_are_in_full_precision_under_autocast(probe, square_cache):
    rows = torch.arange(11)
    full = predict(probe, square_cache, rows, SIDE, 4, tta="mirror")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = predict(probe, square_cache, rows, SIDE, 4, tta="mirror")
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, full, atol=0.02)
    assert (torch.from_numpy(half).bfloat16().float().numpy() != half).mean() > 0.5
