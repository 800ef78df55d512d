"""Clothes in other colours.

Ding and Wan (2018), Fashion Style Recognition on JD AI Fashion-Challenge, II.B: pixels with the hues of the clothes
are recoloured, not the mask, because its edges are never exact. If background and clothes have the same colour, both
change. Clothes of a colour near skin stay as they are.
"""

from dataclasses import dataclass
from math import isnan, nan

import numpy as np
import safetensors.numpy
from skimage.color import lab2rgb, rgb2lab

from stylevote.augment.garments import SKIN_SHARE, Garment
from stylevote.augment.hsv import hue_offset, to_hsv, to_rgb, turn_hue
from stylevote.augment.membership import Memberships, memberships
from stylevote.augment.skin import protection
from stylevote.config.photos import Recolor

DISTINCT = 30  # degrees between the new hues of two garments
VIVID = 0.85  # median saturation to which a garment may be raised
TINT_CHROMA = (20, 40)  # of Lab, of a neutral garment's new colour
TINT_LIGHTNESS = (0.2, 0.5)  # fraction of the way to 50 that its lightness moves: black and white have no hue


@dataclass(frozen=True)
class Recoloring:
    """New colours of a photo's garments. It fits the photo at any size."""

    levels: np.ndarray  # how much each pixel of the reduced photo belongs to each garment, as in `Memberships`
    extent: np.ndarray  # of `Memberships`, shape (2,)
    hues_from: np.ndarray  # degrees, shape (garments,); nan for black, white and grey
    hues_to: np.ndarray  # degrees, shape (garments,)
    factors: np.ndarray  # of the saturation, shape (garments,); nan for black, white and grey
    # of black, white and grey: L of Lab before, what is added to L, a and b; else nan; shape (garments, 4)
    tints: np.ndarray

    def to_bytes(self) -> bytes:
        """Return the bytes of a safetensors file."""
        return safetensors.numpy.save(vars(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Recoloring":
        """Return what `to_bytes` encoded."""
        return cls(**safetensors.numpy.load(data))


def draw_recoloring(
    photo: np.ndarray, mask: np.ndarray, garments: list[Garment], settings: Recolor, rng: np.random.Generator
) -> Recoloring:
    """Draw a new colour for every garment, and find the pixels that belong to it; arguments as of `find_garments`."""
    colors = draw_colors(garments, settings, rng)
    levels, extent = memberships(photo, mask, garments, settings.mode)
    hues_from = np.array([garment.hue for garment in garments])
    return Recoloring(levels, np.array(extent), hues_from, *(np.array(values) for values in zip(*colors, strict=True)))


def draw_colors(
    garments: list[Garment], settings: Recolor, rng: np.random.Generator
) -> list[tuple[float, float, np.ndarray]]:
    """Draw a new colour for every garment: its hue, the factor of its saturation, its tint, as in `Recoloring`.

    The new hue is at least ``min_hue_change`` degrees from the old one. All such hues are equally likely, except those
    with which this garment would be near skin.
    """
    colors = []
    for garment in garments:
        if isnan(garment.hue):
            hue, tint = _draw_tint(garment, rng)
            colors.append((hue, nan, tint))
        else:
            factor = _draw_factor(garment, settings, rng)
            hue = _draw_hue(garment, factor, [used for used, _, _ in colors], settings, rng)
            colors.append((hue, factor, np.full(4, nan)))
    return colors


def recolor(photo: np.ndarray, recoloring: Recoloring) -> tuple[np.ndarray, np.ndarray]:
    """Return a photo with new colours, and how much each pixel was changed.

    Old and new colour are blended by the pixel's membership, which falls smoothly with the distance from the garment's
    hue, with greyness and with likeness to skin. No hue between the two appears. Brightness (V of HSV) is kept. Pixels
    that belong to no garment keep their values.

    Args:
        photo: uint8 of shape (height, width, 3), at any size.

    Returns:
        uint8 of the photo's shape; and 0 to 1, float32 of shape (height, width).
    """
    result, weight = photo.copy(), np.zeros(photo.shape[:2], dtype=np.float32)
    pixels = photo.reshape(-1, 3)
    members = Memberships(recoloring.levels, tuple(recoloring.extent)).at_size(*weight.shape)
    turns = recoloring.hues_to - recoloring.hues_from
    for member, turn, factor, tint in zip(members, turns, recoloring.factors, recoloring.tints, strict=True):
        index = np.flatnonzero(member)
        old = pixels.take(index, axis=0)
        new = _tint(old, *tint) if isnan(factor) else turn_hue(old, turn, factor)
        share = member.take(index) / np.float32(255)
        weight.reshape(-1)[index] = share
        for channel in range(3):
            before = old[:, channel]
            result.reshape(-1, 3)[index, channel] = np.rint(before + share * (new[channel] - before))
    return result, weight


def _draw_hue(garment: Garment, factor: float, used: list[float], settings: Recolor, rng: np.random.Generator) -> float:
    """Return a new hue in degrees, if possible away from the ``used`` hues, so that garments stay distinct."""
    hues = np.arange(360)
    colors = to_rgb(hues.astype(np.float32), min(1, factor * garment.saturation), garment.value).T
    allowed = (np.abs(hue_offset(hues, garment.hue)) >= settings.min_hue_change) & ~_near_skin(colors)
    apart = allowed.copy()
    for hue in used:
        apart &= np.abs(hue_offset(hues, hue)) >= DISTINCT
    return float(rng.choice(hues[apart if apart.any() else allowed]))


def _near_skin(colors: np.ndarray) -> np.ndarray:
    """Return whether a garment of each colour would be left alone; colours from 0 to 255, shape (colours, 3)."""
    rgb = np.rint(colors).astype(np.uint8)
    hue, saturation, _ = to_hsv(rgb)
    return protection(rgb, hue, saturation) > SKIN_SHARE


def _draw_factor(garment: Garment, settings: Recolor, rng: np.random.Generator) -> float:
    """Return the factor of the saturation; it rarely saturates pixels fully, which would flatten folds and prints."""
    low, high = settings.saturation
    return float(rng.uniform(low, np.clip(VIVID / garment.saturation, max(low, min(1, high)), high)))


def _draw_tint(garment: Garment, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Return a neutral garment's new hue in degrees, and its tint as in `Recoloring`: L moves towards the middle."""
    while True:
        change, angle, chroma = rng.uniform(*TINT_LIGHTNESS), rng.uniform(0, 2 * np.pi), rng.uniform(*TINT_CHROMA)
        offsets = np.array([(50 - garment.lightness) * change, chroma * np.cos(angle), chroma * np.sin(angle)])
        color = lab2rgb(np.array([garment.lightness, 0, 0]) + offsets)
        if color.min() > 0 and color.max() < 1 and not _near_skin(255 * color[None])[0]:
            hue = float(to_hsv(np.rint(255 * color).astype(np.uint8)[None])[0][0])
            return hue, np.array([garment.lightness, *offsets])


def _tint(rgb: np.ndarray, lightness: float, *offsets: float) -> np.ndarray:
    """Return uint8 pixels, shape (pixels, 3), with offsets added in Lab, as float32 of shape (3, pixels), 0 to 255.

    Pixels that are darker or lighter than ``lightness`` get less of a and b, because black and white have none.
    """
    lab = rgb2lab(rgb[None])[0]
    middle = lightness + offsets[0]
    lab[:, 0] = np.clip(lab[:, 0] + offsets[0], 0, 100)
    share = np.minimum(lab[:, 0] / middle, (100 - lab[:, 0]) / (100 - middle))
    lab[:, 1:] += np.outer(share, offsets[1:])
    return (255 * lab2rgb(lab[None])[0]).astype(np.float32).T
