"""Patterns of cloth."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from stylevote.demo.canvas import CIRCLE, Paint
from stylevote.demo.styles import WHITE, Colour, mix


def tartan(pen: ImageDraw.ImageDraw, s: float, colours: Sequence[Colour]) -> None:
    """Paint crossing bands that show through each other, as in a twill."""
    main, _, light = colours
    bands = [(0, 7, light), (9, 10.5, (250, 240, 215)), (14, 16, (15, 20, 30))]
    for a, b, warp in bands:
        pen.rectangle((a * s, 0, b * s, 20 * s), fill=mix(main, warp, 0.5))
    for a, b, weft in bands:
        pen.rectangle((0, a * s, 20 * s, b * s), fill=mix(main, weft, 0.5))
        for c, d, warp in bands:
            pen.rectangle((c * s, a * s, d * s, b * s), fill=mix(warp, weft, 0.5))


def bands(pen: ImageDraw.ImageDraw, s: float, colours: Sequence[Colour]) -> None:
    """Paint wide horizontal bands of lozenges and teeth."""
    main, _, light = colours
    pen.rectangle((0, 0, 20 * s, 5 * s), fill=light)
    pen.rectangle((0, 6 * s, 20 * s, 7 * s), fill=(30, 25, 40))
    pen.rectangle((0, 13 * s, 20 * s, 16 * s), fill=(20, 150, 160) if main[0] > 100 else (205, 30, 45))
    for x in (2.5 * s, 7.5 * s, 12.5 * s, 17.5 * s):
        pen.polygon([(x - 2 * s, 2.5 * s), (x, 0.5 * s), (x + 2 * s, 2.5 * s), (x, 4.5 * s)], fill=main)
        pen.polygon([(x - 2.5 * s, 13 * s), (x, 9 * s), (x + 2.5 * s, 13 * s)], fill=(250, 240, 220))


def dots(pen: ImageDraw.ImageDraw, s: float, colours: Sequence[Colour]) -> None:
    """Paint polka dots."""
    dot = WHITE if sum(colours[0]) < 680 else (235, 120, 160)
    for centre in (5, 15):
        pen.ellipse(disc(centre, centre, 3.4, s), fill=dot)


def floral(pen: ImageDraw.ImageDraw, s: float, colours: Sequence[Colour]) -> None:
    """Paint two flowers with leaves, in colours that depend on the cloth."""
    petals = [(205, 85, 80), (240, 240, 230), (220, 150, 60), (150, 90, 140)]
    for k, (x, y) in enumerate([(5, 6), (15, 15)]):
        pen.ellipse(disc(x + 3, y + 2.5, 2, s), fill=(70, 105, 60))
        for dx, dy in CIRCLE[::5] * 2.3:
            pen.ellipse(disc(x + dx, y + dy, 1.9, s), fill=petals[(sum(colours[0]) + k) % len(petals)])
        pen.ellipse(disc(x, y, 1.3, s), fill=(235, 190, 60))


def waves(pen: ImageDraw.ImageDraw, s: float, colours: Sequence[Colour]) -> None:
    """Paint overlapping fans, the Japanese seigaiha."""
    main, _, light = colours
    for y, x in [(0, 10), (10, 0), (10, 20), (20, 10)]:
        for radius, colour in [(10, mix(main, WHITE, 0.75)), (7.5, main), (5, light)]:
            pen.ellipse(disc(x, y, radius, s), fill=colour)


def stripes(pen: ImageDraw.ImageDraw, s: float, colours: Sequence[Colour]) -> None:
    """Paint thin horizontal stripes."""
    main, second, light = colours
    for y in (0, 10):
        pen.rectangle((0, y * s, 20 * s, (y + 3) * s), fill=second if second != main else light)


def disc(x: float, y: float, radius: float, s: float) -> tuple[float, float, float, float]:
    """Return the box of a disc, in units of ``s`` pixels."""
    return (x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s


# The painter of a repeat, in units of a 20th of it, and the repeat in body heights.
PATTERNS = {
    "tartan": (tartan, 0.1),
    "bands": (bands, 0.16),
    "dots": (dots, 0.05),
    "floral": (floral, 0.09),
    "waves": (waves, 0.06),
    "stripes": (stripes, 0.09),
}


def cloth(pattern: str, colours: Sequence[Colour], size: tuple[int, int], unit: float) -> Paint:
    """Return a plain colour, or a texture of the photo's size; ``unit`` is the body height in pixels."""
    if pattern == "plain":
        return colours[0]
    painter, repeat = PATTERNS[pattern]
    side = max(8, round(unit * repeat))
    tile = Image.new("RGB", (side, side), colours[0])
    painter(ImageDraw.Draw(tile), side / 20, colours)
    texture = Image.new("RGB", size)
    column = Image.new("RGB", (tile.width, size[1]))
    for y in range(0, size[1], tile.height):
        column.paste(tile, (0, y))
    for x in range(0, size[0], tile.width):
        texture.paste(column, (x, 0))
    return texture
