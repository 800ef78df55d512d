"""Whether a recoloured photo is good enough: figures, and the gates they must pass."""

import numpy as np
from skimage.color import rgb2lab

from stylevote.augment.membership import dilate
from stylevote.augment.skin import skin

MEASURED = 256  # pixels of the shorter side are enough for means
CHANGED = 0.5  # weight above which a pixel counts as recoloured
REACH = 1 / 16  # of the shorter side: a hand's length from the mask


def measure(before: np.ndarray, after: np.ndarray, mask: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Return figures of a recoloured photo. Colour differences are CIE76's delta E.

    Args:
        before: the photo, uint8 of shape (height, width, 3).
        after: the recoloured photo.
        mask: the person or the clothes, bool of shape (height, width).
        weight: how much each pixel was changed, 0 to 1, shape (height, width).

    Returns:
        ``clothing_change``: mean difference of the recoloured pixels on the mask.
        ``skin_change``: of what has the colour of skin on or near the mask (masks of clothes leave out face and hands).
        ``background_change``: of all pixels outside of the mask.
        ``edge_ratio``: mean gradient along the mask's border, after divided by before.
        ``clipped``: of the recoloured pixels, the share with a channel at 0 or 255 that had none there before.
        Nothing to measure gives 0, and a ratio of 1.
    """
    step = max(1, min(mask.shape) // MEASURED)
    before, after, mask, weight = (part[::step, ::step] for part in (before, after, mask, weight))
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
    """Return the first figure of a recoloured photo that is out of bounds, or None.

    Args:
        figures: from `measure`.
        limits: a figure's name and the most it may be; ``least_`` before the name, and it is the least.
    """
    for name, limit in limits.items():
        figure = figures[name.removeprefix("least_")]
        if figure < limit if name.startswith("least_") else figure > limit:
            return name.removeprefix("least_")
    return None


def _skin_areas(photo: np.ndarray) -> np.ndarray:
    """Return where the photo has the colour of skin, at least three pixels wide: cloth has such edges, too."""
    return dilate((dilate((~skin(photo)).astype(np.uint8), 1) == 0).astype(np.uint8), 1) > 0


def _differences(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return delta E a pixel, shape (height, width); Lab is worked out only where something changed."""
    changed = (before != after).any(axis=-1)
    change = np.zeros(changed.shape)
    if changed.any():
        old, new = (rgb2lab(photo[changed][None])[0] for photo in (before, after))
        change[changed] = np.linalg.norm(new - old, axis=1)
    return change


def _edge_ratio(before: np.ndarray, after: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean gradient along the mask's border, after divided by before."""
    across, down = mask[:, 1:] != mask[:, :-1], mask[1:] != mask[:-1]
    steps = []
    for photo in (before, after):
        levels = photo.astype(np.float32)
        jumps = [(levels[:, 1:] - levels[:, :-1])[across], (levels[1:] - levels[:-1])[down]]
        steps.append(_mean(np.linalg.norm(np.concatenate(jumps), axis=1)))
    return max(steps[1], 1) / max(steps[0], 1)  # less than a level is no edge


def _at_an_end(pixels: np.ndarray) -> np.ndarray:
    """Return which pixels, of shape (pixels, 3), have a channel at 0 or 255."""
    return ((pixels == 0) | (pixels == 255)).any(axis=1)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0
