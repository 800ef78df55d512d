"""Photos into pixels of one size, all of them in one flat file."""

import hashlib
import logging
import signal
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from stylevote.errors import InputError
from stylevote.files.tables import damaged, replacing
from stylevote.photos.decoding import Photo, PhotoError, decode_photo, read_bytes
from stylevote.photos.values import read_range

MAX_PROPORTION = 2  # of the longer side to the shorter one
CHUNK = 32  # photos per task of the process pool: many compared with a task's cost, few compared with a process's share


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


def read_ingested(
    photos: Path, name: str, sha256: str, pixel_range: str, size: int, *, enlarge: bool = True
) -> np.ndarray:
    """Return the pixels of an ingested photo at a shorter side of ``size``, uint8 of shape (height, width, 3).

    Args:
        name: the photo's path in it.
        sha256: of its bytes, when it was ingested.
        pixel_range: of its values, from the manifest.
        enlarge: whether a smaller photo is enlarged to ``size``, or kept as it is.

    Raises:
        InputError: the photo is gone, or its bytes changed.
    """
    path = photos / name
    try:
        data = read_bytes(path)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError(f"{path}: its bytes changed after it was ingested; ingest the photos again or restore it")
        # Ingestion decided whether a photo that lacks its last bytes may be used.
        photo = decode_photo(data, size, read_range(pixel_range), max_missing=1)
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
    with _signals_held():
        # Spawned, not forked: a fork copies locks that the parent's threads, such as Arrow's, may hold.
        context = get_context("spawn")
        pool = ProcessPoolExecutor(threads, context, _receive_signals)
    with pool:
        for start in range(0, len(items), CHUNK):
            with _signals_held():
                waiting.append(pool.submit(_each, function, items[start : start + CHUNK]))
            if len(waiting) > 2 * threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold back signals that stop a program: a process that is just starting would lose its parent and print that."""
    numbers, received = (signal.SIGINT, signal.SIGTERM), []
    # The new process inherits the mask. Other threads may take a signal: its handler would run in this one.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    own = numbers if current_thread() is main_thread() else ()  # only this thread may change handlers
    handlers = {number: handler for number in own if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, lambda number, _: received.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number in received:
            signal.raise_signal(number)


def _receive_signals() -> None:
    """Let signals end a process without a traceback, unless it ignores them."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _each(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    return [function(item) for item in items]


def cache_pixels(manifest: pd.DataFrame, photos: Path, size: int, path: Path, threads: int = 1) -> pd.DataFrame:
    """Decode and resize every photo of ``manifest`` into one flat file of uint8 RGB values.

    The file's bytes do not depend on ``threads``. Memory holds a few dozen photos.

    Args:
        manifest: image_id, path, sha256 and pixel_range, in the order of the file.

    Returns:
        the index, a row per photo: image_id, the columns of `write_pixels`, and sha256 of the photo's file.

    Raises:
        InputError: a photo is gone, or its bytes changed.
    """
    prepare = partial(_pixels_of, photos, size)
    sources = list(manifest[["path", "sha256", "pixel_range"]].itertuples(index=False, name=None))
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


def _pixels_of(photos: Path, size: int, source: tuple[str, str, str]) -> np.ndarray:
    """Return the pixels of one photo, given its path, the sha256 of its file and the range of its values."""
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
