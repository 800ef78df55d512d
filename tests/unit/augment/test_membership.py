"""What belongs to a garment: its colour, to the edge, and nothing of skin, grey walls or other colours."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.ndimage import center_of_mass, gaussian_filter, grey_dilation
from skimage.color import hsv2rgb

from stylevote.augment.garments import find_garments
from stylevote.augment.membership import dilate, memberships
from stylevote.config.photos import Recolor

SETTINGS = {"neutral": "leave", "garments": 2, "min_share_of_mask": 0.1, "min_share_of_image": 0.02}


def rgb(hue, saturation, value):
    return tuple(round(255 * float(part)) for part in hsv2rgb([hue / 360 % 1, saturation, value]))


def scene(background, *shapes, size=240):
    """A photo of ellipses (colour, box in shares of the size) before a background, and the mask of all of them."""
    photo, mask = Image.new("RGB", (4 * size, 4 * size), background), Image.new("L", (4 * size, 4 * size))
    for color, box in shapes:
        scaled = [4 * size * part for part in box]
        ImageDraw.Draw(photo).ellipse(scaled, color)
        ImageDraw.Draw(mask).ellipse(scaled, 255)
    return np.array(photo.reduce(4)), np.array(mask.reduce(4)) > 127


def members(photo, mask, mode="full_image"):
    """Garments, and the memberships from 0 to 1."""
    garments = find_garments(photo, mask, Recolor.model_validate(SETTINGS))
    return garments, [member / 255 for member in memberships(photo, mask, garments, mode).at_size(*mask.shape)]


MIDDLE = (0.25, 0.2, 0.75, 0.8)
BLUE = rgb(220, 0.8, 0.6)


@pytest.mark.parametrize("size", [100, 240, 700])
@pytest.mark.parametrize("background", [(250, 250, 250), (128, 128, 128), (10, 10, 10), rgb(100, 0.5, 0.5)])
def test_the_garment_and_nothing_else(background, size):
    photo, mask = scene(background, (BLUE, MIDDLE), size=size)
    _, (member,) = members(photo, mask)
    assert member.shape == mask.shape
    distance = gaussian_filter(mask.astype(float), size / 100)
    assert member[distance > 0.99].min() > 0.99
    assert member[distance < 0.01].max() < 0.01


@pytest.mark.parametrize("hue", range(0, 360, 40))
def test_garments_of_every_hue(hue):
    photo, mask = scene((240, 240, 240), (rgb(hue, 0.95, 0.9), MIDDLE))
    (garment,), (member,) = members(photo, mask)
    assert abs((garment.hue - hue + 180) % 360 - 180) < 4
    assert member[mask].mean() > 0.97


def test_noise_makes_no_speckles():
    photo, mask = scene((200, 200, 195), (rgb(220, 0.5, 0.4), MIDDLE))
    noisy = np.clip(photo + np.random.default_rng(0).normal(0, 8, photo.shape), 0, 255).astype(np.uint8)
    _, (member,) = members(noisy, mask)
    inner = gaussian_filter(mask.astype(float), 3) > 0.99
    assert (member[inner] > 0.9).mean() > 0.99


def test_skin_is_spared_beside_red():
    red, face = rgb(358, 0.85, 0.7), (0.4, 0.05, 0.6, 0.25)
    photo, mask = scene((230, 230, 230), (red, MIDDLE), (rgb(18, 0.45, 0.85), face))
    _, (member,) = members(photo, mask)
    only_face = scene((0, 0, 0), (red, face))[1]
    inner = gaussian_filter(only_face.astype(float), 2) > 0.99
    assert inner.sum() > 500
    assert member[inner].max() == 0
    assert member[150, 120] == 1


def test_lips_are_spared():
    face, lips = (0.35, 0.02, 0.65, 0.3), (0.47, 0.23, 0.53, 0.255)
    dress = rgb(345, 0.62, 0.7)
    photo, mask = scene((90, 90, 95), (dress, (0.2, 0.4, 0.8, 0.98)), (rgb(18, 0.45, 0.85), face), (dress, lips))
    _, (member,) = members(photo, mask)
    mouth = scene((0, 0, 0), (dress, lips))[1]
    assert member[mouth].mean() < 0.15
    assert member[170, 120] == 1


def test_grey_wall_with_a_tinge_is_not_stained():
    photo, mask = scene(rgb(222, 0.1, 0.7), (rgb(220, 0.5, 0.5), MIDDLE))
    _, (member,) = members(photo, mask)
    away = gaussian_filter(mask.astype(float), 4) < 0.01
    assert member[away].max() == 0


def test_same_color_elsewhere():
    photo, mask = scene((230, 230, 230), (BLUE, (0.3, 0.2, 0.7, 0.8)))
    photo[5:40, 5:40] = BLUE
    assert members(photo, mask)[1][0][10:35, 10:35].min() == 1
    assert members(photo, mask, "masked")[1][0][:45, :45].max() == 0


def test_membership_falls_off_smoothly_with_hue():
    photo, mask = scene((230, 230, 230), (BLUE, (0.3, 0.5, 0.7, 0.95)))
    hues = np.linspace(150, 290, photo.shape[1])  # 0.6 degrees a pixel
    photo[10:70] = 255 * hsv2rgb(np.stack([hues / 360, np.full_like(hues, 0.8), np.full_like(hues, 0.6)], axis=-1))
    _, (member,) = members(photo, mask)
    along = member[40]
    assert along.max() == 1
    assert along[0] == along[-1] == 0
    assert np.abs(np.diff(along)).max() < 0.2
    assert ((along > 0.02) & (along < 0.98)).sum() > 20


@pytest.mark.parametrize(("cloth", "skin"), [((240, 240, 240), (243, 231, 219)), ((45, 45, 45), (58, 49, 42))])
def test_neutral_garments_end_where_skin_begins(cloth, skin):
    face = (0.4, 0.02, 0.6, 0.2)
    photo, mask = scene((140, 140, 140), (cloth, MIDDLE), (skin, face))
    (garment,) = find_garments(photo, mask, Recolor.model_validate(SETTINGS | {"neutral": "lab"}))
    member = memberships(photo, mask, [garment], "full_image").at_size(*mask.shape)[0] / 255
    assert member[150, 120] == 1
    assert member[24, 120] < 0.15
    assert member[:, :40].max() == 0  # what is grey elsewhere stays


@pytest.mark.parametrize("size", [60, 240, 333])
def test_no_pixel_belongs_to_two_garments(size):
    photo, mask = scene((230, 230, 230), (BLUE, (0.1, 0.2, 0.5, 0.8)), (rgb(175, 0.8, 0.6), (0.45, 0.2, 0.9, 0.8)))
    garments = find_garments(photo, mask, Recolor.model_validate(SETTINGS))
    one, other = memberships(photo, mask, garments, "full_image").at_size(size, size)
    assert one.max() == other.max() == 255
    assert not ((one > 0) & (other > 0)).any()


@pytest.mark.parametrize(("size", "other"), [(240, 100), (240, 500), (700, 224), (700, 317)])
def test_the_garment_is_at_the_same_place_at_another_size(size, other):
    """Also where the reduced photo's last row and column are partial: 700 is no multiple of 3."""
    part = (BLUE, (0.5, 0.6, 0.9, 0.95))
    photo, mask = scene((230, 230, 230), part, size=size)
    garments = find_garments(photo, mask, Recolor.model_validate(SETTINGS))
    (member,) = memberships(photo, mask, garments, "full_image").at_size(other, other)
    _, there = scene((230, 230, 230), part, size=other)
    distance = gaussian_filter(there.astype(float), max(1, other / 150))
    assert member[distance > 0.99].min() > 250
    assert member[distance < 0.01].max() < 5
    assert np.abs(np.subtract(center_of_mass(member), center_of_mass(there))).max() < 0.3


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_dilate(radius):
    image = np.random.default_rng(0).integers(0, 256, (60, 41), dtype=np.uint8)
    size = 2 * radius + 1
    assert (dilate(image, radius) == grey_dilation(image, (size, size), mode="constant")).all()
