"""The photo: background, person, camera and sensor noise."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from stylevote.demo.accessories import draw_bag, draw_hat, draw_neckwear, draw_shoe, draw_sunglasses, draw_waist
from stylevote.demo.canvas import Canvas, ellipse
from stylevote.demo.figure import SHOULDER, Person, draw_hair_behind, draw_head, draw_leg, random_person
from stylevote.demo.garments import Outfit, draw_arms, draw_bottom, draw_outer, draw_top, dress_up
from stylevote.demo.styles import BLACK, WHITE, compose, mix, parse_colours, pick, vary

SPRAYS = parse_colours("f0288c 1ec8dc fadc1e 78e63c fa7814 8c3cdc")
# The visible part of the body (all, down to the knees, or down to the hips) and the headroom, in body heights.
CROPS = ((1.0, 0.08), (1.0, 0.06), (1.0, 0.1), (1.0, 0.07), (0.78, 0.07), (0.78, 0.1), (0.56, 0.08))


@dataclass(frozen=True)
class Drawing:
    """A drawn photo and the classes of its pixels."""

    photo: np.ndarray  # red, green and blue, uint8 of shape (height, width, 3)
    classes: np.ndarray  # class numbers, the index of ``CLASSES``, uint8 of shape (height, width)


def random_size(rng: np.random.Generator, side: int) -> tuple[int, int]:
    """Draw width and height in pixels: mostly portrait, some square, with a shorter side of about ``side``."""
    shorter = int(rng.integers(round(0.825 * side), round(1.175 * side) + 1))
    ratio = 1.0 if rng.random() < 0.15 else rng.uniform(1.25, 1.6)
    return shorter, min(round(1.765 * side), round(shorter * ratio))


def draw(labels: Iterable[str], rng: np.random.Generator, side: int = 170) -> Drawing:
    """Draw a photo of a person dressed in the styles of ``labels``; raise `ValueError` if one is not in ``LABELS``.

    ``side`` is the shorter side in pixels, on average.
    """
    look = compose(labels, rng)
    width, height = random_size(rng, side)
    shown, headroom = pick(rng, CROPS)
    shown += rng.uniform(-0.02, 0.05)
    scale = min(height / (shown + headroom), 1.75 * width / shown)
    top = height - shown * scale
    middle = width * rng.uniform(0.44, 0.56)
    horizon = min(height, int(top + scale * rng.uniform(0.84, 0.95)))
    backdrop = draw_background(look["background"], (width, height), horizon, rng)
    # The final reduction undoes this: the background is out of focus and needs no smooth edges.
    backdrop = backdrop.resize((2 * width, 2 * height), Image.Resampling.NEAREST)
    flip = pick(rng, (-1, 1))
    canvas = Canvas(backdrop, 2 * scale, (2 * middle, 2 * top), rng.normal(0, 0.03), flip)
    outfit = dress_up(look, backdrop.size, 2 * scale, rng)
    shadow = mix(backdrop.getpixel((2, 2 * height - 2)), (30, 30, 30), 0.4)
    canvas.fill(ellipse(0.02, 0.985, 0.16, 0.018), shadow, "background", 0)
    draw_person(canvas, random_person(rng), outfit, rng)
    light = np.asarray(canvas.shade.reduce(2), dtype=np.float32) / 255
    photo = expose(np.asarray(canvas.photo.reduce(2), dtype=np.float32), light, rng)
    return Drawing(photo, np.asarray(canvas.classes)[::2, ::2].copy())


def draw_person(canvas: Canvas, person: Person, outfit: Outfit, rng: np.random.Generator) -> None:
    """Draw the person from back to front."""
    draw_hair_behind(canvas, person, outfit["hair"])
    for side in (0, 1):
        draw_leg(canvas, person, side)
        draw_shoe(canvas, person, outfit, side)
    canvas.limb([(0, 0.12), (0, SHOULDER)], [0.027, 0.03], person.skin, "skin")
    if outfit["top"] in ("hoodie", "track", "tee"):  # Worn over the waistband.
        draw_bottom(canvas, person, outfit, rng)
        draw_top(canvas, person, outfit)
    else:
        draw_top(canvas, person, outfit)
        draw_bottom(canvas, person, outfit, rng)
    draw_waist(canvas, person, outfit)
    draw_outer(canvas, person, outfit)
    draw_arms(canvas, person, outfit)
    draw_head(canvas, person, outfit["hair"])
    if outfit["eyes"] == "sunglasses":
        draw_sunglasses(canvas)
    draw_neckwear(canvas, outfit)
    draw_hat(canvas, outfit)
    draw_bag(canvas, person, outfit)


def expose(picture: np.ndarray, light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Apply light, white balance and sensor noise.

    Args:
        picture: Colours from 0 to 255, float32 of shape (height, width, 3).
        light: Fraction of the light that reaches each pixel, shape (height, width).

    Returns:
        The photo, uint8 of the picture's shape.
    """
    height, width = light.shape
    across = np.linspace(*rng.uniform(0.88, 1.08, 2), width, dtype=np.float32)
    down = np.linspace(*rng.uniform(0.92, 1.06, 2), height, dtype=np.float32)[:, None]
    balance = rng.normal(1, 0.025, 3).astype(np.float32)
    grain = noise_sheet()
    y, x = rng.integers(grain.shape[0] - height + 1), rng.integers(grain.shape[1] - width + 1)
    photo = picture * ((light * across * down)[..., None] * balance)
    photo += grain[y : y + height, x : x + width] * np.float32(rng.uniform(1.5, 5))
    return np.clip(photo, 0, 255, out=photo).astype(np.uint8)


@cache
def noise_sheet() -> np.ndarray:
    """Return standard normal noise, shape (640, 640, 3). Photos use pieces of it, because new noise would be slower."""
    return np.random.default_rng(0).standard_normal((640, 640, 3), dtype=np.float32)


def draw_background(kind: str, size: tuple[int, int], horizon: int, rng: np.random.Generator) -> Image.Image:
    """Draw the background; ``size`` (width, height) and the floor's upper edge are in pixels."""
    width, height = size
    grey = int(rng.integers(190, 250))
    wall = vary((grey, grey, grey), rng, 6)
    image = Image.new("RGB", size, wall)
    pen = ImageDraw.Draw(image)
    if kind == "studio":
        pen.rectangle((0, horizon, width, height), fill=mix(wall, (150, 150, 155), 0.2))
        return image.filter(ImageFilter.BoxBlur(6))
    if kind == "gradient":
        upper, lower = (vary(pick(rng, [(235, 225, 215), (205, 215, 228), (225, 210, 215)]), rng, 14) for _ in range(2))
        ramp = np.linspace(upper, mix(lower, (120, 120, 130), 0.35), height).astype(np.uint8)
        return Image.fromarray(np.ascontiguousarray(np.broadcast_to(ramp[:, None], (height, width, 3))))
    painters = {"street": paint_street, "indoor": paint_room, "greenery": paint_greenery, "graffiti": paint_graffiti}
    painters[kind](pen, size, horizon, rng)
    return image.filter(ImageFilter.BoxBlur(rng.uniform(0.5, 1.5)))


def paint_street(pen: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, rng: np.random.Generator) -> None:
    """Paint house fronts with windows, and pavement."""
    width, height = size
    pen.rectangle((0, 0, width, height), fill=vary((200, 215, 230), rng))
    x = -int(rng.integers(0, 40))
    while x < width:
        front = int(rng.integers(45, 90))
        colour = vary(pick(rng, [(175, 150, 130), (150, 150, 155), (190, 175, 150), (130, 105, 95)]), rng)
        roof = int(rng.integers(-20, max(1, height // 5)))
        pen.rectangle((x, roof, x + front, horizon), fill=colour)
        pane = mix(colour, (70, 85, 105), 0.6)
        for y in range(roof + 10, horizon - 20, 34):
            for left in range(x + 7, x + front - 12, 21):
                pen.rectangle((left, y, left + 11, y + 20), fill=pane)
        x += front + 1
    pen.rectangle((0, horizon, width, height), fill=vary((150, 148, 145), rng))
    for y in range(horizon + 12, height, 14):
        pen.line((0, y, width, y), fill=(130, 128, 126))


def paint_room(pen: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, rng: np.random.Generator) -> None:
    """Paint a wall with a picture, and floor boards."""
    width, height = size
    wall = vary(pick(rng, [(225, 218, 205), (200, 210, 210), (215, 200, 195), (180, 190, 180)]), rng)
    pen.rectangle((0, 0, width, height), fill=wall)
    x, y = int(rng.integers(-20, width - 30)), int(rng.integers(5, max(6, height // 3)))
    pen.rectangle((x, y, x + 48, y + 60), fill=mix(wall, (90, 65, 45), 0.7))
    pen.rectangle((x + 4, y + 4, x + 44, y + 56), fill=vary((190, 195, 190), rng, 25))
    boards = vary(pick(rng, [(165, 125, 90), (130, 98, 72), (190, 165, 135)]), rng)
    pen.rectangle((0, horizon, width, height), fill=boards)
    for offset in range(-width, 2 * width, 26):
        pen.line((offset, height, width / 2 + (offset - width / 2) * 0.6, horizon), fill=mix(boards, BLACK, 0.25))
    pen.rectangle((0, horizon - 5, width, horizon), fill=mix(wall, WHITE, 0.5))


def paint_greenery(pen: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, rng: np.random.Generator) -> None:
    """Paint leaves and grass."""
    width, height = size
    pen.rectangle((0, 0, width, height), fill=vary((150, 185, 130), rng))
    pen.rectangle((0, horizon, width, height), fill=vary((120, 155, 80), rng))
    count = 110
    xs, ys = rng.uniform(0, width, count), rng.uniform(0, horizon, count)
    for x, y, r, tone in zip(xs, ys, rng.uniform(5, 20, count), rng.uniform(0.5, 1.25, count), strict=True):
        pen.ellipse((x - r, y - r, x + r, y + r), fill=(int(95 * tone), int(140 * tone), int(65 * tone)))


def paint_graffiti(pen: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, rng: np.random.Generator) -> None:
    """Paint a brick wall with sprayed shapes."""
    width, height = size
    brick = vary(pick(rng, [(150, 90, 75), (125, 120, 120), (170, 140, 115)]), rng)
    pen.rectangle((0, 0, width, height), fill=brick)
    for row, y in enumerate(range(0, horizon, 9)):
        pen.line((0, y, width, y), fill=mix(brick, (220, 215, 205), 0.35))
        for x in range(row % 2 * 9, width, 18):
            pen.line((x, y, x, y + 9), fill=mix(brick, (220, 215, 205), 0.35))
    for _ in range(9):
        x, y = rng.uniform(0, width), rng.uniform(0.1, 0.9) * horizon
        colour = pick(rng, SPRAYS)
        points = [(x + rng.normal(0, 22), y + rng.normal(0, 16)) for _ in range(4)]
        pen.line(points, fill=colour, width=int(rng.integers(5, 11)), joint="curve")
    pen.rectangle((0, horizon, width, height), fill=vary((105, 105, 108), rng))
