"""Photos into pixels: decode a file of any format, and keep all decoded photos in one flat file."""

import hashlib
import logging
import re
import stat
import warnings
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import ExifTags, Image, UnidentifiedImageError

from stylevote.errors import InputError
from stylevote.files.tables import damaged, replacing

MAX_PIXELS = 70_000_000  # more than a camera's 61 million; decoding them with transparency takes 1.8 GB
MAX_BYTES = 200_000_000
# A progressive JPEG has some ten scans. Each takes as much work as all pixels, however few bytes it has.
MAX_SCANS = 50
# The usual formats of photos and no others: each format is a decoder that a hostile file can attack, and EPS would
# start Ghostscript. MPO, which some cameras write, is missing because Pillow opens it as a JPEG.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
# A JPEG's markers: 0xff, but neither stuffing (0x00) nor a restart (0xd0 to 0xd7).
MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)
START_OF_SCAN, END_OF_IMAGE = b"\xda", b"\xd9"
VALUES_AT_ONCE = 1 << 20
MAX_PROPORTION = 2  # of the longer side to the shorter one
CHUNK = 32  # photos per task of the process pool: many compared with a task's cost, few compared with a process's share

ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PhotoError(Exception):
    """A photo cannot be used; the message says why, without naming the file."""


class Photo(NamedTuple):
    """A decoded photo.

    Attributes:
        image: RGB and upright. At a scale of 1/8 its last column and row stand for the 1 to 8 pixels that were left.
        width: full width in pixels.
        height: full height in pixels.
        scale: of ``image`` to the full size.
    """

    image: Image.Image
    width: int
    height: int
    scale: float


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


def decode_photo(data: bytes, shorter_side: int | None = None) -> Photo:
    """Decode a photo to upright RGB.

    Apply the EXIF orientation, put transparent photos on white, scale 16 bits to 8, and take an animation's first
    frame.

    Args:
        data: the file's bytes.
        shorter_side: decode a JPEG at a half, a quarter or an eighth of its size, which is faster, if its shorter side
            keeps at least twice this number of pixels; None: always decode it in full.

    Raises:
        PhotoError: not a photo, truncated, damaged, over `MAX_PIXELS` pixels, or a JPEG with over `MAX_SCANS` scans.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns below the size at which it refuses; the limit is checked below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data), formats=FORMATS)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise PhotoError(
                f"oversized: {width} x {height} pixels, at most {MAX_PIXELS // 10**6} million are accepted"
            )
        if image.format in ("JPEG", "MPO") and (scans := count_scans(data)) > MAX_SCANS:
            raise PhotoError(f"a JPEG of {scans} scans, at most {MAX_SCANS} are accepted; save it again")
        drafted = image.draft(None, (2 * shorter_side, 2 * shorter_side)) if shorter_side else None
        scale = drafted[1][2] / width if drafted else 1.0
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        image = _to_rgb(image)
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError(f"unreadable: no photo of a known format ({', '.join(FORMATS)}), or truncated") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"oversized: more than the {MAX_PIXELS // 10**6} million pixels that are accepted") from error
    except Exception as error:  # a decoder that meets damaged data raises nearly anything, from SyntaxError to KeyError
        raise PhotoError(f"truncated or damaged: {ascii(str(error))[1:-1]}") from error
    if orientation in ORIENTATIONS:
        image = image.transpose(ORIENTATIONS[orientation])
    width, height = (height, width) if orientation in (5, 6, 7, 8) else (width, height)
    return Photo(image, width, height, scale)


def count_scans(data: bytes) -> int:
    """Return the number of scans of a JPEG's first image without decoding it."""
    scans, position = 0, 2
    while (marker := MARKER.search(data, position)) and marker[1] != END_OF_IMAGE:
        scans += marker[1] == START_OF_SCAN
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])  # skip the marker's segment
    return scans


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return the loaded ``image`` in mode RGB."""
    if image.mode == "F" or image.mode.startswith("I"):
        image = _to_8_bits(image)
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    return image.convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Return a grey image of 16 or 32 bits in 8 bits; white is 65535, or 1.0 for floats, or the largest value."""
    values = np.asarray(image)
    grey = np.empty(values.shape, dtype=np.uint8)
    # In chunks: as floats, the pixels of the largest photos would take gigabytes.
    chunks = [slice(start, start + VALUES_AT_ONCE) for start in range(0, values.size, VALUES_AT_ONCE)]
    flat, result = values.reshape(-1), grey.reshape(-1)
    scales = (1, 65535) if image.mode == "F" else (65535,)
    largest = max(float(_finite(flat[chunk]).max()) for chunk in chunks)
    white = next((scale for scale in scales if largest <= scale), largest)
    for chunk in chunks:
        result[chunk] = np.rint(np.clip(_finite(flat[chunk]) / white, 0, 1) * 255)
    return Image.fromarray(grey)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values.astype(np.float64))


def resize_photo(photo: Photo, size: int) -> np.ndarray:
    """Return ``photo`` at a shorter side of ``size`` pixels, as uint8 of shape (height, width, 3).

    The longer side is cropped (`cut_box`) before the resizing, so that a strip of 1 x 10,000,000 pixels is never
    enlarged.
    """
    left, top, right, bottom = cut_box(photo.width, photo.height)
    box = tuple(side * photo.scale for side in (left, top, right, bottom))
    shorter = min(photo.width, photo.height)
    target = (round((right - left) * size / shorter), round((bottom - top) * size / shorter))
    return np.asarray(photo.image.resize(target, Image.Resampling.LANCZOS, box))


def cut_box(width: int, height: int) -> tuple[int, int, int, int]:
    """Return the crop of a photo that is used, as left, top, right and bottom in pixels.

    The longer side is cut, equally at both ends, to at most `MAX_PROPORTION` times the shorter one.
    """
    longest = MAX_PROPORTION * min(width, height)
    left, top = (width - min(width, longest)) // 2, (height - min(height, longest)) // 2
    return left, top, left + min(width, longest), top + min(height, longest)


def read_ingested(photos: Path, name: str, sha256: str, size: int, *, enlarge: bool = True) -> np.ndarray:
    """Return the pixels of an ingested photo at a shorter side of ``size``, uint8 of shape (height, width, 3).

    Args:
        name: the photo's path in it.
        sha256: of its bytes, when it was ingested.
        enlarge: whether a smaller photo is enlarged to ``size``, or kept as it is.

    Raises:
        InputError: the photo is gone, or its bytes changed.
    """
    path = photos / name
    try:
        data = read_bytes(path)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError(f"{path}: its bytes changed after it was ingested; ingest the photos again or restore it")
        photo = decode_photo(data, size)
    except PhotoError as error:
        raise InputError(f"{path}: cannot be read any more ({error}); restore the photo") from error
    return resize_photo(photo, size if enlarge else min(size, photo.width, photo.height))


def map_in_order(function: Callable[[Any], Any], items: Sequence[Any], threads: int) -> Iterator[Any]:
    """Yield ``function(item)`` for every item, in order, computed by ``threads`` processes.

    Few chunks are computed ahead, so that results do not fill the memory. With one thread, this process computes all.
    Otherwise ``function`` and ``items`` must be picklable.
    """
    if threads <= 1:
        yield from map(function, items)
        return
    waiting = deque()
    # Spawned, not forked: a fork copies locks that the parent's threads, such as Arrow's, may hold.
    with ProcessPoolExecutor(threads, mp_context=get_context("spawn")) as pool:
        for start in range(0, len(items), CHUNK):
            waiting.append(pool.submit(_each, function, items[start : start + CHUNK]))
            if len(waiting) > 2 * threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _each(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    return [function(item) for item in items]


def cache_pixels(manifest: pd.DataFrame, photos: Path, size: int, path: Path, threads: int = 1) -> pd.DataFrame:
    """Decode and resize every photo of ``manifest`` into one flat file of uint8 RGB values.

    The file's bytes do not depend on ``threads``. Memory holds a few dozen photos.

    Args:
        manifest: image_id, path and sha256, in the order of the file.

    Returns:
        the index, a row per photo: image_id, the columns of `write_pixels`, and sha256 of the photo's file.

    Raises:
        InputError: a photo is gone, or its bytes changed.
    """
    prepare = partial(_pixels_of, photos, size)
    sources = list(zip(manifest["path"], manifest["sha256"], strict=True))
    index = write_pixels(map_in_order(prepare, sources, threads), path)
    index.insert(0, "image_id", manifest["image_id"].to_numpy())
    index.insert(4, "sha256", manifest["sha256"].to_numpy())
    logging.info("%d photos at %d pixels, %.1f MB", len(index), size, _pixel_bytes(index) / 1e6)
    return index


def write_pixels(photos: Iterable[np.ndarray], path: Path) -> pd.DataFrame:
    """Write photos, one after the other, into one flat file of uint8 RGB values.

    Args:
        photos: uint8, shape (height, width, 3), contiguous.
        path: the file to write. Rows of a photo go from top to bottom.

    Returns:
        a row per photo: offset (int64, bytes from the start), height, width (int32), crc32 of the pixels (int64).
    """
    heights, widths, checksums = [], [], []
    with replacing(path) as partial_path, partial_path.open("wb") as flat:
        for pixels in photos:
            flat.write(pixels)
            heights.append(pixels.shape[0])
            widths.append(pixels.shape[1])
            checksums.append(zlib.crc32(pixels))
    return pd.DataFrame(
        {
            "offset": np.cumsum([0, *(3 * np.multiply(heights, widths, dtype=np.int64))], dtype=np.int64)[:-1],
            "height": np.array(heights, dtype=np.int32),
            "width": np.array(widths, dtype=np.int32),
            "crc32": np.array(checksums, dtype=np.int64),
        }
    )


def _pixels_of(photos: Path, size: int, source: tuple[str, str]) -> np.ndarray:
    """Return the pixels of one photo, given its path and the sha256 of its file."""
    return np.ascontiguousarray(read_ingested(photos, *source, size))


def _pixel_bytes(index: pd.DataFrame) -> int:
    return int(3 * (index["height"].astype(np.int64) * index["width"]).sum())


def check_index(index: pd.DataFrame, manifest: pd.DataFrame, path: Path) -> None:
    """Raise `InputError` unless the pixel cache's ``index``, read from ``path``, is of the photos of ``manifest``."""
    columns = ["image_id", "sha256"]
    if not index[columns].equals(manifest[columns]):
        raise InputError(f"{path}: not the photos of the manifest; delete it and run again")


def open_pixels(path: Path, index: pd.DataFrame) -> np.memmap:
    """Map the flat file that `write_pixels` wrote, as uint8 of shape (bytes,); changes stay in memory.

    A photo's pixels are ``flat[offset : offset + 3 * height * width].reshape(height, width, 3)``. All checksums are
    checked once, which takes about a hundredth of the time of decoding.

    Args:
        index: image_id, and the columns of `write_pixels`.

    Raises:
        InputError: the file does not exist, or does not match ``index``.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    expected = _pixel_bytes(index)
    if size != expected:
        raise damaged(path, f"{size} bytes, but its index describes {expected}")
    flat = np.memmap(path, dtype=np.uint8, mode="c")  # torch takes writeable arrays only; the file is never written
    for photo in index.itertuples():
        if zlib.crc32(flat[photo.offset : photo.offset + 3 * photo.height * photo.width]) != photo.crc32:
            raise damaged(path, f"the checksum of the photo {photo.image_id} does not match")
    return flat
