"""Embed small photos in a page."""

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from stylevote.files.tables import damaged
from stylevote.photos.pixels import read_ingested

SIDE = 132  # pixels of the shorter side: sharp at half of it on any screen
SHEET = 1400  # pixels: no picture is wider


def data_uri(image: Image.Image, quality: int = 70) -> str:
    """Return an image as a data URI, for ``src``."""
    stream = BytesIO()
    image.save(stream, "WEBP", quality=quality)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"


def thumbnail(photos: Path, name: str, sha256: str, pixel_range: str) -> str:
    """Return an ingested photo of a folder, small, as a data URI; raise `InputError` if it is gone or has changed.

    Its name, digest and range of values are those of the manifest.
    """
    return data_uri(Image.fromarray(np.ascontiguousarray(read_ingested(photos, name, sha256, pixel_range, SIDE))))


def embedded(path: Path) -> tuple[str, int, int]:
    """Return a picture as a data URI, and its width and height in pixels, at most `SHEET` wide.

    Raises:
        InputError: the picture is damaged.
    """
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError) as error:  # Pillow's errors for broken files and broken PNG
        raise damaged(path, str(error)) from error
    if image.width > SHEET:
        image = image.resize((SHEET, round(image.height * SHEET / image.width)), Image.Resampling.LANCZOS)
    return data_uri(image.convert("RGB"), 75), image.width, image.height
