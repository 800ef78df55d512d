"""Outlines in body heights, and a canvas that draws them as colours, classes and shade."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from PIL import Image, ImageChops, ImageDraw

from stylevote.demo.styles import Colour

Paint = Colour | Image.Image
Point = tuple[float, float]
Outline = Sequence[Point] | np.ndarray

CLOTHING = "top shirt t-shirt hoodie jacket blazer coat dress skirt pants jeans shorts shoes socks hat scarf"
ACCESSORIES = "belt bag sunglasses necklace accessories"
# Class number of a pixel = position in this table.
CLASSES = pd.DataFrame(
    [("background", "background"), ("skin", "body"), ("hair", "body")]
    + [(name, "clothing") for name in CLOTHING.split()]
    + [(name, "accessory") for name in ACCESSORIES.split()],
    columns=["name", "group"],
).rename_axis("value")
CLASS_VALUES = {name: value for value, name in CLASSES["name"].items()}

CIRCLE = np.array([(math.cos(k * math.pi / 12), math.sin(k * math.pi / 12)) for k in range(24)])


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """Return the outline of an ellipse, 24 points."""
    return CIRCLE * (rx, ry) + (x, y)


def rectangle(x: float, y: float, half_width: float, half_height: float) -> np.ndarray:
    """Return the outline of an upright rectangle about a centre."""
    left, right, top, bottom = x - half_width, x + half_width, y - half_height, y + half_height
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def symmetric(half: Sequence[Point]) -> np.ndarray:
    """Return a symmetric outline from its right half, which goes from top to bottom."""
    right = np.array(half)
    return np.concatenate([right, right[::-1] * (-1, 1)])


def rounded(outline: Outline) -> np.ndarray:
    """Return the outline with its corners cut twice (Chaikin's scheme)."""
    for _ in range(2):
        here, following = np.asarray(outline), np.roll(outline, -1, axis=0)
        outline = np.stack([0.75 * here + 0.25 * following, 0.25 * here + 0.75 * following], axis=1).reshape(-1, 2)
    return outline


def between(start: Point, end: Point, share: float) -> Point:
    """Return the point at a share (0 to 1) of the way."""
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def limb_outlines(joints: Sequence[Point], radii: Sequence[float]) -> list[np.ndarray]:
    """Return outlines that together make a limb through joints, with a radius at each."""
    outlines = [ellipse(x, y, r, r) for (x, y), r in zip(joints, radii, strict=True)]
    for ((x0, y0), r), ((x1, y1), t) in pairwise(zip(joints, radii, strict=True)):
        length = max(math.hypot(x1 - x0, y1 - y0), 1e-6)
        ax, ay = (y0 - y1) / length, (x1 - x0) / length
        start, end = (x0 + r * ax, y0 + r * ay), (x0 - r * ax, y0 - r * ay)
        outlines.append(np.array([start, (x1 + t * ax, y1 + t * ay), (x1 - t * ax, y1 - t * ay), end]))
    return outlines


class Canvas:
    """Photo, classes and shade at twice the final size, with coordinates in body heights.

    ``shade`` holds the light on a pixel (255: full), so that folds and rims darken any pattern alike.
    """

    def __init__(self, backdrop: Image.Image, scale: float, origin: Point, lean: float, flip: int):
        self.photo = backdrop  # is drawn over
        self.classes = Image.new("L", backdrop.size, 0)
        self.shade = Image.new("L", backdrop.size, 255)
        self.scale = scale  # pixels per body height
        self.origin = origin  # pixel (x, y) of the crown
        self.lean = lean  # sideways distance of the crown from the soles, in body heights
        self.flip = flip  # 1, or -1 to mirror the person

    def pixels(self, outline: Outline) -> np.ndarray:
        """Return points in body heights as pixels, shape (n, 2)."""
        points = np.array(outline, dtype=float)
        points[:, 0] = self.flip * (points[:, 0] + self.lean * (1 - points[:, 1]))
        return points * self.scale + self.origin

    def fill(self, outline: Outline, paint: Paint, name: str, rim: int = 45) -> None:
        """Fill an outline; see ``fill_all``."""
        self.fill_all([outline], paint, name, rim)

    def fill_all(self, outlines: Sequence[Outline], paint: Paint, name: str, rim: int = 45) -> None:
        """Fill outlines with a colour or a texture of the photo's size, as pixels of the class ``name``.

        ``rim`` is the darkness (0 to 255) of the shape's shadow side.
        """
        shapes = [self.pixels(outline) for outline in outlines]
        offset = max(2, round(0.013 * self.scale))
        corners = np.concatenate(shapes)
        (left, top), (right, bottom) = np.floor(corners.min(axis=0)).tolist(), np.ceil(corners.max(axis=0)).tolist()
        left, top = max(int(left) - offset, -offset), max(int(top) - offset, -offset)
        right = min(int(right) + offset + 1, self.photo.width + offset)
        bottom = min(int(bottom) + offset + 1, self.photo.height + offset)
        if right - left <= offset or bottom - top <= offset:
            return
        box = (left, top, right, bottom)
        mask = Image.new("L", (right - left, bottom - top), 0)
        pen = ImageDraw.Draw(mask)
        for shape in shapes:
            pen.polygon((shape - (left, top)).ravel().tolist(), fill=255)
        self.photo.paste(paint if isinstance(paint, tuple) else paint.crop(box), box, mask)
        self.classes.paste(CLASS_VALUES[name], box, mask)
        self.shade.paste(255, box, mask)
        if rim:
            # The light comes from the upper left: pixels that the shape does not cover when moved there are in shadow.
            self.shade.paste(255 - rim, box, ImageChops.subtract(mask, ImageChops.offset(mask, -offset, -offset // 3)))

    def limb(self, joints: Sequence[Point], radii: Sequence[float], paint: Paint, name: str, rim: int = 45) -> None:
        """Fill a limb through the joints, with a radius at each."""
        self.fill_all(limb_outlines(joints, radii), paint, name, rim)

    def crease(self, start: Point, end: Point, depth: int = 45, width: float = 0.005) -> None:
        """Darken a line, a fold of the cloth, by ``depth`` (0 to 255)."""
        points = self.pixels([start, end]).ravel().tolist()
        ImageDraw.Draw(self.shade).line(points, fill=255 - depth, width=max(1, round(width * self.scale)))
