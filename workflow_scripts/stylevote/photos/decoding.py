"""Bytes of a photo of any format into upright RGB."""

import stat
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from stylevote.photos.formats import (
    BANDS,
    BITS,
    EXTRA_SAMPLES,
    FORMATS,
    HEIF,
    PHOTOMETRIC,
    PLANES,
    PNG_SIGNATURE,
    SEPARATE,
    TIFF_SIGNATURES,
    WHITE_IS_ZERO,
    count_scans,
    describe_tiff,
    is_heif,
    without_texts,
)
from stylevote.photos.values import BITS_8, BYTES, UNCHANGED, Range, Values, scale_bytes, scale_values

MAX_PIXELS = 70_000_000  # more than a camera's 61 million; decoding them with transparency takes 1.8 GB
MAX_BYTES = 200_000_000
# A progressive JPEG has some ten scans. Each takes as much work as all pixels, however few bytes it has.
MAX_SCANS = 50
END_OF_JPEG = b"\xff\xd9"
BLOCK = 16  # pixels of the side of the largest blocks that a JPEG usually has

# What was done with a photo that is not what it seems. Ingestion counts these.
NO_OPACITY = "further bands were left out, because the file does not call them opacity (ExtraSamples)"
ALL_TRANSPARENT = "its opacity is 0 everywhere and was left out"
CUT = "the file lacks its last bytes"

ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Of a colour with 16 bits Pillow keeps the first byte. Reading the same data in the other order gives the second one.
OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
GREY_AND_OPACITY = "LA;16B"  # four bytes a pixel


class PhotoError(Exception):
    """A photo cannot be used; the message says why, without naming the file."""


class DamagedError(PhotoError):
    """The bytes are no photo, or not all of one."""


class Photo(NamedTuple):
    """A decoded photo."""

    # RGB and upright. At a scale of 1/8 its last column and row stand for the 1 to 8 pixels that were left.
    image: Image.Image
    width: int  # full width in pixels
    height: int  # full height in pixels
    scale: float  # of ``image`` to the full size
    format: str = ""  # Pillow's name of the file's format
    values: Values = BYTES  # kind and extrema of the file's values
    range: Range = UNCHANGED  # the values that became black and white
    notes: tuple[str, ...] = ()  # what was done with it that its user should know


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file; raise `PhotoError` if it is no regular file, empty, or over 200 MB."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError("unreadable: it is not a file")
        if status.st_size == 0:
            raise PhotoError("the file is empty (0 bytes)")
        if status.st_size > MAX_BYTES:
            megabytes = f"{status.st_size / 1e6:.1f} MB"
            raise PhotoError(f"oversized: {megabytes}, at most {MAX_BYTES // 10**6} MB are accepted")
        return path.read_bytes()
    except OSError as error:
        raise PhotoError(f"unreadable: {error.strerror}") from error


def decode_photo(
    data: bytes,
    shorter_side: int | None = None,
    ranges: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    max_missing: float = 0,
) -> Photo:
    """Decode a photo to upright RGB.

    Apply the EXIF orientation, put transparent photos on white, scale values of more than 8 bits to 8, and take an
    animation's first frame. A PNG whose texts or profile cannot be read is decoded without them.

    Args:
        data: the file's bytes.
        shorter_side: decode a JPEG at a half, a quarter or an eighth of its size, which is faster, if its shorter side
            keeps at least twice this number of pixels; None: always decode it in full.
        ranges: the values that become black and white, by the kind of values; for other kinds, see `Values.range`.
        max_missing: fraction of a JPEG's rows that may be missing at its end.

    Raises:
        PhotoError: not a photo, truncated, damaged, over `MAX_PIXELS` pixels, or a JPEG with over `MAX_SCANS` scans.
    """
    try:
        return _decode(data, shorter_side, ranges)
    except DamagedError:
        for repaired, notes in _repaired(data, max_missing):
            with suppress(DamagedError):
                photo = _decode(repaired, shorter_side, ranges)
                return photo._replace(notes=(*photo.notes, *notes))
        raise


def _repaired(data: bytes, max_missing: float) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """Yield a damaged photo's bytes without the damage, if that can be, and notes about it."""
    if data.startswith(PNG_SIGNATURE) and (bare := without_texts(data)) != data:
        yield bare, ()
    elif max_missing and data.startswith(b"\xff\xd8") and _missing_rows(data) <= max_missing:
        yield data + END_OF_JPEG, (CUT,)


def _missing_rows(data: bytes) -> float:
    """Return the fraction of a JPEG's last rows that a decoder cannot reach; 1 if it reaches none.

    A progressive JPEG has all rows after its first scan, and gains detail by the others.
    """
    try:
        image = Image.open(BytesIO(data), formats=["JPEG"])
        if image.width * image.height > MAX_PIXELS:
            return 1
        if image.info.get("progressive"):
            return 0 if count_scans(data) > image.layers else 1
        height = image.height
        image.draft(None, (64, 64))
        with suppress(OSError):
            image.load()
        reached = image.im.getbbox()  # rows that were not reached are zeros
    except Exception:  # as in `_decode`
        return 1
    # The row of blocks that the end is in does not come out, although most of it may be there.
    row = BLOCK * image.height / height
    return max(0.0, 1 - (reached[3] + row) / image.height) if reached else 1


def _decode(data: bytes, shorter_side: int | None, ranges: Mapping[str, tuple[float, float]]) -> Photo:
    try:
        image = _open(data)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise PhotoError(
                f"oversized: {width} x {height} pixels, at most {MAX_PIXELS // 10**6} million are accepted"
            )
        if image.format in ("JPEG", "MPO") and (scans := count_scans(data)) > MAX_SCANS:
            raise PhotoError(f"a JPEG of {scans} scans, at most {MAX_SCANS} are accepted; save it again")
        drafted = image.draft(None, (2 * shorter_side, 2 * shorter_side)) if shorter_side else None
        scale = drafted[1][2] / width if drafted else 1.0
        form, rawmode = image.format or "", _rawmode(image)
        image.load()
        orientation = _orientation(image)
        tags = getattr(image, "tag_v2", {})
        image, values, used = _in_8_bits(image, data, rawmode, tags, ranges)
        if values is not BYTES and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # Pillow inverts those of 8 bits
            image = ImageOps.invert(image)
        image, notes = _without_opacity(image, data, rawmode, tags)
        image = image.convert("RGB")
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        if data.startswith(TIFF_SIGNATURES) and (bands := describe_tiff(data)):
            raise DamagedError(f"unreadable: {bands}") from error
        raise DamagedError(f"unreadable: no photo of a known format ({', '.join(FORMATS)}), or truncated") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"oversized: more than the {MAX_PIXELS // 10**6} million pixels that are accepted") from error
    except Exception as error:  # a decoder that meets damaged data raises nearly anything, from SyntaxError to KeyError
        raise DamagedError(f"truncated or damaged: {ascii(str(error))[1:-1]}") from error
    if orientation in ORIENTATIONS:
        image = image.transpose(ORIENTATIONS[orientation])
    width, height = (height, width) if orientation in (5, 6, 7, 8) else (width, height)
    return Photo(image, width, height, scale, form, values, used, notes)


def _open(data: bytes) -> Image.Image:
    """Return a photo that is not loaded; HEIC needs a further package, which is imported when a photo needs it."""
    formats = FORMATS
    if is_heif(data):
        try:
            import stylevote.photos.heic  # noqa: F401, PLC0415 (its package is an extra)
        except ImportError as error:
            raise PhotoError("a HEIC photo, which needs a further package: pip install pillow-heif") from error
        formats = (HEIF,)
    with warnings.catch_warnings():
        # Pillow warns below the size at which it refuses; the limit is checked later.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(BytesIO(data), formats=formats)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1 if there is none that can be read."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return orientation if orientation in ORIENTATIONS else 1
    except Exception:  # damaged EXIF raises nearly anything, and takes nothing from the pixels
        return 1


def _rawmode(image: Image.Image) -> str:
    """Return Pillow's name of the order in which a file has its values, before it is loaded; empty if unknown."""
    for tile in getattr(image, "tile", []):
        arguments = tile[3]
        rawmode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
        return rawmode if isinstance(rawmode, str) else ""
    return ""


def _reload(data: bytes, rawmode: str) -> Image.Image:
    """Return a photo whose values are read in another order."""
    image = _open(data)
    image.tile = [
        tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode)
        for tile in image.tile
    ]
    image.load()
    return image


def _in_8_bits(
    image: Image.Image,
    data: bytes,
    rawmode: str,
    tags: Mapping[int, Any],
    ranges: Mapping[str, tuple[float, float]],
) -> tuple[Image.Image, Values, Range]:
    """Return a loaded photo with values of 8 bits, the kind and extrema of its values, and the range that was used."""
    colour, _, order = rawmode.partition(";16")
    if image.mode == "F" or image.mode.startswith("I"):
        return scale_values(image.mode, [np.asarray(image)[..., None]], ranges)
    if rawmode == GREY_AND_OPACITY:
        both = np.asarray(_reload(data, "RGBA"))  # the two bytes of grey, and those of opacity
        return scale_values("I;16", [both[..., ::2], both[..., 1::2]], ranges)
    # Of planes Pillow gives the first bytes, whatever the order.
    if order in OTHER_ORDER and colour in ("RGB", "RGBA", "RGBX") and tags.get(PLANES) != SEPARATE:
        low = _reload(data, f"{colour};16{OTHER_ORDER[order]}")
        return scale_values("I;16", [np.asarray(image), np.asarray(low)], ranges)
    if rawmode == "R" and max(tags.get(BITS, (8,))) > 8:  # Pillow takes each byte for a value
        raise PhotoError("a TIFF of 16 bits with a plane per band; expected bands that alternate (contiguous)")
    used = Range(BITS_8, *ranges.get(BITS_8, UNCHANGED[1:]))
    return scale_bytes(image, used), BYTES, used


def _without_opacity(
    image: Image.Image, data: bytes, rawmode: str, tags: Mapping[int, Any]
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a photo on white, and notes; a fourth band counts as opacity only if the file says so."""
    notes = []
    if rawmode in ("RGBA", *(f"RGBA;16{order}" for order in OTHER_ORDER)) and tags and not tags.get(EXTRA_SAMPLES):
        image = image.convert("RGB")
    if tags and len(image.getbands()) < tags.get(BANDS, 1):
        notes.append(NO_OPACITY)
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        if opaque.getchannel("A").getextrema()[1] == 0:
            notes.append(ALL_TRANSPARENT)
            # Colours that were multiplied by their opacity are read as they are in the file.
            image = _reload(data, rawmode.replace("RGBa", "RGBA")) if rawmode.startswith("RGBa") else opaque
        else:
            image = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    return image, tuple(notes)
