"""Hue, saturation and value of lists of pixels, in single precision."""

import numpy as np


def to_hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the hue (degrees, 0 to 360), saturation (0 to 1) and value (0 to 255) of pixels: float32, shape (pixels,).

    Smith, Colour gamut transform pairs, SIGGRAPH 1978. Greys have a hue and saturation of 0. ``rgb`` is uint8 of shape
    (pixels, 3).
    """
    red, green, blue = (rgb[:, channel].astype(np.float32) for channel in range(3))
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    scale = 60 / np.maximum(chroma, 1)
    hue = np.where(
        value == red,
        (green - blue) * scale,
        np.where(value == green, (blue - red) * scale + 120, (red - green) * scale + 240),
    )
    hue += 360 * (hue < 0)
    return hue, chroma / np.maximum(value, 1), value


def turn_hue(rgb: np.ndarray, degrees: float, factor: float) -> np.ndarray:
    """Return uint8 pixels, shape (pixels, 3), with ``degrees`` added to the hue, and ``factor`` times the saturation.

    The saturation ends at 1. The result is not rounded: float32 of shape (3, pixels), 0 to 255.
    """
    hue, saturation, value = to_hsv(rgb)
    return to_rgb(hue + np.float32(degrees % 360), np.minimum(saturation * np.float32(factor), 1), value)


def to_rgb(hue: np.ndarray, saturation: np.ndarray | float, value: np.ndarray | float) -> np.ndarray:
    """Return colours of HSV as RGB, not rounded: float32 of shape (3, pixels), 0 to 255.

    Hues are degrees, 0 to 720, float32 of shape (pixels,). Saturation (0 to 1) and value (0 to 255) are
    those of each pixel, or of all.
    """
    sixth = hue / 60
    sixth -= 6 * (sixth >= 6)
    chroma = saturation * value
    # Each channel is full around its own hue and falls linearly to 0 over a sixth of the circle.
    turned = np.stack([np.abs(sixth - 3) - 1, 2 - np.abs(sixth - 2), 2 - np.abs(sixth - 4)])
    np.clip(turned, 0, 1, out=turned)
    turned -= 1
    turned *= chroma
    turned += value
    return turned


def hue_offset(hue: np.ndarray | float, center: float) -> np.ndarray:
    """Return the distance of hues above (or, negative, below) ``center`` on the circle, in degrees."""
    offset = hue - np.float32(center)
    return offset - 360 * np.rint(offset * np.float32(1 / 360))
