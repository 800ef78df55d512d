"""A first look at photos with their labels, to see whether rows of the table are shifted."""

import io
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from stylevote.begin.survey import Survey
from stylevote.begin.words import shown
from stylevote.photos.pixels import PhotoError, decode_photo, read_bytes

ROWS = 5
PHOTOS, ACROSS = 12, 4
SIDE, CAPTION, LINES, LETTERS = 260, 86, 5, 36
PAPER, INK = "white", "black"


def labels_text(found: Survey, row: int) -> str:
    """Return the labels of a photo, and those of which it is unknown."""
    values = found.values[row]
    named = [found.labels[k] for k in np.flatnonzero(values == 1)]
    unknown = [f"{found.labels[k]} (unknown)" for k in np.flatnonzero(values > 1)[:3]]
    return ", ".join([*named, *unknown]) or "(no label)"


def first_rows(found: Survey, width: int) -> list[str]:
    """Return lines with the first photos of the table and their labels; ``width``: letters of a line."""
    cells = [(entry.path or entry.url, labels_text(found, row)) for row, entry in enumerate(found.entries[:ROWS])]
    first = max(len(shown(path, width // 2)) for path, _ in cells)
    return [f"{shown(path, width // 2):{first}}  {shown(labels, width - first - 2)}" for path, labels in cells]


def contact_sheet(found: Survey) -> bytes:
    """Return a PNG of up to twelve photos from the whole table, each above its name and labels."""
    there = [row for row, entry in enumerate(found.entries) if entry.path]
    labelled = [row for row in there if (found.values[row] == 1).any()] or there
    spread = np.unique(np.linspace(0, len(labelled) - 1, min(PHOTOS, len(labelled))).round().astype(int))
    rows = [labelled[k] for k in spread]
    down = -(-len(rows) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * SIDE, max(1, down) * (SIDE + CAPTION)), PAPER)
    # DejaVu has the letters of most languages.
    font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), 12)
    pen = ImageDraw.Draw(sheet)
    for place, row in enumerate(rows):
        left, top = place % ACROSS * SIDE, place // ACROSS * (SIDE + CAPTION)
        path = found.entries[row].path
        try:
            photo = decode_photo(read_bytes(found.folder / path), SIDE).image.convert("RGB")
            photo = ImageOps.contain(photo, (SIDE - 8, SIDE - 8))
            sheet.paste(photo, (left + (SIDE - photo.width) // 2, top + (SIDE - photo.height) // 2))
        except PhotoError as error:
            pen.text((left + 4, top + SIDE // 2), shown(str(error), LETTERS), INK, font)
        lines = textwrap.wrap(shown(labels_text(found, row), LETTERS * (LINES - 1)), LETTERS)[: LINES - 1]
        pen.multiline_text((left + 4, top + SIDE), "\n".join([shown(path, LETTERS), *lines]), INK, font)
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()
