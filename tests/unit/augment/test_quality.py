"""Figures of recoloured photos against scikit-image and closed forms, and the gates."""

import numpy as np
import pytest
from skimage.color import deltaE_cie76, rgb2lab

from stylevote.augment.quality import failure, measure

LIMITS = {"min_clothing_change": 15, "skin_change": 2, "background_change": 6, "edge_ratio": 1.5, "clipped": 0.05}
GOOD = {"clothing_change": 40.0, "skin_change": 0.1, "background_change": 1.0, "edge_ratio": 1.0, "clipped": 0.0}


def photo_of(ground, cloth, size=120):
    """A square of cloth, masked, in the middle."""
    photo = np.full((size, size, 3), ground, dtype=np.uint8)
    mask = np.zeros((size, size), dtype=bool)
    mask[size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = True
    photo[mask] = cloth
    return photo, mask


def test_unchanged_photo():
    photo, mask = photo_of((200, 180, 150), (20, 60, 160))
    figures = measure(photo, photo, mask, np.zeros(mask.shape, dtype=np.float32))
    assert figures == {
        "clothing_change": 0,
        "skin_change": 0,
        "background_change": 0,
        "edge_ratio": 1,
        "clipped": 0,
    }


def test_changes_are_those_of_scikit_image():
    rng = np.random.default_rng(0)
    before = rng.integers(0, 256, (100, 120, 3), dtype=np.uint8)
    after = np.where(rng.random((100, 120, 1)) < 0.5, before, rng.integers(0, 256, before.shape)).astype(np.uint8)
    mask, weight = rng.random((100, 120)) < 0.4, rng.random((100, 120)).astype(np.float32)
    difference = deltaE_cie76(rgb2lab(before), rgb2lab(after))
    figures = measure(before, after, mask, weight)
    assert figures["clothing_change"] == pytest.approx(difference[mask & (weight > 0.5)].mean(), rel=1e-6)
    assert figures["background_change"] == pytest.approx(difference[~mask].mean(), rel=1e-6)


@pytest.mark.parametrize(("left", "measured"), [(25, True), (50, True), (92, True), (105, False)])
def test_skin_counts_on_the_mask_and_near_it(left, measured):
    before, mask = photo_of((90, 120, 90), (20, 60, 160))
    before[50:70, left : left + 12] = (210, 158, 124)
    after = before.copy()
    after[50:70, left : left + 12] = (124, 158, 210)
    expected = deltaE_cie76(rgb2lab(np.uint8([[[210, 158, 124]]])), rgb2lab(np.uint8([[[124, 158, 210]]])))[0, 0]
    found = measure(before, after, mask, (before != after).any(axis=-1))["skin_change"]
    assert found == pytest.approx(expected if measured else 0)


def test_edges_of_cloth_do_not_count_as_skin():
    before, mask = photo_of((230, 230, 230), (190, 30, 30))
    before[30:90, 30] = (210, 158, 124)  # red cloth against a pale wall
    after = before.copy()
    after[30:90, 30] = (124, 210, 158)
    assert measure(before, after, mask, (before != after).any(axis=-1))["skin_change"] == 0


@pytest.mark.parametrize(("cloth", "ratio"), [(150, 0.5), (200, 1), (250, 1.5)])
def test_edge_ratio(cloth, ratio):
    before, mask = photo_of(100, 200)
    after, _ = photo_of(100, cloth)
    assert measure(before, after, mask, mask)["edge_ratio"] == pytest.approx(ratio)


def test_edge_out_of_nothing():
    before, mask = photo_of(100, 100)
    after, _ = photo_of(100, 140)
    assert failure(measure(before, after, mask, mask), {"edge_ratio": 1.5}) == "edge_ratio"


def test_clipped():
    before, mask = photo_of(100, (250, 120, 60))
    before[30:40, 30:90] = (255, 120, 60)  # were at an end before
    after = before.copy()
    after[30:50, 30:90] = (255, 110, 70)
    assert measure(before, after, mask, mask)["clipped"] == pytest.approx(10 / 60)
    after[before[..., 0] == 250] = (0, 0, 9)
    assert measure(before, after, mask, mask)["clipped"] == pytest.approx(50 / 60)


def test_photos_of_any_size():
    expected = deltaE_cie76(*(rgb2lab(np.uint8([[color]])) for color in ([20, 60, 160], [160, 60, 20])))[0, 0]
    for size in (40, 120, 1100):
        before, mask = photo_of((150, 150, 140), (20, 60, 160), size)
        after, _ = photo_of((150, 150, 140), (160, 60, 20), size)
        figures = measure(before, after, mask, mask)
        assert figures["clothing_change"] == pytest.approx(expected)
        assert figures["background_change"] == 0


@pytest.mark.parametrize("mask", [np.zeros((50, 50), dtype=bool), np.ones((50, 50), dtype=bool)])
def test_masks_without_a_border(mask):
    before = np.full((50, 50, 3), (20, 60, 160), dtype=np.uint8)
    figures = measure(before, before[..., ::-1].copy(), mask, np.ones((50, 50), dtype=np.float32))
    assert figures["edge_ratio"] == 1
    assert (figures["clothing_change"] > 0) == mask.all()
    assert (figures["background_change"] > 0) == (not mask.any())


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("clothing_change", 14.9),
        ("skin_change", 2.1),
        ("background_change", 6.1),
        ("edge_ratio", 1.6),
        ("clipped", 0.06),
    ],
)
def test_gates(name, bad):
    assert failure(GOOD, LIMITS) is None
    assert failure(GOOD | {name: bad}, LIMITS) == name


def test_of_several_gates_that_fail_the_first_in_the_alphabet_is_named():
    assert failure(GOOD | {"clipped": 1, "skin_change": 50}, LIMITS) == "clipped"
    at_the_limits = {name.removeprefix("min_"): limit for name, limit in LIMITS.items()}
    assert failure(at_the_limits, LIMITS) is None
