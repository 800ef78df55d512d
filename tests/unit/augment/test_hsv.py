"""Hue, saturation and value are those of scikit-image."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import hsv2rgb, rgb2hsv

from stylevote.augment.hsv import hue_offset, to_hsv, turn_hue


def colors(count=20_000):
    """Random colours, and all kinds of greys and pure colours, where formulas differ."""
    corners = np.array([[r, g, b] for r in (0, 1, 128, 255) for g in (0, 1, 128, 255) for b in (0, 1, 128, 255)])
    return np.concatenate([np.random.default_rng(0).integers(0, 256, (count, 3)), corners]).astype(np.uint8)


def test_equals_scikit_image():
    rgb = colors()
    hue, saturation, value = to_hsv(rgb)
    expected = rgb2hsv(rgb[None])[0]
    assert np.abs((hue - 360 * expected[:, 0] + 180) % 360 - 180).max() < 0.01
    assert (hue >= 0).all()
    assert (hue < 360).all()
    assert np.abs(saturation - expected[:, 1]).max() < 1e-5
    assert np.abs(value - 255 * expected[:, 2]).max() < 1e-3


@given(degrees=st.floats(-720, 720), factor=st.floats(0, 3))
def test_turning_equals_scikit_image(degrees, factor):
    rgb = colors(300)
    hsv = rgb2hsv(rgb[None])
    hsv[..., 0] = (hsv[..., 0] + degrees / 360) % 1
    hsv[..., 1] = np.minimum(hsv[..., 1] * factor, 1)
    assert np.abs(turn_hue(rgb, degrees, factor).T - 255 * hsv2rgb(hsv)[0]).max() < 0.02


@given(hue=st.floats(0, 360), center=st.floats(0, 360))
def test_offset_is_the_shorter_way_round(hue, center):
    offset = float(hue_offset(hue, center))
    assert abs(abs(offset) - min(abs(hue - center), 360 - abs(hue - center))) < 1e-3
    assert abs((center + offset - hue + 180) % 360 - 180) < 1e-3
