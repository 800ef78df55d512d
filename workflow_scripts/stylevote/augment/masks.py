"""Masks of photos: read from the class masks that a photoset brings, stored as bytes, compared."""

import csv
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from PIL import Image, UnidentifiedImageError

from stylevote.errors import InputError
from stylevote.files.tables import table_writer
from stylevote.photos.pixels import MAX_PIXELS, PhotoError, cut_box, read_bytes

VALUES = 256  # class numbers that a pixel of 8 bits can hold
TABLE_COLUMNS = ("value", "name", "group")
GROUPS = ("background", "body", "clothing", "accessory")
BIT_DEPTH = 24  # where it stands in a PNG
MODES = ("1", "L", "P")  # one number per pixel; of a palette the number counts, not the colour
SHARD_COLUMNS = pa.schema(
    [("image_id", pa.string()), ("mask", pa.binary()), ("score", pa.float32()), ("area", pa.float32())]
)


class Found(NamedTuple):
    """What was found in a photo.

    Attributes:
        mask: bool, of the photo's shape; None where nothing was found.
        score: how sure the segmenter is, 0 to 1; 0 where nothing was found.
    """

    mask: np.ndarray | None
    score: float


NOTHING = Found(None, 0.0)


class Sources(NamedTuple):
    """What a segmenter may need: the photos' paths, the folder of masks, the table of their classes, and weights."""

    names: Sequence[str] = ()
    masks: Path | None = None
    mask_labels: Path | None = None
    weights: Path | None = None


def encode_mask(mask: np.ndarray) -> bytes:
    """Return a bool array of shape (height, width) as a PNG of 1 bit a pixel."""
    buffer = BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return buffer.getvalue()


def decode_mask(data: bytes) -> np.ndarray:
    """Return the mask that `encode_mask` encoded."""
    return np.array(Image.open(BytesIO(data), formats=["PNG"]))


def iou(mask: np.ndarray, other: np.ndarray) -> float:
    """Return two masks' intersection over union (Jaccard 1912); 1 where both are empty."""
    union = np.count_nonzero(mask | other)
    return np.count_nonzero(mask & other) / union if union else 1.0


def write_shard(rows: Iterable[tuple[str, Found]], path: Path) -> np.ndarray:
    """Write masks as Parquet, a row per photo, and return their areas, float32 of shape (photos,).

    Columns: image_id; mask, a PNG (`encode_mask`), null where nothing was found; score; area, the mask's share of the
    photo, 0 where nothing was found.
    """
    table = [
        {
            "image_id": image_id,
            "mask": None if found.mask is None else encode_mask(found.mask),
            "score": found.score,
            "area": 0.0 if found.mask is None else found.mask.mean(),
        }
        for image_id, found in rows
    ]
    columns = pa.Table.from_pylist(table, SHARD_COLUMNS)
    with table_writer(path, columns.schema) as writer:
        writer.write_table(columns)
    return columns["area"].to_numpy()


# ---- class masks


def read_class_mask(path: Path) -> np.ndarray:
    """Return the class number of every pixel of a mask in a PNG, as uint8 of shape (height, width).

    Raises:
        InputError: no PNG of 1 or 8 bits a pixel in one channel, or too large.
    """
    try:
        data = read_bytes(path)
        with warnings.catch_warnings():
            # Pillow warns below the size at which it refuses; the limit here is checked two lines on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data), formats=["PNG"])
        if image.width * image.height > MAX_PIXELS:
            raise InputError(f"{path}: {image.width} x {image.height} pixels, at most {MAX_PIXELS} are accepted")
        # Grey of 2 or 4 bits would be decoded to brightness: 1 of 4 bits becomes 17.
        if image.mode not in MODES or (image.mode == "L" and data[BIT_DEPTH] != 8):
            raise InputError(
                f"{path}: a PNG of mode {image.mode} and {data[BIT_DEPTH]} bits, expected one class number per pixel:"
                " 8-bit grey, a palette, or black and white"
            )
        return np.array(image, dtype=np.uint8)
    except PhotoError as error:
        raise InputError(f"{path}: {error}") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: expected a mask in PNG format, found something else, or it is cut short") from error
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: more than the {MAX_PIXELS} pixels that are accepted") from error
    except Exception as error:  # a decoder that meets damaged data raises nearly anything
        raise InputError(f"{path}: truncated or damaged ({error})") from error


@dataclass(frozen=True)
class Region:
    """Which class numbers a mask is made of.

    Attributes:
        inside: bool, shape (256,): the numbers that belong to the mask.
        named: bool, shape (256,): the numbers that a class mask may hold.
        table: file that names them, for messages.
    """

    inside: np.ndarray
    named: np.ndarray
    table: Path | None

    def mask(self, classes: np.ndarray, path: Path) -> np.ndarray:
        """Return where the class numbers read from ``path`` belong to the region, as bool of their shape.

        Raises:
            InputError: a number that the table does not name.
        """
        unnamed = np.unique(classes[~self.named[classes]])
        if len(unnamed):
            listed = ", ".join(map(str, unnamed[:10])) + ("..." if len(unnamed) > 10 else "")
            raise InputError(f"{path}: holds the class numbers {listed}, which {self.table} does not name")
        return self.inside[classes]


def read_region(region: str, table: Path | None) -> Region:
    """Return which class numbers make up ``region``.

    Args:
        region: ``person``, all but the group ``background``; or ``clothing``, the group of this name.
        table: CSV with the columns value (0 to 255), name and group. Without one, a person is every number but 0.

    Raises:
        InputError: the table cannot be used, or does not tell the region.
    """
    if table is None:
        if region != "person":
            raise InputError(f"region {region!r}: needs a table of the masks' classes, to tell clothing from skin")
        return Region(np.arange(VALUES) > 0, np.ones(VALUES, dtype=bool), None)
    group_of = _read_groups(table)
    inside, named = np.zeros(VALUES, dtype=bool), np.zeros(VALUES, dtype=bool)
    named[list(group_of)] = True
    values = [
        value for value, group in group_of.items() if (group != "background" if region == "person" else group == region)
    ]
    if not values:
        raise InputError(
            f"{table}: no value is of the region {region!r}; the groups are {sorted(set(group_of.values()))}"
        )
    inside[values] = True
    return Region(inside, named, table)


def _read_groups(table: Path) -> dict[int, str]:
    """Return each class number's group."""
    if not table.is_file():  # a pipe would be waited for
        raise InputError(f"{table}: cannot be read as a CSV table (there is no such file)")
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = [(reader.line_num, row) for row in reader]
            columns = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read as a CSV table ({error})") from error
    missing = [name for name in TABLE_COLUMNS if name not in columns]
    if missing:
        raise InputError(f"{table}: no column {missing[0]!r}, expected the columns {', '.join(TABLE_COLUMNS)}")
    group_of = {}
    for line, row in rows:
        text = (row["value"] or "").strip()
        if not re.fullmatch(r"0*\d{1,3}", text, re.ASCII) or int(text) >= VALUES:
            raise InputError(f"{table}, row {line}: the value is {text[:20]!r}, expected a whole number from 0 to 255")
        if int(text) in group_of:
            raise InputError(f"{table}, row {line}: the value {text} is there twice")
        group = (row["group"] or "").strip()
        if group not in GROUPS:
            raise InputError(f"{table}, row {line}: the group is {group[:40]!r}, expected one of {', '.join(GROUPS)}")
        group_of[int(text)] = group
    return group_of


# ---- masks given for photos


def find_masks(masks: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return the mask files of those photos that have one.

    A mask has its photo's name, but ends in ``.png``; it lies in ``masks`` as the photo in its folder, or directly.

    Args:
        masks: the masks' folder.
        names: the photos' paths in the photoset's folder.

    Raises:
        InputError: there is no such folder, it holds a mask of no photo, or one file would be the mask of two photos.
    """
    if not masks.is_dir():
        raise InputError(f"{masks}: expected a folder of masks")
    found = {}
    for name in names:
        path = Path(name).with_suffix(".png")
        for place in (path, path.name):
            if (masks / place).is_file():
                found[name] = masks / place
                break
    if not found:
        example = Path(names[0]).with_suffix(".png")
        raise InputError(
            f"{masks}: none of the {len(names)} photos has a mask there; that of {names[0]!r} would be {example}"
        )
    (path, count), *_ = Counter(found.values()).most_common(1)
    if count > 1:
        shared = [name for name in names if found.get(name) == path]
        raise InputError(f"{path}: would be the mask of {count} photos, {shared[0]!r} and {shared[1]!r} among them")
    return found


def read_given(path: Path, region: Region, size: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """Return a photo's given mask as bool of the shape of the photo as it is used.

    The mask is cut as the photo is (`stylevote.photos.pixels.cut_box`) and resized to the nearest pixel.

    Args:
        path: the mask's file.
        region: the class numbers that it is made of.
        size: the photo's width and height in full.
        shape: height and width of the photo as it is used.

    Raises:
        InputError: the mask cannot be used, or is not of the photo's size.
    """
    classes = read_class_mask(path)
    if classes.shape[::-1] != size:
        found, expected = (f"{width} x {height}" for width, height in (classes.shape[::-1], size))
        raise InputError(f"{path}: {found} pixels, expected the photo's {expected}")
    mask = Image.fromarray(region.mask(classes, path).astype(np.uint8))
    return np.asarray(mask.resize(shape[::-1], Image.Resampling.NEAREST, cut_box(*size))) > 0
