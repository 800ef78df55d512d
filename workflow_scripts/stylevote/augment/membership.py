"""How much each pixel belongs to a garment, by its colour: smoothly, without skin, and without seams at edges."""

from math import isnan
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter
from skimage.color import rgb2lab

from stylevote.augment.garments import Garment, shrink
from stylevote.augment.hsv import hue_offset, to_hsv
from stylevote.augment.skin import HUE, HUE_MARGIN, SATURATION, SATURATION_MARGIN, protection

# All lengths are in pixels of the working size.
FADE = 12  # degrees over which the membership falls to nothing
UNSURE = 90  # degrees, divided by the chroma in levels: how far the hue of a dark or pale pixel may be off
# Shares of the garment's saturation between which the membership rises. On the mask lit folds belong to the garment;
# what lies elsewhere must be very like it, or grey walls and pavement of a tinge near its hue are stained.
SATURATION_GATE = (0.25, 0.5)
OUTER_SATURATION_GATE = (0.55, 0.85)
CHROMA_GATE = (5, 12)  # levels: the same, where it is dark
SEAM = 2  # half the width of an edge between two colours: that of the lens, and of JPEG's coarse colour
EDGE = 10  # degrees by which a garment's hues are widened there
LIPS = 4  # half the height of a mouth
DARK = (0.35, 0.5)  # shares of the garment's value between which a dark red or orange may be skin or hair
DARK_HUE_MARGIN = 25  # degrees around the hues of skin
NEUTRAL_CHROMA = (9, 16)  # of Lab, between which a pixel ceases to be grey
NEUTRAL_SKIN = (0.2, 0.8)  # protections between which a grey becomes pale skin: grey itself lies in the margins of skin
NEUTRAL_LIGHTNESS = (16, 26)  # of Lab, distances between which a grey ceases to be the garment's


def memberships(photo: np.ndarray, mask: np.ndarray, garments: list[Garment], mode: str) -> list[np.ndarray]:
    """Return how much each pixel belongs to each garment, 0 to 255; no pixel belongs to two.

    Args:
        photo: uint8 of shape (height, width, 3).
        mask: the person or the clothes, bool of shape (height, width).
        garments: from `stylevote.augment.garments.find_garments`.
        mode: "full_image", or "masked": what is not on the mask belongs to none.

    Returns:
        An array a garment, uint8 of shape (height, width).
    """
    small, small_mask, factor = shrink(photo, mask)
    near = _feathered(small_mask)
    pixels = _colored_pixels(small, near, mode)
    height, width = mask.shape
    found = []
    for garment in garments:
        member = _neutral_members(small, garment, near) if isnan(garment.hue) else _members(pixels, garment, near.shape)
        if mode == "masked":
            member = (member * near).astype(np.uint8)
        box = (0, 0, width / factor, height / factor)
        member = np.array(Image.fromarray(member).resize((width, height), Image.Resampling.BILINEAR, box))
        for other in found:
            member[member <= other] = 0
            other[member > 0] = 0
        found.append(member)
    return found


class _Pixels(NamedTuple):
    """Those pixels of a photo that may belong to clothes by their chroma, and how near the mask each is (0 to 1)."""

    index: np.ndarray  # flat
    rgb: np.ndarray
    hue: np.ndarray
    saturation: np.ndarray
    value: np.ndarray
    near: np.ndarray

    def take(self, kept: np.ndarray) -> "_Pixels":
        """Return the pixels at the positions ``kept``."""
        return _Pixels(*(part.take(kept, axis=0) for part in self))


def _feathered(mask: np.ndarray) -> np.ndarray:
    """Return 1 on the mask, falling to 0 around it: float32."""
    soft = Image.fromarray(255 * mask.astype(np.uint8)).filter(ImageFilter.BoxBlur(1))
    return np.maximum(mask, np.asarray(soft, dtype=np.float32) / 255)


def _colored_pixels(photo: np.ndarray, near: np.ndarray, mode: str) -> _Pixels:
    """Return the pixels with enough chroma; in mode "masked" only those near the mask."""
    candidate = photo.max(axis=2) - photo.min(axis=2) > CHROMA_GATE[0]
    if mode == "masked":
        candidate &= near > 0
    index = np.flatnonzero(candidate)
    rgb = photo.reshape(-1, 3).take(index, axis=0)
    return _Pixels(index, rgb, *to_hsv(rgb), near.take(index))


def _members(pixels: _Pixels, garment: Garment, shape: tuple[int, int]) -> np.ndarray:
    """Return how much each pixel belongs to a garment that has a hue, 0 to 255, uint8 of the given shape."""
    offset = hue_offset(pixels.hue, garment.hue)
    room = np.minimum(offset + np.float32(garment.below), np.float32(garment.above) - offset)
    room += UNSURE / (pixels.saturation * pixels.value)
    kept = np.flatnonzero(room > -EDGE)
    near_hue, room = pixels.take(kept), room.take(kept)
    low, high = (
        np.float32(garment.saturation) * (outer + near_hue.near * np.float32(inner - outer))
        for inner, outer in zip(SATURATION_GATE, OUTER_SATURATION_GATE, strict=True)
    )
    solid = _rise(room, 0, FADE) * _rise(near_hue.saturation, low, high)
    solid *= _rise(near_hue.saturation * near_hue.value, *CHROMA_GATE)
    # Where cloth meets another colour, edge pixels are a mixture, paler and of a hue between. They belong to it, too.
    around = dilate(_image(near_hue.index, solid, shape), SEAM).take(near_hue.index) / np.float32(255)
    member = around * _rise(room + EDGE * around, 0, FADE)
    if _may_touch_skin(garment):
        alike = _like_skin(pixels, garment)
        cloth = _image(near_hue.index, solid * (1 - alike.take(kept)), shape)
        member *= 1 - _spared(pixels, alike, cloth).take(near_hue.index) / np.float32(255)
    return _image(near_hue.index, member, shape)


def _may_touch_skin(garment: Garment) -> bool:
    """Return whether the garment's hues come near those of skin."""
    half = (HUE[1] - HUE[0]) / 2 + HUE_MARGIN + EDGE + UNSURE / CHROMA_GATE[0]
    offset = hue_offset(garment.hue, sum(HUE) / 2)
    return offset - garment.below < half and offset + garment.above > -half


def _like_skin(pixels: _Pixels, garment: Garment) -> np.ndarray:
    """Return how much each pixel may be skin or brown hair, 0 to 1.

    Dark skin and hair may lie outside of the ranges of skin: brown is dark red or orange. Of red and orange clothes,
    what is much darker than the rest of them is spared as well.
    """
    dark = 1 - _rise(pixels.value, *(share * garment.value for share in DARK))
    beyond = np.abs(hue_offset(pixels.hue, sum(HUE) / 2)) - (HUE[1] - HUE[0]) / 2
    dark *= 1 - _rise(beyond, HUE_MARGIN, DARK_HUE_MARGIN)
    return np.maximum(protection(pixels.rgb, pixels.hue, pixels.saturation), dark)


def _spared(pixels: _Pixels, alike: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """Return how much each pixel is to be spared as skin, or as lips and eyes in it: uint8 of shape (height, width).

    Edges of red and orange cloth against something pale have colours of skin, too: thin lines beside ``cloth`` (uint8,
    how much each pixel is cloth and not skin) are not spared. Lips are too small to be cloth. ``alike`` is each pixel's
    likeness to skin, 0 to 1.
    """
    # Of the mask only: where a beige wall meets a red skirt, the line is as thick as the wall.
    broad = _without_specks(_image(pixels.index, alike * (pixels.near == 1), cloth.shape), SEAM)
    seams = dilate(_without_specks(cloth, SEAM), SEAM)
    spared = np.maximum(broad, np.minimum(_image(pixels.index, alike, cloth.shape), 255 - seams))
    enclosed = 255 - dilate(255 - dilate(spared, LIPS), LIPS)
    dull = 1 - _rise(pixels.saturation, SATURATION[1], SATURATION[1] + SATURATION_MARGIN)
    return np.maximum(spared, _image(pixels.index, enclosed.take(pixels.index) * dull / 255, cloth.shape))


def _neutral_members(photo: np.ndarray, garment: Garment, near: np.ndarray) -> np.ndarray:
    """Return what `_members` does, for a black, white or grey garment: only on the mask, the world is full of grey."""
    index = np.flatnonzero(near)
    rgb = photo.reshape(-1, 3).take(index, axis=0)
    lightness, a, b = rgb2lab(rgb[None])[0].astype(np.float32).T
    member = 1 - _rise(np.hypot(a, b), *NEUTRAL_CHROMA)
    member *= 1 - _rise(np.abs(lightness - np.float32(garment.lightness)), *NEUTRAL_LIGHTNESS)
    hue, saturation, _ = to_hsv(rgb)
    member *= (1 - _rise(protection(rgb, hue, saturation), *NEUTRAL_SKIN)) * near.take(index)
    return _image(index, member, near.shape)


def _rise(values: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """Return 0 below ``low``, 1 above ``high``, and a smooth step between (float32)."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _image(index: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return an image of values from 0 to 1 at flat indices, as uint8 from 0 to 255: 0 where there is none."""
    image = np.zeros(shape, dtype=np.uint8)
    image.reshape(-1)[index] = 255 * values
    return image


def _without_specks(image: np.ndarray, radius: int) -> np.ndarray:
    """Return a uint8 image without bright spots and lines that are at most ``2 * radius`` pixels wide."""
    return dilate(255 - dilate(255 - image, radius), radius)


def dilate(image: np.ndarray, radius: int) -> np.ndarray:
    """Return the greatest value in the square of ``2 * radius + 1`` pixels around each, for an image (height, width).

    It is quicker than a general filter for the few pixels that are wanted here.
    """
    for _ in range(2):
        wider = image.copy()
        for shift in range(1, radius + 1):
            np.maximum(wider[shift:], image[:-shift], out=wider[shift:])
            np.maximum(wider[:-shift], image[shift:], out=wider[:-shift])
        image = np.ascontiguousarray(wider.T)
    return image
