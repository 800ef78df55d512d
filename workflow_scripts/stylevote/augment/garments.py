"""The colours of the clothes in a photo, and whether they can be changed."""

from dataclasses import dataclass
from math import nan

import numpy as np
from PIL import Image, ImageFilter
from skimage.color import rgb2lab

from stylevote.augment.hsv import hue_offset, to_hsv
from stylevote.augment.skin import protection, skin
from stylevote.config.photos import Recolor

WORKING = 256  # approximate shorter side of the photos whose colours are analysed: reducing averages noise away
MIN_PERSON = 0.01  # share of the photo; a smaller person does not matter
# A pixel has a colour if it reaches both: below, the hue is noise.
COLORED_SATURATION = 0.15
COLORED_CHROMA = 16  # levels
BIN = 3  # degrees
SMOOTHING = 6  # degrees: less than the distance between colours of different names
VALLEY = 0.05  # share of the peak's height at which its colours end
MAX_REACH = 45  # degrees on either side of the peak
# Greyer or darker garments change too little with their hue: medians, and chroma of Lab.
MIN_SATURATION = 0.2
MIN_VALUE = 35  # levels
MIN_CHROMA = 10
PALE = 0.6  # fraction of a garment's saturation below which a pixel is not typical of it
SKIN_SHARE = 0.25  # of its typical pixels, above which the garment's colour is near skin
SKIN_ONLY = 0.85  # share of the mask, above which the person shows almost nothing but skin
WINDOW = 9  # of 50 bins of lightness: the spread of one grey in even light
SAME_LIGHTNESS = 21  # of Lab: a grey this far from the garment's is another garment's

NO_PERSON, NO_COLOR, NEAR_SKIN, NEUTRAL = REASONS = ("nothing found", "no dominant colour", "near skin", "neutral")


class Unsuitable(Exception):  # noqa: N818 - it is no error: the photo stays as it is
    """The photo's clothes cannot be recoloured; the message is one of `REASONS`."""


@dataclass(frozen=True)
class Garment:
    """A colour that the clothes have."""

    hue: float  # most frequent hue, degrees; nan for black, white and grey
    below: float  # extent of the hues below ``hue``, degrees
    above: float  # extent of the hues above ``hue``, degrees
    saturation: float  # median, 0 to 1
    value: float  # median, levels
    lightness: float  # most frequent L of Lab, 0 to 100, of a neutral garment; nan for others
    share_of_mask: float  # share of the masked pixels that have the colour


def shrink(photo: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return photo and mask at about the `WORKING` size, and the factor of the reduction.

    Small photos keep their size and are slightly blurred: most noise of cameras and JPEG is in the colours.
    """
    factor = max(1, round(min(mask.shape) / WORKING))
    image, mask_image = Image.fromarray(photo), Image.fromarray(255 * mask.astype(np.uint8))
    small = image.reduce(factor) if factor > 1 else image.filter(ImageFilter.BoxBlur(min(mask.shape) / 400))
    return np.asarray(small), np.asarray(mask_image.reduce(factor)) > 127, factor


def find_garments(photo: np.ndarray, mask: np.ndarray, settings: Recolor) -> list[Garment]:
    """Return the garments that can be recoloured, the largest first.

    Each is a peak in the histogram of the mask's hues, weighted by saturation times value and without skin.

    Args:
        photo: uint8 of shape (height, width, 3).
        mask: the person or the clothes, bool of shape (height, width).

    Raises:
        Unsuitable: there is no such garment.
    """
    small, mask, _ = shrink(photo, mask)
    rgb = small[mask]
    if len(rgb) < max(1, MIN_PERSON * mask.size):
        raise Unsuitable(NO_PERSON)
    min_pixels = max(settings.min_share_of_mask * len(rgb), settings.min_share_of_image * mask.size)
    hue, saturation, value = to_hsv(rgb)
    spared, bare = protection(rgb, hue, saturation), skin(rgb)
    if spared.mean() > SKIN_ONLY:
        raise Unsuitable(NEAR_SKIN)
    colored = (saturation >= COLORED_SATURATION) & (saturation * value >= COLORED_CHROMA)
    dressed, neutral = colored & ~bare, ~colored & ~bare
    garments, near_skin = [], False
    for peak, below, above in _peaks(_histogram(hue[dressed], (saturation * value)[dressed])):
        offset = hue_offset(hue, peak)
        similar = colored & (offset >= -below) & (offset <= above)
        members = similar & ~bare
        count = members.sum()
        if count < max(1, min_pixels):
            continue
        vividness, brightness = float(np.median(saturation[members])), float(np.median(value[members]))
        if vividness < MIN_SATURATION or brightness < MIN_VALUE or _chroma(rgb[members]) < MIN_CHROMA:
            continue
        similar &= saturation >= PALE * vividness
        if spared[similar].mean() > SKIN_SHARE:
            near_skin = True
            continue
        garments.append(Garment(peak, below, above, vividness, brightness, nan, float(count / len(rgb))))
    if settings.neutral == "lab" and neutral.sum() >= min_pixels:
        lightness, count = _commonest(rgb2lab(rgb[neutral][None])[0, :, 0])
        if count >= min_pixels:
            garments.append(Garment(nan, nan, nan, 0.0, nan, lightness, count / len(rgb)))
    if not garments:
        raise Unsuitable(NEAR_SKIN if near_skin else NEUTRAL if neutral.sum() > dressed.sum() else NO_COLOR)
    return sorted(garments, key=lambda garment: -garment.share_of_mask)[: settings.garments]


def _histogram(hue: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weights a bin of hue, smoothed around the circle, shape (360 / BIN,)."""
    bins = 360 // BIN
    counts = np.bincount((hue / BIN).astype(np.int64) % bins, weights, minlength=bins)
    distance = BIN * np.minimum(np.arange(bins), bins - np.arange(bins))
    kernel = np.exp(-0.5 * (distance / SMOOTHING) ** 2)
    return np.fft.irfft(np.fft.rfft(counts) * np.fft.rfft(kernel / kernel.sum()), bins)


def _peaks(histogram: np.ndarray) -> list[tuple[float, float, float]]:
    """Return the hue of each peak, and its extent below and above in degrees. No two peaks overlap.

    A peak ends where the histogram rises again, or is nearly empty.
    """
    bins = len(histogram)
    tops = np.flatnonzero((histogram > np.roll(histogram, 1)) & (histogram >= np.roll(histogram, -1)))
    peaks = []
    for top in tops[histogram[tops] > 0]:
        reaches = []
        for direction in (-1, 1):
            reach = 0
            while reach < MAX_REACH // BIN:
                here, following = (histogram[(top + direction * (reach + n)) % bins] for n in (0, 1))
                if following >= here or here < VALLEY * histogram[top]:
                    break
                reach += 1
            reaches.append(float(BIN * reach))
        peaks.append((BIN * (float(top) + 0.5), *reaches))
    return peaks


def _chroma(rgb: np.ndarray) -> float:
    """Return the chroma of Lab of the median of uint8 pixels."""
    _, a, b = rgb2lab(np.median(rgb, axis=0) / 255)
    return float(np.hypot(a, b))


def _commonest(lightness: np.ndarray) -> tuple[float, int]:
    """Return the most frequent L of Lab, and the number of pixels that are about as light."""
    counts, edges = np.histogram(lightness, bins=50, range=(0, 100))
    start = np.convolve(counts, np.ones(WINDOW), "valid").argmax()
    window = (lightness >= edges[start]) & (lightness <= edges[start + WINDOW])
    typical = float(np.median(lightness[window]))
    return typical, int((np.abs(lightness - typical) < SAME_LIGHTNESS).sum())
