"""Clothes in other colours.

Ding and Hui, Fashion Style Recognition on JD AI Fashion-Challenge, section II.B: pixels with the hues of the clothes
are recoloured, not the mask, because its edges are never exact. If background and clothes have the same colour, both
change. Clothes of a colour near skin stay as they are.
"""

from dataclasses import dataclass
from math import isnan

import numpy as np
from skimage.color import lab2rgb, rgb2lab

from stylevote.augment.garments import Garment
from stylevote.augment.hsv import hue_offset, to_hsv, turn_hue
from stylevote.augment.membership import memberships
from stylevote.augment.skin import HUE, HUE_MARGIN
from stylevote.config.photos import Recolor

DISTINCT = 30  # degrees between the new hues of two garments
VIVID = 0.85  # median saturation to which a garment may be raised
TINT_CHROMA = (20, 40)  # of Lab, of a neutral garment's new colour
TINT_LIGHTNESS = (0.2, 0.5)  # fraction of the way to 50 that its lightness moves: black and white have no hue


@dataclass(frozen=True)
class Recolored:
    """A photo with recoloured clothes.

    Attributes:
        photo: uint8 of shape (height, width, 3).
        hues_from: the garments' hues, degrees; nan for neutral ones.
        hues_to: their new hues.
        weight: how much each pixel was changed, 0 to 1, float32 of shape (height, width).
    """

    photo: np.ndarray
    hues_from: list[float]
    hues_to: list[float]
    weight: np.ndarray


def recolor(
    photo: np.ndarray, mask: np.ndarray, garments: list[Garment], settings: Recolor, rng: np.random.Generator
) -> Recolored:
    """Give every garment a new colour.

    The new hue is at least ``min_hue_change`` degrees from the old one, and no hue of skin. Old and new colour are
    blended by the pixel's membership, which falls smoothly with the distance from the garment's hue, with greyness and
    with likeness to skin. No hue between the two appears. Brightness (V of HSV) is kept.

    Args:
        photo: uint8 of shape (height, width, 3).
        mask: the person or the clothes, bool of shape (height, width).
        garments: from `stylevote.augment.garments.find_garments`.
        rng: draws the colours.
    """
    result, weight = photo.copy(), np.zeros(mask.shape, dtype=np.float32)
    pixels, hues_to = photo.reshape(-1, 3), []
    for garment, member in zip(garments, memberships(photo, mask, garments, settings.mode), strict=True):
        index = np.flatnonzero(member)
        old = pixels.take(index, axis=0)
        if isnan(garment.hue):
            hue_to, offsets = _draw_tint(garment, rng)
            new = _tint(old, garment.lightness, offsets)
        else:
            hue_to, factor = _draw_hue(garment.hue, hues_to, settings, rng), _draw_factor(garment, settings, rng)
            new = turn_hue(old, hue_to - garment.hue, factor)
        hues_to.append(hue_to)
        share = member.take(index) / np.float32(255)
        weight.reshape(-1)[index] = share
        for channel in range(3):
            before = old[:, channel]
            result.reshape(-1, 3)[index, channel] = np.rint(before + share * (new[channel] - before))
    return Recolored(result, [garment.hue for garment in garments], hues_to, weight)


def _draw_hue(old: float, used: list[float], settings: Recolor, rng: np.random.Generator) -> float:
    """Return a new hue in degrees, if possible away from the ``used`` hues, so that garments stay distinct."""
    hues = np.arange(360)
    allowed = np.abs(hue_offset(hues, old)) >= settings.min_hue_change
    allowed &= (hues > HUE[1] + HUE_MARGIN) & (hues < 360 + HUE[0] - HUE_MARGIN)
    apart = allowed.copy()
    for hue in used:
        apart &= np.abs(hue_offset(hues, hue)) >= DISTINCT
    return float(rng.choice(hues[apart if apart.any() else allowed]))


def _draw_factor(garment: Garment, settings: Recolor, rng: np.random.Generator) -> float:
    """Return the factor of the saturation; it rarely saturates pixels fully, which would flatten folds and prints."""
    low, high = settings.saturation
    return float(rng.uniform(low, np.clip(VIVID / garment.saturation, max(low, min(1, high)), high)))


def _draw_tint(garment: Garment, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Return the new hue (degrees) of a neutral garment, and its offsets in Lab: L towards the middle, a and b."""
    while True:
        change, angle, chroma = rng.uniform(*TINT_LIGHTNESS), rng.uniform(0, 2 * np.pi), rng.uniform(*TINT_CHROMA)
        offsets = np.array([(50 - garment.lightness) * change, chroma * np.cos(angle), chroma * np.sin(angle)])
        color = lab2rgb(np.array([garment.lightness, 0, 0]) + offsets)
        if color.min() > 0 and color.max() < 1:
            hue = float(to_hsv(np.rint(255 * color).astype(np.uint8)[None])[0][0])
            if HUE[1] + HUE_MARGIN < hue < 360 + HUE[0] - HUE_MARGIN:
                return hue, offsets


def _tint(rgb: np.ndarray, lightness: float, offsets: np.ndarray) -> np.ndarray:
    """Return uint8 pixels, shape (pixels, 3), with offsets added in Lab, as float32 of shape (3, pixels), 0 to 255.

    Pixels that are darker or lighter than ``lightness`` get less of a and b, because black and white have none.
    """
    lab = rgb2lab(rgb[None])[0]
    middle = lightness + offsets[0]
    lab[:, 0] = np.clip(lab[:, 0] + offsets[0], 0, 100)
    share = np.minimum(lab[:, 0] / middle, (100 - lab[:, 0]) / (100 - middle))
    lab[:, 1:] += offsets[1:] * share[:, None]
    return (255 * lab2rgb(lab[None])[0]).astype(np.float32).T
