"""Features of a photoset as files: a row of float16 per photo, memory-mapped, and an index with a checksum per row."""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.errors import InputError
from stylevote.files.tables import damaged, read_table, replacing

FORMAT = np.dtype("<f2")


def write_features(blocks: Iterable[np.ndarray], photos: pd.DataFrame, width: int, path: Path) -> pd.DataFrame:
    """Write features as a .npy file; return the index, which is ``photos`` with a checksum per row.

    Args:
        blocks: features of some photos, float, shape (any, width), in the order of ``photos``.
        photos: image_id, and all that the index keeps of each photo.
        width: number of features.
        path: the file to write.

    Raises:
        InputError: a feature is not finite in half precision.
    """
    checksums: list[int] = []
    header = {"descr": FORMAT.str, "fortran_order": False, "shape": (len(photos), width)}
    with replacing(path) as partial, partial.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            with np.errstate(over="ignore"):
                rows = block.astype(FORMAT)
            wrong = ~np.isfinite(rows).all(axis=1)
            if wrong.any():
                photo = photos["image_id"].iloc[len(checksums) + int(wrong.argmax())]
                raise InputError(
                    f"features of the photo {photo} are not finite in half precision: the backbone's weights are"
                    " damaged, or not made for it; choose other `weights` or another backbone"
                )
            file.write(rows)
            checksums += map(zlib.crc32, rows)
    return photos.assign(crc32=np.array(checksums, dtype=np.int64))


class Features:
    """Features of several files, one after the other.

    Args:
        files: arrays of shape (photos, width), memory-mapped.

    Attributes:
        width: number of features.
    """

    def __init__(self, files: list[np.ndarray]) -> None:
        self._files = files
        self._starts = np.cumsum([0, *map(len, files)])
        self.width = files[0].shape[1]

    def __len__(self) -> int:
        """Return the number of photos."""
        return int(self._starts[-1])

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return the features of some photos as float32, shape (rows, width).

        Args:
            rows: numbers of the photos, in any order.
        """
        taken = np.empty((len(rows), self.width), np.float32)
        for file, start in zip(self._files, self._starts, strict=False):
            here = (rows >= start) & (rows < start + len(file))
            taken[here] = file[rows[here] - start]
        return taken


def open_features(files: list[Path], indexes: list[Path]) -> tuple[Features, pd.DataFrame]:
    """Map files that `write_features` wrote, and return their joined indexes; all checksums are checked once.

    Args:
        files: the shards of one photoset, or of several, in their order.
        indexes: the index of each file.

    Raises:
        InputError: a file is missing or damaged, or is not that of its index.
    """
    tables = [read_table(path) for path in indexes]
    arrays = [_map_file(path, table) for path, table in zip(files, tables, strict=True)]
    widths = {array.shape[1] for array in arrays}
    if len(widths) > 1:
        raise InputError(
            f"{files[0].parent}: files of {min(widths)} and {max(widths)} features; delete it and run again"
        )
    return Features(arrays), pd.concat(tables, ignore_index=True)


def _map_file(path: Path, index: pd.DataFrame) -> np.ndarray:
    """Map one file, and check it against its index."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise damaged(path, f"it cannot be read as an array: {error}") from error
    if array.dtype != FORMAT or array.ndim != 2 or len(array) != len(index) or not array.flags.c_contiguous:
        raise damaged(path, f"it has {array.dtype} of shape {array.shape}, but its index has {len(index)} photos")
    for row, (photo, crc32) in zip(array, index[["image_id", "crc32"]].itertuples(index=False), strict=True):
        if zlib.crc32(row) != crc32:
            raise damaged(path, f"the checksum of the photo {photo} does not match")
    return array
