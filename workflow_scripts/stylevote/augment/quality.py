"""Quality measures of recoloured photos, and the gates that they must pass."""

import numpy as np
from skimage.color import rgb2lab

from stylevote.augment.membership import dilate
from stylevote.augment.skin import skin

MEASURED = 256  # pixels of the shorter side, which are enough for means
CHANGED = 0.5  # weight above which a pixel counts as recoloured
REACH = 1 / 16  # of the shorter side: a hand's length from the mask


def measure(before: np.ndarray, after: np.ndarray, mask: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Return measures of a recoloured photo. Colour differences are delta E of CIE76.

    Args:
        before: the photo, uint8 of shape (height, width, 3).
        after: the recoloured photo.
        mask: the person or the clothes, bool of shape (height, width).
        weight: how much each pixel was changed, 0 to 1, shape (height, width).

    Returns:
        ``clothing_change``: mean difference of the recoloured pixels on the mask.
        ``skin_change``: mean difference of pixels with the colour of skin on or near the mask (masks of clothes leave
        out face and hands).
        ``background_change``: mean difference of all pixels outside the mask.
        ``edge_ratio``: mean gradient along the mask's border, after divided by before.
        ``clipped``: share of the recoloured pixels with a channel at 0 or 255 that had none before.
        Without pixels, a measure is 0, and a ratio 1.
    """
    step = max(1, min(mask.shape) // MEASURED)
    before, after, mask, weight = (image[::step, ::step] for image in (before, after, mask, weight))
    change = _differences(before, after)
    recolored = weight > CHANGED
    reach = round(min(mask.shape) * REACH)
    return {
        "clothing_change": _mean(change[mask & recolored]),
        "skin_change": _mean(change[(dilate(mask.astype(np.uint8), reach) > 0) & _skin_areas(before)]),
        "background_change": _mean(change[~mask]),
        "edge_ratio": _edge_ratio(before, after, mask),
        "clipped": _mean(_at_an_end(after[recolored]) & ~_at_an_end(before[recolored])),
    }


def failure(figures: dict[str, float], limits: dict[str, float]) -> str | None:
    """Return the first measure of a recoloured photo, by the alphabet, that is out of its limits, or None.

    Args:
        figures: from `measure`.
        limits: maximum by the name of a measure; with ``min_`` before the name, its minimum.
    """
    for key, limit in sorted(limits.items()):
        name = key.removeprefix("min_")
        if figures[name] < limit if name != key else figures[name] > limit:
            return name
    return None


def _skin_areas(photo: np.ndarray) -> np.ndarray:
    """Return areas with the colour of skin that are at least three pixels wide: thinner ones can be edges of cloth."""
    return dilate((dilate((~skin(photo)).astype(np.uint8), 1) == 0).astype(np.uint8), 1) > 0


def _differences(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return delta E per pixel, shape (height, width); Lab is computed for changed pixels only."""
    changed = (before != after).any(axis=-1)
    change = np.zeros(changed.shape)
    if changed.any():
        old, new = (rgb2lab(photo[changed][None])[0] for photo in (before, after))
        change[changed] = np.linalg.norm(new - old, axis=1)
    return change


def _edge_ratio(before: np.ndarray, after: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean gradient along the mask's border, after divided by before."""
    across, down = mask[:, 1:] != mask[:, :-1], mask[1:] != mask[:-1]
    gradients = []
    for photo in (before, after):
        levels = photo.astype(np.float32)
        jumps = [(levels[:, 1:] - levels[:, :-1])[across], (levels[1:] - levels[:-1])[down]]
        gradients.append(_mean(np.linalg.norm(np.concatenate(jumps), axis=1)))
    return max(gradients[1], 1) / max(gradients[0], 1)  # less than a level is no edge


def _at_an_end(pixels: np.ndarray) -> np.ndarray:
    """Return which pixels, of shape (pixels, 3), have a channel at 0 or 255."""
    return ((pixels == 0) | (pixels == 255)).any(axis=1)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0
