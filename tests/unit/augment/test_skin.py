"""Skin: the published ranges, and what real and drawn skin falls into them."""

import numpy as np
import pytest
from skimage.color import rgb2hsv, rgb2ycbcr

from stylevote.augment.hsv import to_hsv
from stylevote.augment.skin import protection, skin
from stylevote.demo.scene import draw
from stylevote.demo.styles import LABELS

# The Monk Skin Tone Scale (E. Monk, 2019), from the fairest to the darkest.
TONES = ["f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420"]
NO_SKIN = [(40, 70, 160), (30, 140, 60), (120, 120, 120), (10, 10, 10), (255, 255, 255), (200, 20, 120), (230, 200, 20)]


def spared(rgb):
    hue, saturation, _ = to_hsv(rgb)
    return protection(rgb, hue, saturation)


def test_both_published_ranges_must_agree():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 5000, 3), dtype=np.uint8)
    _, cb, cr = np.moveaxis(rgb2ycbcr(rgb), 2, 0)
    hue, saturation, _ = np.moveaxis(rgb2hsv(rgb), 2, 0)
    ranges = [(cb, 77, 127), (cr, 133, 173), (360 * hue, 0, 50), (saturation, 0.23, 0.68)]
    expected = np.all([(values >= low) & (values <= high) for values, low, high in ranges], axis=0)
    # Rounding may decide on the very ends of the ranges.
    ends = np.any([np.minimum(abs(values - low), abs(values - high)) < 1e-3 for values, low, high in ranges], axis=0)
    assert 1000 < expected.sum() < expected.size / 10
    assert (skin(rgb) == expected)[~ends].all()


@pytest.mark.parametrize("tone", TONES)
def test_tones_of_skin(tone):
    assert spared(np.array([list(bytes.fromhex(tone))], dtype=np.uint8))[0] > 0.5


@pytest.mark.parametrize("color", NO_SKIN)
def test_other_colors(color):
    rgb = np.array([color], dtype=np.uint8)
    assert not skin(rgb)[0]
    assert spared(rgb)[0] < 0.15


def test_what_is_skin_is_spared():
    rgb = np.random.default_rng(1).integers(0, 256, (200_000, 3), dtype=np.uint8)
    assert (spared(rgb)[skin(rgb)] > 0.99).all()


@pytest.mark.parametrize("end", NO_SKIN)
def test_protection_has_no_hard_edge(end):
    way = np.linspace(list(bytes.fromhex(TONES[5])), end, 256)
    assert abs(np.diff(spared(np.rint(way).astype(np.uint8)))).max() < 0.5


def test_drawn_skin_is_spared():
    found = []
    for number in range(40):
        drawing = draw([LABELS[number % len(LABELS)]], np.random.default_rng(number))
        found.append(spared(drawing.photo[drawing.classes == 1]))
    assert np.concatenate(found).mean() > 0.85
