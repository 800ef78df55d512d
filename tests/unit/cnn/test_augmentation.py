"""Changes of photos: each is torchvision's, draws have the distributions that they say, and a training repeats them."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as nn_functional
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional

from stylevote.cnn import train as training_module
from stylevote.cnn.augmentation import NAMES, OPERATIONS, change, draw_changes, mix, with_partners
from stylevote.cnn.batches import PixelCache
from stylevote.cnn.fold_data import FoldData
from stylevote.cnn.train import Training
from stylevote.config.identity import seed

SIDE = 48
BILINEAR = {"interpolation": InterpolationMode.BILINEAR}
JITTER = {"brightness": 0.4, "contrast": 0.5, "saturation": 0.6, "hue": 0.3}
ALL = {"vertical": True, "quarter_turns": True, "rotation": 20, "jitter": JITTER, "auto": "rand", "erasing": 0.5}
# By torchvision's names of its own operations.
THEIRS = {
    "identity": "Identity",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
    "rotate": "Rotate",
    "brightness": "Brightness",
    "saturation": "Color",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "posterize": "Posterize",
    "solarize": "Solarize",
    "autocontrast": "AutoContrast",
    "equalize": "Equalize",
}


@pytest.fixture
def squares():
    """Six photos with smooth patches, as batches of the cache are."""
    random = torch.Generator().manual_seed(3)
    coarse = torch.rand(6, 3, 7, 7, generator=random) * 0.7 + 0.1
    photos = nn_functional.interpolate(coarse, SIDE, mode="bilinear")
    return photos.contiguous(memory_format=torch.channels_last)


def theirs(name, photo, magnitude, space):
    """Return torchvision's operation on a photo: translations in pixels, solarize by its threshold, posterize bits."""
    transform = {"rand": v2.RandAugment, "trivial": v2.TrivialAugmentWide}[space](**BILINEAR)
    in_its_units = {
        "translate_x": magnitude * SIDE,
        "translate_y": magnitude * SIDE,
        "posterize": 8 - round(magnitude),
        "solarize": 1 - magnitude,
    }
    return transform._apply_image_or_video_transform(
        photo, THEIRS[name], in_its_units.get(name, magnitude), InterpolationMode.BILINEAR, transform._fill
    )


@pytest.mark.parametrize("name", NAMES)
def test_operations_are_torchvisions(squares, name):
    for space in ("rand", "trivial"):
        greatest = OPERATIONS[name][space]
        if name.startswith("translate"):
            greatest = 9 / SIDE  # torchvision cuts translations to whole pixels
        magnitudes = torch.tensor([0, 1 / 3, 1, 0, 2 / 3, 1]) * greatest
        if name not in ("posterize", "solarize"):
            magnitudes[1::2] *= -1
        operations = torch.full((6, 1), NAMES.index(name))
        changed = change(squares.clone(), {"operations": operations, "magnitudes": magnitudes[:, None]})
        for got, photo, magnitude in zip(changed, squares, magnitudes.tolist(), strict=True):
            expected = theirs(name, photo[None], magnitude, space)[0]
            torch.testing.assert_close(got, expected, atol=2e-5, rtol=0)


def test_greatest_magnitudes_are_torchvisions():
    for space, transform in (("rand", v2.RandAugment), ("trivial", v2.TrivialAugmentWide)):
        assert set(transform._AUGMENTATION_SPACE) == set(THEIRS.values())
        for name, greatest in OPERATIONS.items():
            levels, signed = transform._AUGMENTATION_SPACE[THEIRS[name]]
            values = levels(31, 224, 224)
            if values is None or name == "solarize":
                assert greatest[space] == (name == "solarize")
                continue
            last = 8 - values[-1].item() if name == "posterize" else values[-1].item()
            assert greatest[space] * (224 if name.startswith("translate") else 1) == pytest.approx(last)
            assert signed == (name != "posterize")


@pytest.mark.parametrize("name", JITTER)
def test_jitter_is_torchvisions(squares, name):
    values = torch.tensor([0.5, 1, 1.7, 0, 1.2, 0.9]) - (0.7 if name == "hue" else 0) * torch.tensor(1.0)
    values = values.clamp(-0.5, 0.5) if name == "hue" else values
    changed = change(squares.clone(), {name: values})
    adjust = getattr(functional, f"adjust_{name}")
    expected = torch.stack([adjust(photo, value) for photo, value in zip(squares, values.tolist(), strict=True)])
    torch.testing.assert_close(changed, expected, atol=1e-5, rtol=0)


def test_a_grey_photo_has_no_hue_to_turn():
    grey = torch.rand(3, 1, 8, 8).expand(3, 3, 8, 8).clone()
    torch.testing.assert_close(change(grey.clone(), {"hue": torch.tensor([0.1, -0.5, 0.3])}), grey)


def test_turns_are_exact(squares):
    draws = {
        "upside_down": torch.tensor([True, False, True, False, False, True]),
        "quarters": torch.tensor([0, 1, 2, 3, 0, 1]),
    }
    for got, photo, down, quarters in zip(change(squares.clone(), draws), squares, *draws.values(), strict=True):
        upright = photo.numpy()[:, ::-1] if down else photo.numpy()
        assert np.array_equal(got.numpy(), np.rot90(upright, quarters.item(), (1, 2)))


def test_rotations_are_torchvisions(squares):
    degrees = torch.tensor([0.0, 10, -10, 45, 90, -170])
    rotated = change(squares.clone(), {"rotation": degrees})
    for got, photo, angle in zip(rotated, squares, degrees.tolist(), strict=True):
        torch.testing.assert_close(got, functional.rotate(photo, angle, **BILINEAR), atol=2e-5, rtol=0)


def test_erased_rectangles_have_the_mean_colour(squares):
    boxes = torch.tensor([[0.25, 0.5, 0.5, 0.25]]).repeat(6, 1)
    boxes[1] = 0
    erased = change(squares.clone(), {"erased": boxes})
    assert torch.equal(erased[1], squares[1])
    inside = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    inside[24:36, 12:36] = True
    assert torch.equal(erased[0][:, ~inside], squares[0][:, ~inside])
    for channel in range(3):
        expected = squares[0, channel].mean().expand(12 * 24)
        torch.testing.assert_close(erased[0, channel][inside], expected)


def test_nothing_is_drawn_by_default(squares):
    draws = draw_changes(6, 1)
    assert draws == {}
    assert torch.equal(change(squares.clone(), draws), squares)
    targets = torch.rand(6, 2)
    assert all(torch.equal(*pair) for pair in zip(mix(squares, targets, draws), (squares, targets), strict=True))


def test_draws_are_those_of_the_seed():
    one, same, other = (draw_changes(50, seed, **ALL, mixup=0.2, cutmix=1) for seed in (1, 1, 2))
    assert one.keys() == same.keys()
    for name, values in one.items():
        assert torch.equal(values, same[name])
        assert not torch.equal(values, other[name])


@pytest.mark.parametrize("auto", ["rand", "trivial"])
def test_operations_are_equally_frequent(auto):
    draws = draw_changes(28_000, 4, auto=auto)
    operations, magnitudes = draws["operations"], draws["magnitudes"]
    assert operations.shape == magnitudes.shape == (28_000, 2 if auto == "rand" else 1)
    counts = operations.flatten().bincount(minlength=14) / operations.numel()
    torch.testing.assert_close(counts, torch.full((14,), 1 / 14), atol=0.006, rtol=0)
    rotations = magnitudes[operations == NAMES.index("rotate")]
    assert (rotations > 0).float().mean() == pytest.approx(0.5, abs=0.04)
    if auto == "rand":  # magnitude 9 of 30 of 30 degrees
        torch.testing.assert_close(rotations.abs(), torch.full_like(rotations, 9))
    else:
        levels = rotations.abs().mul(30 / 135).round().long().bincount()
        assert len(levels) == 31
        assert levels.min() > 30
    assert (magnitudes[operations == NAMES.index("solarize")] >= 0).all()
    assert (magnitudes[operations == NAMES.index("posterize")] >= 0).all()


def test_simple_changes_have_their_frequencies():
    draws = draw_changes(20_000, 5, **{**ALL, "erasing": 0.3})
    assert draws["upside_down"].float().mean() == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(draws["quarters"].bincount() / 20_000, torch.full((4,), 0.25), atol=0.02, rtol=0)
    bounds = {"rotation": (-20, 20), "brightness": (0.6, 1.4), "saturation": (0.4, 1.6), "hue": (-0.3, 0.3)}
    for name, (low, high) in bounds.items():
        quantiles = draws[name].quantile(torch.linspace(0, 1, 5))
        torch.testing.assert_close(quantiles, torch.linspace(low, high, 5), atol=0.03 * (high - low), rtol=0)
    left, top, width, height = draws["erased"].T
    erased = width > 0
    assert erased.float().mean() == pytest.approx(0.3, abs=0.02)
    area = (width * height)[erased]
    assert 0.0199 < area.min() < 0.03
    assert 0.32 < area.max() < 0.3301
    assert area.mean() == pytest.approx(0.175, abs=0.01)
    assert (left + width).max() <= 1.0001
    assert (top + height).max() <= 1.0001


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_shares_of_mixup_are_a_beta_distribution(alpha):
    mixed = draw_changes(20_000, 6, mixup=alpha)["mixed"]
    assert torch.equal(mixed[0, :4], torch.tensor([0.0, 0, 1, 1]))
    assert mixed[:, 4].mean() == pytest.approx(0.5, abs=0.015)
    assert mixed[:, 4].var() == pytest.approx(1 / (4 * (2 * alpha + 1)), abs=0.01)


def test_boxes_of_cutmix_cover_a_beta_distributed_area():
    left, top, width, height, weight = draw_changes(20_000, 7, cutmix=1)["mixed"].T
    assert (weight == 1).all()
    inside = (left > 0) & (top > 0) & (left + width < 0.9999) & (top + height < 0.9999)
    torch.testing.assert_close(width[inside], height[inside], atol=1e-4, rtol=0)
    # A side of a box of area u has its middle in the unit interval: it keeps s - s^2 / 4 of its s = sqrt(u) on average.
    expected = np.mean([(s - s * s / 4) ** 2 for s in np.sqrt((np.arange(1000) + 0.5) / 1000)])
    assert (width * height).mean() == pytest.approx(expected, abs=0.01)


def test_mixup_and_cutmix_share_the_photos():
    mixed = draw_changes(20_000, 8, mixup=0.2, cutmix=1)["mixed"]
    assert (mixed[:, 4] == 1).float().mean() == pytest.approx(0.5, abs=0.03)


def test_targets_of_several_labels_are_mixed_by_the_pixels(squares):
    targets = torch.tensor([[1.0, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]])
    # Two of mixup and two of CutMix; the last photo's partner comes after it.
    mixed = torch.tensor([[0, 0, 1, 1, 0.25], [0.5, 0, 0.5, 0.5, 1], [0, 0, 0.31, 0.31, 1], [0, 0, 0, 0, 0]])
    photos, soft = mix(squares[:4], targets, {"mixed": mixed})
    assert len(photos) == len(soft) == 3
    torch.testing.assert_close(photos[0], 0.75 * squares[0] + 0.25 * squares[1])
    torch.testing.assert_close(soft[0], torch.tensor([0.75, 1, 0]))
    torch.testing.assert_close(photos[1, :, :24, 24:], squares[2, :, :24, 24:])
    assert torch.equal(photos[1, :, 24:], squares[1, :, 24:])
    assert torch.equal(photos[1, :, :, :24], squares[1, :, :, :24])
    torch.testing.assert_close(soft[1], torch.tensor([0.25, 0.75, 0.25]))
    # Of a box that cuts pixels, those count that are replaced: 15 of 48 in each direction.
    replaced = (photos[2] == squares[3]).all(0).sum().item()
    assert replaced == 15 * 15
    torch.testing.assert_close(soft[2], torch.tensor([1.0, 0, 1]) * (1 - replaced / SIDE**2))


def test_a_part_of_a_batch_knows_its_partner():
    part = torch.arange(2, 5)
    assert with_partners(part, 5, {}).tolist() == [2, 3, 4]
    assert with_partners(part, 5, {"mixed": part}).tolist() == [2, 3, 4, 0]
    assert with_partners(part, 9, {"mixed": part}).tolist() == [2, 3, 4, 5]


EVERYTHING = {"mirror": False, **ALL, "mixup": 0.5, "cutmix": 1}


def train(setting, data, folder):
    return Training("a", setting, 0, data, folder=folder, device=torch.device("cpu"), key="").run()[1]


@pytest.mark.parametrize("key", EVERYTHING)
def test_every_key_changes_what_is_learned(setting, data, tmp_path, monkeypatch, key):
    # The same seeds for all settings.
    monkeypatch.setattr(training_module, "seed", lambda setting, *parts: seed(*parts))
    setting["phases"] = [{**setting["phases"][0], "train": "all"}]
    plain = train(setting, data, tmp_path / "plain")
    changed = train({**setting, "augment": {key: EVERYTHING[key]}}, data, tmp_path / "changed")
    assert not np.array_equal(plain, changed)


@pytest.fixture(scope="module")
def sides():
    """48 photos whose left half is brighter, or whose right half is, and their label."""
    random = np.random.default_rng(9)
    photos, right = random.integers(0, 90, (48, 40, 40, 3), dtype=np.uint8), np.arange(48) % 2
    for photo, side in zip(photos, right, strict=True):
        photo[:, 20 * side : 20 * side + 20] += 120
    index = {"offset": np.arange(48) * 4800, "height": np.full(48, 40), "width": np.full(48, 40)}
    columns = {name: torch.tensor(values) for name, values in index.items()}
    cache = PixelCache(torch.from_numpy(photos.ravel()), *columns.values(), torch.device("cpu"))
    rows, targets = torch.arange(48), torch.tensor(right)[:, None].float()
    return FoldData(cache, targets, [rows[:32]] * 8, rows[32:], nn_functional.binary_cross_entropy_with_logits)


@pytest.mark.parametrize("mirror", [True, False])
def test_without_mirror_images_left_and_right_can_be_learned(setting, sides, tmp_path, mirror):
    setting["phases"] = [{**setting["phases"][0], "epochs": 8, "train": "all"}]
    augment = {} if mirror else {"augment": {"mirror": False}, "tta": "none"}
    scores = train({**setting, **augment}, sides, tmp_path)
    auc = roc_auc_score(sides.targets[sides.validation, 0], scores[-1, :, 0].round(4))
    assert (auc < 0.8) if mirror else (auc > 0.95)
