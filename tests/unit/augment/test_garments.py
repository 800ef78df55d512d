"""The colours of clothes: which are found, and which are left alone."""

from itertools import combinations
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import hsv2rgb, rgb2hsv

from stylevote.augment.garments import Unsuitable, find_garments
from stylevote.config.photos import Recolor
from stylevote.demo.canvas import CLASSES
from stylevote.demo.scene import draw
from stylevote.demo.styles import LABELS

SETTINGS = {"neutral": "leave", "garments": 2, "min_share_of_mask": 0.15, "min_share_of_image": 0.02}
SIZE = 200
SKIN = (20, 0.4, 0.85)


def patches(*parts, noise=4):
    """A grey photo with a masked square in the middle, painted in stripes: (share, (hue, saturation, value)) each."""
    rng = np.random.default_rng(0)
    half = SIZE // 2
    colors = np.zeros((half, half, 3))
    start = 0
    for share, (hue, saturation, value) in parts:
        stop = start + round(share * half)
        colors[start:stop] = hue / 360 % 1, saturation, value
        start = stop
    photo = np.full((SIZE, SIZE, 3), 130.0)
    mask = np.zeros((SIZE, SIZE), dtype=bool)
    mask[50:150, 50:150] = True
    photo[mask] = 255 * hsv2rgb(colors).reshape(-1, 3)
    return np.clip(photo + rng.normal(0, noise, photo.shape), 0, 255).astype(np.uint8), mask


def reason(photo, mask, **changed):
    with pytest.raises(Unsuitable) as caught:
        find_garments(photo, mask, Recolor.model_validate(SETTINGS | changed))
    return str(caught.value)


def test_two_garments():
    photo, mask = patches((0.55, (220, 0.7, 0.6)), (0.45, (100, 0.6, 0.5)))
    blue, green = find_garments(photo, mask, Recolor.model_validate(SETTINGS))
    assert abs(blue.hue - 220) < 4
    assert abs(green.hue - 100) < 4
    assert abs(blue.saturation - 0.7) < 0.03
    assert abs(blue.share_of_mask - 0.55) < 0.03
    assert find_garments(photo, mask, Recolor.model_validate(SETTINGS | {"garments": 1})) == [blue]


def test_red_lies_on_both_sides_of_zero():
    photo, mask = patches((0.5, (354, 0.9, 0.7)), (0.5, (3, 0.9, 0.7)))
    (red,) = find_garments(photo, mask, Recolor.model_validate(SETTINGS))
    assert min(red.hue, 360 - red.hue) < 5
    assert red.share_of_mask > 0.9


def test_small_garments_are_left_alone():
    photo, mask = patches((0.12, (220, 0.7, 0.6)), (0.88, (0, 0, 0.5)))
    assert reason(photo, mask) == "neutral"
    assert len(find_garments(photo, mask, Recolor.model_validate(SETTINGS | {"min_share_of_mask": 0.1}))) == 1
    assert reason(photo, mask, min_share_of_mask=0.1, min_share_of_image=0.05) == "neutral"


def test_reasons():
    photo, mask = patches((1, (220, 0.7, 0.6)))
    assert reason(photo, np.zeros_like(mask)) == "nothing found"
    assert reason(*patches((1, (220, 0.03, 0.6)))) == "neutral"
    assert reason(*patches((1, SKIN))) == "near skin"
    rainbow = [(1 / 30, (12 * k, 0.7, 0.7)) for k in range(30)]
    assert reason(*patches(*rainbow), min_share_of_mask=0.6) == "no dominant colour"


@pytest.mark.parametrize("hue", [12, 20, 28, 36])
@pytest.mark.parametrize("saturation", [0.3, 0.5, 0.62])
def test_clothes_of_the_color_of_skin(hue, saturation):
    assert reason(*patches((0.7, (hue, saturation, 0.75)), (0.3, SKIN))) == "near skin"


@pytest.mark.parametrize("hue", [28, 45])
def test_bare_arms_beside_orange_and_mustard(hue):
    photo, mask = patches((0.7, (hue, 0.95, 0.9)), (0.3, SKIN))
    (garment,) = find_garments(photo, mask, Recolor.model_validate(SETTINGS))
    assert abs(garment.hue - hue) < 5


@given(hues=st.lists(st.integers(0, 359), min_size=2, max_size=5), saturation=st.floats(0.75, 1))
@settings(max_examples=60)
def test_no_hue_is_of_two_garments(hues, saturation):
    photo, mask = patches(*[(1 / len(hues), (hue, saturation, 0.7)) for hue in hues])
    none_too_small = Recolor(garments=5, min_share_of_mask=0, min_share_of_image=0).model_copy(update={"garments": 9})
    try:
        garments = find_garments(photo, mask, none_too_small)
    except Unsuitable:
        return
    for one, other in combinations(garments, 2):
        up = (other.hue - one.hue) % 360
        assert one.above + other.below <= up + 1e-6
        assert one.below + other.above <= 360 - up + 1e-6


@pytest.mark.parametrize("color", [(346, 0.25, 0.28), (240, 0.9, 0.13), (220, 0.17, 0.9)])
def test_colors_that_hardly_show_are_left_alone(color):
    assert reason(*patches((1, color), noise=1)) == "no dominant colour"


@pytest.mark.parametrize("value", [0.08, 0.5, 0.93])
def test_neutral_garments(value):
    photo, mask = patches((0.7, (0, 0, value)), (0.3, SKIN), noise=2)
    assert reason(photo, mask) == "neutral"
    (garment,) = find_garments(photo, mask, Recolor.model_validate(SETTINGS | {"neutral": "lab"}))
    assert isnan(garment.hue)
    assert abs(garment.share_of_mask - 0.7) < 0.03
    assert abs(garment.lightness - {0.08: 6, 0.5: 53, 0.93: 94}[value]) < 4


@pytest.mark.parametrize("neutral", ["leave", "lab"])
@pytest.mark.parametrize("number", range(12))
def test_person_in_clothes_of_the_color_of_skin(number, neutral):
    """A drawn person whose clothes get the colour of their skin, and keep their folds."""
    drawing = draw([LABELS[number]], np.random.default_rng(number))
    clothes = CLASSES["group"].isin(["clothing", "accessory"]).to_numpy()[drawing.classes]
    hsv = rgb2hsv(drawing.photo)
    typical = np.median(hsv[drawing.classes == 1], axis=0)
    hsv[clothes, :2] = typical[:2]
    hsv[clothes, 2] = np.clip(hsv[clothes, 2] / np.median(hsv[clothes, 2]) * typical[2], 0, 1)
    painted = (255 * hsv2rgb(hsv)).astype(np.uint8)
    assert reason(painted, drawing.classes > 0, neutral=neutral) == "near skin"
