"""How much each pixel belongs to a garment by its colour: smooth, without skin, and without seams at edges."""

from math import isnan
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter
from skimage.color import rgb2lab

from stylevote.augment.garments import Garment, shrink
from stylevote.augment.hsv import hue_offset, to_hsv
from stylevote.augment.skin import HUE, HUE_MARGIN, SATURATION, SATURATION_MARGIN, protection

# All lengths are in pixels of the working size.
FADE = 12  # degrees over which the membership falls to 0
HUE_ERROR = 90  # degrees, divided by the chroma in levels: the possible error of a dark or pale pixel's hue
# Fractions of the garment's saturation between which the membership rises. On the mask, lit folds belong to the
# garment. Outside it, pixels must be more similar, or grey walls and pavement with a tinge of its hue would be stained.
SATURATION_GATE = (0.25, 0.5)
OUTER_SATURATION_GATE = (0.55, 0.85)
CHROMA_GATE = (5, 12)  # levels between which the membership of dark pixels rises
SEAM = 2  # half the width of an edge between two colours, which lenses and JPEG's coarse colour blur
EDGE = 10  # degrees by which a garment's hues are widened at edges
LIPS = 4  # half the height of a mouth
DARK = (0.35, 0.5)  # fractions of the garment's value between which a dark red or orange may be skin or hair
DARK_HUE_MARGIN = 25  # degrees around the hues of skin
NEUTRAL_CHROMA = (9, 16)  # of Lab, between which a pixel stops being grey
NEUTRAL_SKIN = (0.2, 0.8)  # protections between which a grey becomes pale skin; grey itself is in the margins of skin
NEUTRAL_LIGHTNESS = (16, 26)  # of Lab, distances between which a grey stops being the garment's


class Memberships(NamedTuple):
    """How much each pixel of a reduced photo belongs to each garment."""

    levels: np.ndarray  # 0 to 255, uint8 of shape (garments, rows, columns)
    # height and width of the photo, in pixels of the reduced one: its last row and column can be partial
    extent: tuple[float, float]

    def at_size(self, height: int, width: int) -> list[np.ndarray]:
        """Return the levels for the photo at another size; there, no pixel belongs to two garments.

        Returns:
            An array per garment, uint8 of shape (height, width).
        """
        box, members = (0, 0, *self.extent[::-1]), []
        for levels in self.levels:
            member = np.array(Image.fromarray(levels).resize((width, height), Image.Resampling.BILINEAR, box))
            for earlier in members:
                member[member <= earlier] = 0
                earlier[member > 0] = 0
            members.append(member)
        return members


def memberships(photo: np.ndarray, mask: np.ndarray, garments: list[Garment], mode: str) -> Memberships:
    """Return how much each pixel belongs to each of the garments that `find_garments` found in this photo and mask.

    In the ``mode`` "masked", not in "full_image", pixels outside the mask belong to none.
    """
    small, small_mask, factor = shrink(photo, mask)
    near = _feathered(small_mask)
    pixels = _colored_pixels(small, near, mode)
    members = []
    for garment in garments:
        if isnan(garment.hue):
            member = _neutral_members(small, garment, near)
        else:
            member = _colored_members(pixels, garment, near.shape)
        if mode == "masked":
            member = (member * near).astype(np.uint8)
        members.append(member)
    height, width = mask.shape
    return Memberships(np.stack(members), (height / factor, width / factor))


class _Pixels(NamedTuple):
    """The pixels of a photo that can belong to coloured clothes; ``near``: 1 on the mask, falling to 0 around it."""

    index: np.ndarray  # in the flat photo
    rgb: np.ndarray
    hue: np.ndarray
    saturation: np.ndarray
    value: np.ndarray
    near: np.ndarray

    def take(self, kept: np.ndarray) -> "_Pixels":
        """Return the pixels at the positions ``kept``."""
        return _Pixels(*(values.take(kept, axis=0) for values in self))


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


def _colored_members(pixels: _Pixels, garment: Garment, shape: tuple[int, int]) -> np.ndarray:
    """Return how much each pixel belongs to a garment that has a hue, 0 to 255, uint8 of the given shape."""
    depth = _hue_depth(pixels, garment)
    kept = np.flatnonzero(depth > -EDGE)
    candidates, depth = pixels.take(kept), depth.take(kept)
    solid = _rise(depth, 0, FADE) * _saturation_match(candidates, garment)
    solid *= _rise(candidates.saturation * candidates.value, *CHROMA_GATE)
    # At an edge of cloth, pixels mix two colours: they are paler, and their hue is between the two. They belong to the
    # garment if they are close to solid cloth.
    around = dilate(_image(candidates.index, solid, shape), SEAM).take(candidates.index) / np.float32(255)
    member = around * _rise(depth + EDGE * around, 0, FADE)
    if _may_touch_skin(garment):
        skin_likeness = _skin_likeness(pixels, garment)
        cloth = _image(candidates.index, solid * (1 - skin_likeness.take(kept)), shape)
        member *= 1 - _spared(pixels, skin_likeness, cloth).take(candidates.index) / np.float32(255)
    return _image(candidates.index, member, shape)


def _hue_depth(pixels: _Pixels, garment: Garment) -> np.ndarray:
    """Return how far each pixel's hue is inside the garment's range of hues, in degrees; negative outside.

    The hue of a dark or pale pixel is uncertain, so that the range is wider for it.
    """
    offset = hue_offset(pixels.hue, garment.hue)
    depth = np.minimum(offset + np.float32(garment.below), np.float32(garment.above) - offset)
    return depth + HUE_ERROR / (pixels.saturation * pixels.value)


def _saturation_match(pixels: _Pixels, garment: Garment) -> np.ndarray:
    """Return whether pixels are as saturated as the garment, 0 to 1."""
    low, high = (
        np.float32(garment.saturation) * (outside + pixels.near * np.float32(inside - outside))
        for inside, outside in zip(SATURATION_GATE, OUTER_SATURATION_GATE, strict=True)
    )
    return _rise(pixels.saturation, low, high)


def _may_touch_skin(garment: Garment) -> bool:
    """Return whether the garment's hues come near those of skin."""
    half = (HUE[1] - HUE[0]) / 2 + HUE_MARGIN + EDGE + HUE_ERROR / CHROMA_GATE[0]
    offset = hue_offset(garment.hue, sum(HUE) / 2)
    return offset - garment.below < half and offset + garment.above > -half


def _skin_likeness(pixels: _Pixels, garment: Garment) -> np.ndarray:
    """Return how much each pixel looks like skin or brown hair, 0 to 1.

    Dark skin and hair can be outside the ranges of skin: brown is dark red or orange. So pixels of these hues that are
    much darker than the garment count, too.
    """
    dark = 1 - _rise(pixels.value, *(share * garment.value for share in DARK))
    beyond = np.abs(hue_offset(pixels.hue, sum(HUE) / 2)) - (HUE[1] - HUE[0]) / 2
    dark *= 1 - _rise(beyond, HUE_MARGIN, DARK_HUE_MARGIN)
    return np.maximum(protection(pixels.rgb, pixels.hue, pixels.saturation), dark)


def _spared(pixels: _Pixels, skin_likeness: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """Return how much each pixel must be spared as skin, or as lips and eyes in it: uint8 of shape (height, width).

    Edges of red and orange cloth next to something pale have colours of skin, too. So thin lines along the cloth are
    not spared. Lips are too small to be cloth. ``cloth`` tells how much each pixel is cloth and not skin, in the same
    shape.
    """
    # On the mask only: where a beige wall meets a red skirt, the line is as thick as the wall.
    broad = _without_specks(_image(pixels.index, skin_likeness * (pixels.near == 1), cloth.shape), SEAM)
    seams = dilate(_without_specks(cloth, SEAM), SEAM)
    spared = np.maximum(broad, np.minimum(_image(pixels.index, skin_likeness, cloth.shape), 255 - seams))
    enclosed = 255 - dilate(255 - dilate(spared, LIPS), LIPS)
    dull = 1 - _rise(pixels.saturation, SATURATION[1], SATURATION[1] + SATURATION_MARGIN)
    return np.maximum(spared, _image(pixels.index, enclosed.take(pixels.index) * dull / 255, cloth.shape))


def _neutral_members(photo: np.ndarray, garment: Garment, near: np.ndarray) -> np.ndarray:
    """Return how much each pixel belongs to a black, white or grey garment. Only the mask counts: much else is grey."""
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
    """Return an image of values from 0 to 1 at flat indices, and 0 elsewhere, as uint8 from 0 to 255."""
    image = np.zeros(shape, dtype=np.uint8)
    image.reshape(-1)[index] = 255 * values
    return image


def _without_specks(image: np.ndarray, radius: int) -> np.ndarray:
    """Return a uint8 image without bright spots and lines that are at most ``2 * radius`` pixels wide."""
    return dilate(255 - dilate(255 - image, radius), radius)


def dilate(image: np.ndarray, radius: int) -> np.ndarray:
    """Return the maximum in the square of ``2 * radius + 1`` pixels around each pixel of an image (height, width).

    For a small radius it is quicker than a general filter.
    """
    for _ in range(2):
        wider = image.copy()
        for shift in range(1, radius + 1):
            np.maximum(wider[shift:], image[:-shift], out=wider[shift:])
            np.maximum(wider[:-shift], image[shift:], out=wider[:-shift])
        image = np.ascontiguousarray(wider.T)
    return image
