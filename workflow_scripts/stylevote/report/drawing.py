"""Draw pictures in one style, as small SVG whose colours follow the page into dark mode.

Matplotlib draws with fixed colours. Each becomes a CSS variable of the page; its light value applies if a picture
stands alone. Text stays text at its final size, so pictures are small and never scaled down.
"""

import html
import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stylevote.wording import escape_bidi

# Each colour by its name in the page's style sheet: its light value and its dark one. Readers with any colour vision
# can distinguish the four of data (after Okabe & Ito 2008): they differ in lightness.
COLORS = {
    "ink": ("#1d2129", "#e8eaed"),
    "quiet": ("#666d78", "#9aa1ab"),
    "line": ("#d8dbe1", "#3a3f47"),
    "one": ("#0b6fb3", "#5ab4f0"),
    "two": ("#cc5803", "#ff9a52"),
    "three": ("#098a66", "#3fcf9f"),
    "four": ("#9c4a94", "#dd93d6"),
}
INK, QUIET, LINE, ONE, TWO, THREE, FOUR = (light for light, _ in COLORS.values())
SERIES = (ONE, TWO, THREE, FOUR)
MAX_LINES = 40  # of labels in one picture; of more, it shows the range that holds 80 % of them

PIXELS = 72  # an inch: a point of a picture is a pixel of the page
TEXT = 11  # pixels
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "stylevote",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.size": TEXT,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.labelsize": TEXT,
    "axes.linewidth": 1,
    "axes.spines.left": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
}


@contextmanager
def picture(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure of this size in pixels, in the common style."""
    with mpl.rc_context(STYLE):
        yield Figure(figsize=(width / PIXELS, height / PIXELS), dpi=PIXELS)


def place(figure: Figure, left: float, bottom: float, right: float, top: float) -> Axes:
    """Add axes whose box is this many pixels from the figure's edges."""
    width, height = figure.get_size_inches() * PIXELS
    box = (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    return figure.add_axes(box)


def text_width(text: str) -> float:
    """Return the width of a text in pixels: an upper bound, because the reader's font is not known."""
    ems = {"W": 1.05, "F": 1.05}
    return TEXT * sum(
        ems.get(unicodedata.east_asian_width(letter), 0.85 if letter.isupper() or letter in "mw%@" else 0.62)
        for letter in text
    )


def shortened(text: str, width: float) -> str:
    """Return the text in at most ``width`` pixels; a longer text loses its middle: labels differ at their ends."""
    text = " ".join(escape_bidi(text).split())
    short, length = text, len(text)
    while length and text_width(short) > width:
        length -= 1
        end = length // 3
        short = f"{text[: length - end].rstrip()}…{text[len(text) - end :].lstrip()}"
    return short


def to_svg(figure: Figure, title: str) -> str:
    """Return the figure as an SVG element, for a page or for a file of its own.

    Args:
        figure: to be drawn.
        title: its content, for those who cannot see it. No other picture of a page has the same title, since ids within
            the picture are made of it.
    """
    stream = StringIO()
    with mpl.rc_context({"svg.hashsalt": f"picture {title}"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a reader's fonts have it
        figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    width, height = (round(side * PIXELS) for side in figure.get_size_inches())
    drawn = stream.getvalue()
    drawn = drawn[drawn.index(">", drawn.index("<svg")) + 1 :]
    drawn = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</defs>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"<[^>]*>", lambda tag: _clean_tag(tag[0]), drawn)  # only tags: texts are the user's
    drawn = re.sub(r"\s*\n\s*", "\n", drawn).strip()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}"'
        f' height="{height}" viewBox="0 0 {width} {height}" stroke-linejoin="round" role="img"'
        f' aria-label="{html.escape(escape_bidi(title))}">\n{drawn}\n'
    )


def _clean_tag(tag: str) -> str:
    """Return a tag of Matplotlib's with the page's font and colours, and with short numbers."""
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*"', "", tag)
    tag = re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", tag)
    tag = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), tag)
    for key, (light, _) in COLORS.items():
        tag = tag.replace(light, f"var(--{key}, {light})")
    return tag
