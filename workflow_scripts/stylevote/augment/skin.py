"""Pixels that may be skin, by published ranges of its colours."""

import numpy as np

from stylevote.augment.hsv import hue_offset, to_hsv

CB = (77, 127)  # Chai & Ngan
CR = (133, 173)
HUE = (0, 50)  # Sobottka & Pitas, degrees
SATURATION = (0.23, 0.68)
# Protection ends at this distance outside the ranges: no edge is visible, and red and mustard are not protected.
CHROMA_MARGIN = 6  # levels of Cb and Cr
HUE_MARGIN = 10  # degrees
SATURATION_MARGIN = 0.12


def skin(photo: np.ndarray) -> np.ndarray:
    """Tell which pixels (uint8, shape (..., 3)) have the colour of skin, whatever they show: bool, shape (...).

    Both must agree: Cb from 77 to 127 and Cr from 133 to 173 (Chai & Ngan, Face segmentation using skin-colour map in
    videophone applications, IEEE Transactions on Circuits and Systems for Video Technology 9(4), 1999); hue from 0 to
    50 degrees and saturation from 0.23 to 0.68 (Sobottka & Pitas, A novel method for automatic face segmentation,
    facial feature extraction and tracking, Signal Processing: Image Communication 12(3), 1998).
    """
    rgb = photo.reshape(-1, 3)
    cb, cr = _cb_cr(rgb)
    hue, saturation, _ = to_hsv(rgb)
    skin_like = (cb >= CB[0]) & (cb <= CB[1]) & (cr >= CR[0]) & (cr <= CR[1])
    skin_like &= (hue <= HUE[1]) & (saturation >= SATURATION[0]) & (saturation <= SATURATION[1])
    return skin_like.reshape(photo.shape[:-1])


def protection(rgb: np.ndarray, hue: np.ndarray, saturation: np.ndarray) -> np.ndarray:
    """Return how much pixels must be spared as skin: 1 in the ranges of `skin`, falling to 0 over a margin.

    Saturation has no lower limit here because lit skin is pale. (Of the skin in the photos of Clothing Co-Parsing, 7 %
    of the pixels are outside Chai & Ngan's ranges, and 37 % outside those of Sobottka & Pitas.) ``hue`` and
    ``saturation`` are those of the pixels, as of `to_hsv`. The result is float32 of shape (pixels,).
    """
    cb, cr = _cb_cr(rgb)
    spared = _inside(cb, *CB, CHROMA_MARGIN)
    spared *= _inside(cr, *CR, CHROMA_MARGIN)
    spared *= _inside(hue_offset(hue, 0), *HUE, HUE_MARGIN)
    spared *= _inside(saturation, 0, SATURATION[1], SATURATION_MARGIN)
    return spared


def _cb_cr(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Cb and Cr (ITU-R BT.601, 16 to 240) of uint8 pixels of shape (pixels, 3)."""
    red, green, blue = (rgb[:, channel].astype(np.float32) for channel in range(3))
    cb = 128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255
    cr = 128 + (112 * red - 93.786 * green - 18.214 * blue) / 255
    return cb, cr


def _inside(values: np.ndarray, low: float, high: float, margin: float) -> np.ndarray:
    """Return 1 from ``low`` to ``high``, falling to 0 at a distance of ``margin``."""
    outside = np.maximum(np.float32(low) - values, values - np.float32(high))
    return np.clip(1 - outside / np.float32(margin), 0, 1)
