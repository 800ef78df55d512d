"""Masks of photos: read from a photoset's class masks, stored as bytes, compared."""

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
from stylevote.photos.decoding import MAX_PIXELS, PhotoError, read_bytes
from stylevote.photos.pixels import cut_box

VALUES = 256  # class numbers that a pixel of 8 bits can hold
TABLE_COLUMNS = ("value", "name", "group")
GROUPS = ("background", "body", "clothing", "accessory")
BIT_DEPTH = 24  # its position in a PNG
MODES = ("1", "L", "P")  # one number per pixel; of a palette, the number counts and not the colour
SHARD_COLUMNS = pa.schema(
    [("image_id", pa.string()), ("mask", pa.binary()), ("score", pa.float32()), ("area", pa.float32())]
)


class Detection(NamedTuple):
    """A segmenter's result for a photo."""

    mask: np.ndarray | None  # bool, of the photo's shape; None if nothing was found
    score: float  # the segmenter's confidence, 0 to 1; 0 if nothing was found


NOTHING = Detection(None, 0.0)


class Sources(NamedTuple):
    """Files that a segmenter may need: the photos' paths, the folder of masks, the table of their classes, weights."""

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
    """Return two masks' intersection over union (Jaccard 1912); 1 if both are empty."""
    union = np.count_nonzero(mask | other)
    return np.count_nonzero(mask & other) / union if union else 1.0


def write_shard(rows: Iterable[tuple[str, Detection]], path: Path) -> np.ndarray:
    """Write masks as Parquet, a row per photo, and return their areas, float32 of shape (photos,).

    Columns: image_id; mask, a PNG (`encode_mask`) or null; score; area, the mask's share of the photo.
    """
    table = [
        {
            "image_id": image_id,
            "mask": None if detection.mask is None else encode_mask(detection.mask),
            "score": detection.score,
            "area": 0.0 if detection.mask is None else detection.mask.mean(),
        }
        for image_id, detection in rows
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
            # Pillow warns below the size at which it refuses; the limit is checked below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data), formats=["PNG"])
        if image.width * image.height > MAX_PIXELS:
            raise PhotoError(f"{image.width} x {image.height} pixels, at most {MAX_PIXELS} are accepted")
        # Grey of 2 or 4 bits would be decoded to brightness: 1 of 4 bits becomes 17.
        if image.mode not in MODES or (image.mode == "L" and data[BIT_DEPTH] != 8):
            raise PhotoError(
                f"a PNG of mode {image.mode} and {data[BIT_DEPTH]} bits, expected one class number per pixel: 8-bit"
                " grey, a palette, or black and white"
            )
        return np.array(image, dtype=np.uint8)
    except PhotoError as error:
        raise InputError(f"{path}: {error}") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: expected a mask in PNG format, found another one, or a truncated file") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: more than the {MAX_PIXELS} pixels that are accepted") from error
    except Exception as error:  # a decoder that meets damaged data raises nearly anything
        raise InputError(f"{path}: truncated or damaged ({error})") from error


@dataclass(frozen=True)
class Region:
    """The class numbers of a mask."""

    inside: np.ndarray  # bool, shape (256,): the numbers that belong to the mask
    named: np.ndarray  # bool, shape (256,): the numbers that a class mask may contain
    table: Path | None  # the table of class numbers, for messages

    def mask(self, classes: np.ndarray, path: Path) -> np.ndarray:
        """Return which class numbers are in the region, bool of their shape; raise `InputError` if one is not named."""
        unnamed = np.unique(classes[~self.named[classes]])
        if len(unnamed):
            numbers = ", ".join(map(str, unnamed[:10])) + ("..." if len(unnamed) > 10 else "")
            raise InputError(f"{path}: holds the class numbers {numbers}, which {self.table} lacks; add them there")
        return self.inside[classes]


def read_region(region: str, table: Path | None) -> Region:
    """Return the class numbers of a region.

    Args:
        region: ``person``, all groups except ``background``; or ``clothing``, the group of this name.
        table: CSV with the columns value (0 to 255), name and group; None: a person is every number except 0.

    Raises:
        InputError: the table cannot be used, or has no value of the region.
    """
    if table is None:
        if region != "person":
            raise InputError(f"region {region!r}: needs photosets.train.mask_labels, to tell clothing from skin")
        return Region(np.arange(VALUES) > 0, np.ones(VALUES, dtype=bool), None)
    group_of = _read_groups(table)
    inside, named = np.zeros(VALUES, dtype=bool), np.zeros(VALUES, dtype=bool)
    named[list(group_of)] = True
    values = [
        value for value, group in group_of.items() if (group != "background" if region == "person" else group == region)
    ]
    if not values:
        raise InputError(
            f"{table}: found no value of the region {region!r}; the groups are {sorted(set(group_of.values()))}"
        )
    inside[values] = True
    return Region(inside, named, table)


def _read_groups(table: Path) -> dict[int, str]:
    """Return each class number's group."""
    if not table.is_file():  # reading a pipe would wait
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
            raise InputError(f"{table}, row {line}: the value {text} is there twice; remove one")
        group = (row["group"] or "").strip()
        if group not in GROUPS:
            raise InputError(f"{table}, row {line}: the group is {group[:40]!r}, expected one of {', '.join(GROUPS)}")
        group_of[int(text)] = group
    return group_of


# ---- masks given for photos


def find_masks(masks: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return the mask file of each photo that has one.

    A mask has its photo's name with the suffix ``.png``, and is in the same subfolder as the photo, or in none.

    Args:
        masks: the masks' folder.
        names: the photos' paths in the photoset's folder.

    Raises:
        InputError: the folder does not exist, has no mask of any photo, or has a mask that fits two photos.
    """
    if not masks.is_dir():
        raise InputError(f"{masks}: expected a folder of masks")
    mask_of = {}
    for name in names:
        path = Path(name).with_suffix(".png")
        file = next((masks / place for place in (path, path.name) if (masks / place).is_file()), None)
        if file:
            mask_of[name] = file
    if not mask_of:
        example = Path(names[0]).with_suffix(".png")
        raise InputError(
            f"{masks}: none of the {len(names)} photos has a mask there; that of {names[0]!r} would be {example}"
        )
    (path, count), *_ = Counter(mask_of.values()).most_common(1)
    if count > 1:
        shared = [name for name in names if mask_of.get(name) == path]
        raise InputError(
            f"{path}: would be the mask of {count} photos, {shared[0]!r} and {shared[1]!r} among them; sort the masks"
            " into subfolders, as the photos are"
        )
    return mask_of


def read_given(path: Path, region: Region, size: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """Return a photo's given mask as bool of the shape of the photo as it is used.

    The mask is cropped as the photo is (`stylevote.photos.pixels.cut_box`) and resized by nearest neighbours.

    Args:
        path: the mask's file.
        region: its class numbers.
        size: the photo's full width and height.
        shape: height and width of the photo as it is used.

    Raises:
        InputError: the mask cannot be used, or has another size than the photo.
    """
    classes = read_class_mask(path)
    if classes.shape[::-1] != size:
        actual, expected = (f"{width} x {height}" for width, height in (classes.shape[::-1], size))
        raise InputError(f"{path}: {actual} pixels, expected the photo's {expected}")
    mask = Image.fromarray(region.mask(classes, path).astype(np.uint8))
    return np.asarray(mask.resize(shape[::-1], Image.Resampling.NEAREST, cut_box(*size))) > 0
