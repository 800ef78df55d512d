"""Which colours the clothes in a photo have, and whether they can be changed."""

from dataclasses import dataclass
from math import nan

import numpy as np
from PIL import Image, ImageFilter
from skimage.color import rgb2lab

from stylevote.augment.hsv import hue_offset, to_hsv
from stylevote.augment.skin import protection, skin

WORKING = 256  # shorter side, about, at which colours are looked at: noise is averaged away, and garments are larger
LEAST_PERSON = 0.01  # share of the photo: less is no person, or one too small to matter
# A pixel has a colour when both are reached: below, the hue is noise.
COLORED_SATURATION = 0.15
COLORED_CHROMA = 16  # levels
BIN = 3  # degrees
SMOOTHING = 6  # degrees: below the distance of two colours that have different names
VALLEY = 0.05  # share of the peak's height at which its colours end
WIDEST = 45  # degrees on either side of the peak
# What is greyer or darker changes too little when its hue does: medians, and chroma of Lab.
LEAST_SATURATION = 0.2
LEAST_VALUE = 35  # levels
LEAST_CHROMA = 10
PALE = 0.6  # share of a garment's saturation below which a pixel is hardly typical of it
SKIN_SHARE = 0.25  # of the pixels that are typical of it: more, and the garment's colour is near skin
SKIN_ONLY = 0.85  # share of the mask: a person of whom hardly anything else is seen
WINDOW = 9  # of 50 bins of lightness: the spread of one grey in even light
SAME_LIGHTNESS = 21  # of Lab: a grey that far from the garment's is another garment's

NO_PERSON, NO_COLOR, NEAR_SKIN, NEUTRAL = REASONS = ("nothing found", "no dominant colour", "near skin", "neutral")


class Unsuitable(Exception):  # noqa: N818 - the photo is left as it is, and nothing has gone wrong
    """The photo's clothes cannot be recoloured; the message is one of `REASONS`."""


@dataclass(frozen=True)
class Garment:
    """A colour that the clothes have.

    Attributes:
        hue: of most of it, degrees; nan for black, white and grey.
        below: how far the hue's range goes below ``hue``, degrees.
        above: how far it goes above.
        saturation: median, 0 to 1.
        value: median, levels.
        lightness: L of Lab, 0 to 100, of most of a neutral garment; nan for others.
        share_of_mask: of the masked pixels, how many have the colour.
        share_of_image: of all pixels, how many are masked and have the colour.
    """

    hue: float
    below: float
    above: float
    saturation: float
    value: float
    lightness: float
    share_of_mask: float
    share_of_image: float


def shrink(photo: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return photo and mask at about the `WORKING` size, and the number of their pixels that became one.

    Small photos keep their size and are slightly blurred: the noise of cameras and JPEG is mostly one of colour.
    """
    factor = max(1, round(min(mask.shape) / WORKING))
    image, mask_image = Image.fromarray(photo), Image.fromarray(255 * mask.astype(np.uint8))
    small = image.reduce(factor) if factor > 1 else image.filter(ImageFilter.BoxBlur(min(mask.shape) / 400))
    return np.asarray(small), np.asarray(mask_image.reduce(factor)) > 127, factor


def find_garments(photo: np.ndarray, mask: np.ndarray, settings: dict) -> list[Garment]:
    """Return the garments that can be recoloured, the largest first.

    They are the peaks of the hues on the mask, weighted by saturation times value, skin left out.

    Args:
        photo: uint8 of shape (height, width, 3).
        mask: the person or the clothes, bool of shape (height, width).
        settings: ``min_share_of_mask``, ``min_share_of_image``, ``garments`` (at most), and ``neutral``: "lab" when
            black, white and grey clothes count.

    Raises:
        Unsuitable: there are none.
    """
    small, mask, _ = shrink(photo, mask)
    rgb = small[mask]
    if len(rgb) < max(1, LEAST_PERSON * mask.size):
        raise Unsuitable(NO_PERSON)
    least = max(settings["min_share_of_mask"] * len(rgb), settings["min_share_of_image"] * mask.size)
    hue, saturation, value = to_hsv(rgb)
    spared, bare = protection(rgb, hue, saturation), skin(rgb)
    if spared.mean() > SKIN_ONLY:
        raise Unsuitable(NEAR_SKIN)
    colored = (saturation >= COLORED_SATURATION) & (saturation * value >= COLORED_CHROMA)
    dressed, neutral = colored & ~bare, ~colored & ~bare
    found, near_skin = [], False
    for peak, below, above in _peaks(_histogram(hue[dressed], (saturation * value)[dressed])):
        offset = hue_offset(hue, peak)
        alike = colored & (offset >= -below) & (offset <= above)
        members = alike & ~bare
        count = members.sum()
        if count < max(1, least):
            continue
        vividness, brightness = float(np.median(saturation[members])), float(np.median(value[members]))
        if vividness < LEAST_SATURATION or brightness < LEAST_VALUE or _chroma(rgb[members]) < LEAST_CHROMA:
            continue
        alike &= saturation >= PALE * vividness
        if spared[alike].mean() > SKIN_SHARE:
            near_skin = True
            continue
        shares = float(count / len(rgb)), float(count / mask.size)
        found.append(Garment(peak, below, above, vividness, brightness, nan, *shares))
    if settings["neutral"] == "lab" and neutral.sum() >= least:
        lightness, count = _commonest(rgb2lab(rgb[neutral][None])[0, :, 0])
        if count >= least:
            found.append(Garment(nan, nan, nan, 0.0, nan, lightness, count / len(rgb), count / mask.size))
    if not found:
        raise Unsuitable(NEAR_SKIN if near_skin else NEUTRAL if neutral.sum() > dressed.sum() else NO_COLOR)
    return sorted(found, key=lambda garment: -garment.share_of_mask)[: settings["garments"]]


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
    """Return the commonest L of Lab, and how many pixels are about as light."""
    counts, edges = np.histogram(lightness, bins=50, range=(0, 100))
    start = np.convolve(counts, np.ones(WINDOW), "valid").argmax()
    window = (lightness >= edges[start]) & (lightness <= edges[start + WINDOW])
    typical = float(np.median(lightness[window]))
    return typical, int((np.abs(lightness - typical) < SAME_LIGHTNESS).sum())
