"""Clothes in other colors: the colors of the masked area are found, and pixels of those colors are changed.

Ding and Hui, Fashion Style Recognition on JD AI Fashion-Challenge, section II.B: not the area of the mask is recolored,
whose edges are never quite right, but what has the clothes' hue. Where background and clothes have the same color, both
change; clothes of a color near skin are left alone.
"""

from dataclasses import dataclass
from math import isnan, nan
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter
from skimage.color import lab2rgb, rgb2lab

from stylevote.augment.hsv import to_hsv, turn_hue
from stylevote.augment.skin import (
    HUE,
    HUE_MARGIN,
    SATURATION,
    SATURATION_MARGIN,
    dilate,
    fill,
    protection,
    seam_width,
    skin,
    without_specks,
)

LEAST_PERSON = 0.01  # share of the photo: less is no person, or one too small to matter
ANALYZED = 256  # pixels of the shorter side are plenty for a histogram
# A pixel has a color when both are reached: below, the hue is noise.
COLORED_SATURATION = 0.15
COLORED_CHROMA = 16  # levels
BIN = 3  # degrees
SMOOTHING = 6  # degrees: below the distance of two colors that have different names
VALLEY = 0.05  # share of the peak's height at which its colors end
WIDEST = 45  # degrees on either side of the peak
FADE = 12  # degrees over which the membership falls to nothing
LEAST_SATURATION = 0.2  # of a garment: what is greyer changes too little when its hue does
SKIN_SHARE = 0.35  # of the pixels that would be changed: more, and the garment's color is near skin
SKIN_ONLY = 0.7  # share of the person: more bare skin than people in photos of clothes show
# Shares of the garment's saturation between which the membership rises. On the mask lit folds belong to the garment; what
# lies elsewhere must be very like it, or grey walls and pavement of a tinge near its hue are stained.
SATURATION_GATE = (0.25, 0.5)
OUTER_SATURATION_GATE = (0.55, 0.85)
DISTINCT = 30  # degrees between the new hues of two garments
VIVID = 0.85  # median saturation of a garment up to which it may be raised
LIPS = 60  # the shorter side, divided by it, is half the height of a mouth
DARK = (0.35, 0.5)  # shares of the garment's value between which a dark red or orange may be skin or hair
DARK_HUE_MARGIN = 25  # degrees around the hues of skin
EDGE = 15  # degrees by which a garment's hues are widened at its edges
CHROMA_GATE = (5, 12)  # levels: the same, where it is dark
UNSURE = 90  # degrees, divided by the chroma in levels: how far the hue of a dark or pale pixel may be off
NEUTRAL_CHROMA = (9, 16)  # of Lab, between which a pixel ceases to be grey
TINT_CHROMA = (20, 40)  # of Lab, of a neutral garment's new color
TINT_LIGHTNESS = (0.2, 0.5)  # how far, of the way to the middle, its lightness goes: black and white have no hue
NEUTRAL_LIGHTNESS = (16, 26)  # of Lab, distances between which a grey ceases to be the garment's


class Unsuitable(Exception):
    """The photo's clothes cannot be recolored; the message is one of `REASONS`."""


NO_PERSON, NO_COLOR, NEAR_SKIN, NEUTRAL = REASONS = ("no person", "no dominant color", "near skin", "neutral")


@dataclass(frozen=True)
class Garment:
    """A color that the clothes have.

    Attributes:
        hue: of most of it, degrees; nan for black, white and grey.
        below: how far the hue's range goes below ``hue``, degrees.
        above: how far it goes above.
        saturation: median, 0 to 1.
        value: median, levels.
        lightness: L of Lab, 0 to 100, of most of a neutral garment; nan for others.
        share_of_mask: of the masked pixels, how many have the color.
        share_of_image: of all pixels, how many are masked and have the color.
    """

    hue: float
    below: float
    above: float
    saturation: float
    value: float
    lightness: float
    share_of_mask: float
    share_of_image: float


@dataclass(frozen=True)
class Recolored:
    """A photo with other clothes.

    Attributes:
        photo: uint8 of shape (height, width, 3).
        hues_from: the garments' hues, degrees; nan for neutral ones.
        hues_to: what they became.
        weight: how much each pixel was changed, 0 to 1, float32 of shape (height, width).
    """

    photo: np.ndarray
    hues_from: list[float]
    hues_to: list[float]
    weight: np.ndarray


def find_garments(photo: np.ndarray, mask: np.ndarray, settings: dict) -> list[Garment]:
    """Return the garments that can be recolored, the largest first.

    Args:
        photo: uint8 of shape (height, width, 3).
        mask: the person or the clothes, bool of shape (height, width).
        settings: ``least_share_of_mask``, ``least_share_of_image``, ``garments`` (at most), and ``neutral``: "lab" when
            black, white and grey clothes count.

    Raises:
        Unsuitable: there are none.
    """
    step = max(1, min(mask.shape) // ANALYZED)
    mask = mask[::step, ::step]
    rgb = photo[::step, ::step][mask]
    if len(rgb) < max(1, LEAST_PERSON * mask.size):
        raise Unsuitable(NO_PERSON)
    hue, saturation, value = to_hsv(rgb)
    bare = skin(rgb)
    colored = (saturation >= COLORED_SATURATION) & (saturation * value >= COLORED_CHROMA)
    dressed = colored & ~bare
    weights = saturation * value
    found, near_skin = [], bare.mean() > SKIN_ONLY
    for peak, below, above in _peaks(_histogram(hue[dressed], weights[dressed])):
        offset = _offset(hue, peak)
        alike = colored & (offset >= -below) & (offset <= above)
        members = alike & ~bare
        if not _large_enough(members.sum(), mask, len(rgb), settings):
            continue
        typical = float(np.median(saturation[members]))
        if typical < LEAST_SATURATION:
            continue
        alike &= saturation >= np.mean(SATURATION_GATE) * typical
        if protection(rgb[alike], hue[alike], saturation[alike]).mean() > SKIN_SHARE:
            near_skin = True
            continue
        count = members.sum()
        shares = float(count / len(rgb)), float(count / mask.size)
        found.append(Garment(peak, below, above, typical, float(np.median(value[members])), nan, *shares))
    neutral = ~colored & ~bare
    if settings["neutral"] == "lab" and _large_enough(neutral.sum(), mask, len(rgb), settings):
        found += _neutral_garments(rgb[neutral], mask, len(rgb), settings)
    if not found:
        raise Unsuitable(NEAR_SKIN if near_skin else NEUTRAL if neutral.sum() > dressed.sum() else NO_COLOR)
    return sorted(found, key=lambda garment: -garment.share_of_mask)[: settings["garments"]]


def _large_enough(count: int, mask: np.ndarray, masked: int, settings: dict) -> bool:
    """Return whether so many pixels hold the least shares of the masked ones and of all."""
    return count >= settings["least_share_of_mask"] * masked and count >= settings["least_share_of_image"] * mask.size


def _histogram(hue: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weights a bin of hue, smoothed around the circle, shape (360 / BIN,)."""
    bins = 360 // BIN
    counts = np.bincount((hue / BIN).astype(np.int64) % bins, weights, minlength=bins)
    distance = BIN * np.minimum(np.arange(bins), bins - np.arange(bins))
    kernel = np.exp(-0.5 * (distance / SMOOTHING) ** 2)
    return np.fft.irfft(np.fft.rfft(counts) * np.fft.rfft(kernel / kernel.sum()), bins)


def _peaks(histogram: np.ndarray) -> list[tuple[float, float, float]]:
    """Return the peaks: hue, and degrees below and above it that are its own. No two share a hue.

    A peak ends where the histogram rises again, or is nearly empty.
    """
    bins = len(histogram)
    tops = np.flatnonzero((histogram > np.roll(histogram, 1)) & (histogram >= np.roll(histogram, -1)))
    peaks = []
    for top in tops[histogram[tops] > 0]:
        reaches = []
        for direction in (-1, 1):
            reach = 0
            while reach < WIDEST // BIN:
                here, following = (histogram[(top + direction * (reach + n)) % bins] for n in (0, 1))
                if following > here or here < VALLEY * histogram[top]:
                    break
                reach += 1
            reaches.append(BIN * (reach + 0.5))
        peaks.append((BIN * (float(top) + 0.5), *reaches))
    return peaks


def _offset(hue: np.ndarray, center: float) -> np.ndarray:
    """Return how far hues lie above (or, negative, below) ``center``, in degrees."""
    return (hue - np.float32(center) + 180) % 360 - 180


def _neutral_garments(rgb: np.ndarray, mask: np.ndarray, masked: int, settings: dict) -> list[Garment]:
    """Return the garment of the commonest lightness among grey pixels, or none when it is too small."""
    lightness = rgb2lab(rgb[None])[0, :, 0]
    counts, edges = np.histogram(lightness, bins=50, range=(0, 100))
    typical = edges[np.convolve(counts, np.ones(9), "same").argmax()] + 1
    count = (np.abs(lightness - typical) < np.mean(NEUTRAL_LIGHTNESS)).sum()
    if not _large_enough(count, mask, masked, settings):
        return []
    return [Garment(nan, nan, nan, 0.0, nan, float(typical), float(count / masked), float(count / mask.size))]


def recolor(
    photo: np.ndarray, mask: np.ndarray, garments: list[Garment], settings: dict, rng: np.random.Generator
) -> Recolored:
    """Give every garment a new color.

    The new hue lies at least ``least_hue_change`` degrees from the old one, and not among the hues of skin. Old and new
    color are blended by the pixel's membership, which falls off smoothly with its distance from the garment's hue, with
    its greyness and with its likeness to skin; no hue between the two appears. The membership is that of the slightly
    blurred photo, since the noise of cameras and JPEG is mostly one of color.

    Args:
        photo: uint8 of shape (height, width, 3).
        mask: the person or the clothes, bool of shape (height, width).
        garments: from `find_garments`.
        settings: ``mode``: "full_image", or "masked": pixels well outside of the mask keep their color;
            ``least_hue_change``; ``saturation``: the bounds of the factor.
        rng: draws the colors.
    """
    near = _feather(mask)
    blurred = _blur(photo)
    pixels = _pixels(blurred, near, settings["mode"])
    flat, result, weight = photo.reshape(-1, 3), photo.copy(), np.zeros(mask.shape, dtype=np.float32)
    hues_to = []
    for garment in garments:
        if isnan(garment.hue):
            index, member = _neutral_members(blurred, garment, near)
            hue_to, offsets = _draw_tint(garment, rng)
            new = _tint(flat[index], garment.lightness, offsets)
        else:
            index, member = _members(pixels, garment, settings["mode"], mask.shape)
            hue_to, factor = _draw_hue(garment.hue, hues_to, settings, rng), _draw_factor(garment, settings, rng)
            new = turn_hue(flat[index], hue_to - garment.hue, factor)
        hues_to.append(hue_to)
        own = member > weight.reshape(-1)[index]
        index, member, new = index[own], member[own], new[own]
        old = flat[index]
        result.reshape(-1, 3)[index] = np.rint(old + member[:, None] * (new - old)).astype(np.uint8)
        weight.reshape(-1)[index] = member
    return Recolored(result, [garment.hue for garment in garments], hues_to, weight)


def _draw_hue(old: float, others: list[float], settings: dict, rng: np.random.Generator) -> float:
    """Return a new hue, degrees, away from what ``others`` became where there is room: garments stay distinct."""
    hues = np.arange(360)
    allowed = np.abs(_offset(hues, old)) >= settings["least_hue_change"]
    allowed &= (hues > HUE[1] + HUE_MARGIN) & (hues < 360 + HUE[0] - HUE_MARGIN)
    apart = allowed.copy()
    for other in others:
        apart &= np.abs(_offset(hues, other)) >= DISTINCT
    return float(rng.choice(hues[apart if apart.any() else allowed]))


def _draw_factor(garment: Garment, settings: dict, rng: np.random.Generator) -> float:
    """Return the factor of the saturation: rarely one that makes it end at 1, which would flatten folds and prints."""
    low, high = settings["saturation"]
    return float(rng.uniform(low, np.clip(VIVID / garment.saturation, min(1, high), high)))


class _Pixels(NamedTuple):
    """Those pixels of a photo that may belong to clothes by their chroma, and how near the mask each is (0 to 1)."""

    index: np.ndarray  # flat
    rgb: np.ndarray
    hue: np.ndarray
    saturation: np.ndarray
    value: np.ndarray
    chroma: np.ndarray
    near: np.ndarray


def _pixels(blurred: np.ndarray, near: np.ndarray, mode: str) -> _Pixels:
    """Return the pixels with enough chroma; in mode "masked" only those near the mask."""
    red, green, blue = (blurred[..., channel] for channel in range(3))
    chroma = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    candidate = chroma > CHROMA_GATE[0]
    if mode == "masked":
        candidate &= near > 0
    index = np.flatnonzero(candidate)
    rgb = blurred.reshape(-1, 3)[index]
    hue, saturation, value = to_hsv(rgb)
    return _Pixels(index, rgb, hue, saturation, value, value * saturation, near.reshape(-1)[index])


def _members(pixels: _Pixels, garment: Garment, mode: str, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat indices of the pixels of a garment's color, and how much each belongs to it (0 to 1)."""
    offset = _offset(pixels.hue, garment.hue)
    room = np.minimum(offset + np.float32(garment.below), np.float32(garment.above) - offset) + UNSURE / pixels.chroma
    kept = np.flatnonzero(room > -EDGE)
    everything, pixels, room = pixels, _Pixels(*(part[kept] for part in pixels)), room[kept]
    low, high = (
        garment.saturation * (outer + pixels.near * np.float32(inner - outer))
        for inner, outer in zip(SATURATION_GATE, OUTER_SATURATION_GATE, strict=True)
    )
    solid = _rise(room, 0, FADE) * _rise(pixels.saturation, low, high) * _rise(pixels.chroma, *CHROMA_GATE)
    # Where cloth meets another color, edge pixels are a mixture, paler and of a hue between. They belong to it as well.
    around = _image(pixels.index, solid, shape)
    around = dilate(around, seam_width(shape)).reshape(-1)[pixels.index] / np.float32(255)
    member = around * _rise(room + EDGE * around, 0, FADE)
    if _may_touch_skin(garment):
        alike = _like_skin(everything, garment)
        cloth = _image(pixels.index, solid * (1 - alike[kept]), shape)
        member *= 1 - _spared(everything, alike, cloth).reshape(-1)[pixels.index] / np.float32(255)
    if mode == "masked":
        member *= pixels.near
    kept = np.flatnonzero(member > 1 / 255)
    return pixels.index[kept], member[kept]


def _image(index: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return an image of values from 0 to 1 at flat indices, as uint8 from 0 to 255: 0 where there is none."""
    image = np.zeros(shape, dtype=np.uint8)
    image.reshape(-1)[index] = 255 * values
    return image


def _may_touch_skin(garment: Garment) -> bool:
    """Return whether the garment's hues come near those of skin."""
    half = (HUE[1] - HUE[0]) / 2 + HUE_MARGIN + EDGE + UNSURE / CHROMA_GATE[0]
    offset = _offset(garment.hue, sum(HUE) / 2)
    return offset - garment.below < half and offset + garment.above > -half


def _like_skin(pixels: _Pixels, garment: Garment) -> np.ndarray:
    """Return how much each pixel may be skin or brown hair, 0 to 1.

    Dark skin and hair may lie outside of the ranges of skin: brown is dark red or orange. Of red and orange clothes,
    what is much darker than the rest of them is spared as well.
    """
    dark = 1 - _rise(pixels.value, *(share * garment.value for share in DARK))
    dark *= 1 - _rise(np.abs(_offset(pixels.hue, sum(HUE) / 2)) - (HUE[1] - HUE[0]) / 2, HUE_MARGIN, DARK_HUE_MARGIN)
    return np.maximum(protection(pixels.rgb, pixels.hue, pixels.saturation), dark)


def _spared(pixels: _Pixels, alike: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """Return how much each pixel is to be spared as skin, or as lips and eyes in it: uint8 of shape (height, width).

    Edges of red and orange cloth against something pale have colors of skin, too: thin lines beside ``cloth`` (uint8,
    how much each pixel is cloth and not skin) are not spared. Lips are too small to be cloth. ``alike`` is each pixel's likeness to skin.
    """
    width = seam_width(cloth.shape)
    # Of the mask only: where a beige wall meets a red skirt, the line is as thick as the wall.
    broad = without_specks(_image(pixels.index, alike * (pixels.near == 1), cloth.shape), width)
    seams = dilate(without_specks(cloth, width), width)
    spared = np.maximum(broad, np.minimum(_image(pixels.index, alike, cloth.shape), 255 - seams))
    enclosed = fill(spared, round(min(cloth.shape) / LIPS)).reshape(-1)[pixels.index]
    vivid = _rise(pixels.saturation, SATURATION[1], SATURATION[1] + SATURATION_MARGIN)
    enclosed = _image(pixels.index, enclosed * (1 - vivid) / np.float32(255), cloth.shape)
    return np.maximum(spared, enclosed)


def _rise(values: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """Return 0 below ``low``, 1 above ``high``, and a smooth step between (float32)."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _blur(photo: np.ndarray) -> np.ndarray:
    """Return the photo slightly blurred, in proportion to its size."""
    return np.asarray(Image.fromarray(photo).filter(ImageFilter.BoxBlur(min(photo.shape[:2]) / 400)))


def _feather(mask: np.ndarray) -> np.ndarray:
    """Return 1 on the mask, falling to 0 over the few pixels around it: float32."""
    radius = max(1, round(min(mask.shape) / 250))
    soft = Image.fromarray(255 * mask.astype(np.uint8)).filter(ImageFilter.BoxBlur(radius))
    return np.maximum(mask, np.asarray(soft, dtype=np.float32) / 255)


def _neutral_members(blurred: np.ndarray, garment: Garment, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what `_members` does, for a black, white or grey garment: only on the mask, the world is full of grey."""
    index = np.flatnonzero(near)
    rgb = blurred.reshape(-1, 3)[index]
    lab = rgb2lab(rgb[None])[0].astype(np.float32)
    member = 1 - _rise(np.hypot(lab[:, 1], lab[:, 2]), *NEUTRAL_CHROMA)
    member *= 1 - _rise(np.abs(lab[:, 0] - np.float32(garment.lightness)), *NEUTRAL_LIGHTNESS)
    member *= near.reshape(-1)[index]
    member *= 1 - protection(rgb, *to_hsv(rgb)[:2])
    kept = np.flatnonzero(member > 1 / 255)
    return index[kept], member[kept]


def _draw_tint(garment: Garment, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Return the hue (degrees) that a neutral garment gets, and its offsets in Lab: L towards the middle, a and b."""
    while True:
        change, angle, chroma = rng.uniform(*TINT_LIGHTNESS), rng.uniform(0, 2 * np.pi), rng.uniform(*TINT_CHROMA)
        offsets = np.array([(50 - garment.lightness) * change, chroma * np.cos(angle), chroma * np.sin(angle)])
        red, green, blue = lab2rgb(np.array([garment.lightness, 0, 0]) + offsets)
        if 0 < min(red, green, blue) and max(red, green, blue) < 1:
            hue = float(to_hsv(np.rint(255 * np.array([[red, green, blue]])).astype(np.uint8))[0][0])
            if HUE[1] + HUE_MARGIN < hue < 360 + HUE[0] - HUE_MARGIN:
                return hue, offsets


def _tint(rgb: np.ndarray, lightness: float, offsets: np.ndarray) -> np.ndarray:
    """Return pixels with offsets added in Lab, as float32 from 0 to 255.

    What is darker or lighter than ``lightness`` gets less of a and b, as black and white have none.
    """
    lab = rgb2lab(rgb[None])[0]
    middle = lightness + offsets[0]
    lab[:, 0] = np.clip(lab[:, 0] + offsets[0], 0, 100)
    share = np.minimum(lab[:, 0] / middle, (100 - lab[:, 0]) / (100 - middle))
    lab[:, 1:] += offsets[1:] * share[:, None]
    return (255 * lab2rgb(lab[None])[0]).astype(np.float32)
