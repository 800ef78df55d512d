"""A sheet of recoloured photos next to their sources and masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont
from scipy.ndimage import binary_erosion

MAX_EXAMPLES = 24
COLUMNS = 4  # examples per row
HEIGHT = 240  # pixels of a photo
MAX_WIDTH = 200  # pixels of a photo: wide photos are less high
CAPTION = 26
GAP = 4  # between the photos of an example
MARGIN = 18  # around an example
INK, PAPER = (40, 40, 40), (250, 250, 250)
OUTLINE = (255, 60, 200)  # few clothes have this colour


@dataclass(frozen=True)
class Example:
    """One photo on the sheet."""

    before: np.ndarray  # uint8 of shape (height, width, 3)
    mask: np.ndarray  # bool of shape (height, width)
    after: np.ndarray  # as ``before``
    hues_from: Sequence[float]  # of each garment, degrees; nan for black, white and grey
    hues_to: Sequence[float]  # of each garment, degrees


def draw_contact_sheet(examples: Sequence[Example]) -> Image.Image:
    """Return a sheet of the first 24 examples: before, mask, after, with the hues below."""
    strips = [_strip(example) for example in examples[:MAX_EXAMPLES]]
    columns = max(1, min(COLUMNS, len(strips)))
    width = max([strip.width for strip in strips], default=0) + MARGIN
    height = HEIGHT + CAPTION + MARGIN
    rows = -(-len(strips) // columns)
    sheet = Image.new("RGB", (columns * width + MARGIN, max(1, rows) * height + MARGIN), PAPER)
    for number, strip in enumerate(strips):
        row, column = divmod(number, columns)
        sheet.paste(strip, (MARGIN + column * width, MARGIN + row * height))
    return sheet


def _strip(example: Example) -> Image.Image:
    """Return an example's three photos and its caption."""
    height, width = example.mask.shape
    scale = min(HEIGHT / height, MAX_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    photos = [
        Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS)
        for photo in (example.before, _outlined(example.before, example.mask), example.after)
    ]
    strip = Image.new("RGB", (3 * size[0] + 2 * GAP, HEIGHT + CAPTION), PAPER)
    for number, photo in enumerate(photos):
        strip.paste(photo, (number * (size[0] + GAP), HEIGHT - size[1]))
    _write_hues(strip, example)
    return strip


def _outlined(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the photo, dimmed and grey outside of the mask, with the mask's outline."""
    grey = np.broadcast_to(photo.mean(axis=2, keepdims=True), photo.shape)
    picture = np.where(mask[..., None], photo, 0.35 * grey).astype(np.uint8)
    thickness = max(1, round(min(mask.shape) / 150))
    picture[mask & ~binary_erosion(mask, iterations=thickness, border_value=1)] = OUTLINE
    return picture


def _write_hues(strip: Image.Image, example: Example) -> None:
    """Write the old and new hue of each garment below the photos: a swatch and the degrees."""
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(12)
    x, middle = 0, HEIGHT + CAPTION // 2
    for hue_from, hue_to in zip(example.hues_from, example.hues_to, strict=True):
        for hue, text in ((hue_from, "to"), (hue_to, " ")):
            color = (128, 128, 128) if isnan(hue) else ImageColor.getrgb(f"hsv({hue:.0f},75%,85%)")
            pen.rectangle((x, middle - 6, x + 12, middle + 6), fill=color)
            words = f"{'grey' if isnan(hue) else f'{hue:.0f}°'} {text} "
            pen.text((x + 17, middle), words, INK, font, anchor="lm")
            x += 17 + round(pen.textlength(words, font))
        x += 8
