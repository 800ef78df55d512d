"""Open photos, and judge over all of them which of their values are black and white."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from stylevote.photos.decoding import PhotoError, decode_photo, read_bytes
from stylevote.photos.findings import plainness
from stylevote.photos.near_duplicates import SIDE, thumbnail
from stylevote.photos.pixels import map_in_order
from stylevote.photos.values import BITS_8, USUAL, Range, Values, judge_ranges

MAX_MISSING = 0.1  # fraction of a photo's rows that a file without its last bytes may lack


class Examined(NamedTuple):
    """A photo whose file was opened."""

    width: int  # upright, pixels
    height: int  # upright, pixels
    sha256: str  # of its file
    thumbnail: bytes  # see `near_duplicates.thumbnail`
    values: Values  # kind and extrema of its values
    range: Range  # the values that became black and white
    plain: str  # see `plainness`
    notes: tuple[str, ...]  # what was done with it


def examine_photo(
    root: Path,
    path: str,
    ranges: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    max_missing: float = 0,
) -> Examined | str:
    """Open the photo at ``path`` in ``root``; return its properties, or the text of its problem.

    ``ranges`` and ``max_missing`` are those of `decode_photo`.
    """
    try:
        data = read_bytes(root / path)
        photo = decode_photo(data, 2 * SIDE, ranges, max_missing)
    except PhotoError as error:
        return str(error)
    sha256, small, plain = hashlib.sha256(data).hexdigest(), thumbnail(photo.image).tobytes(), plainness(photo.image)
    return Examined(photo.width, photo.height, sha256, small, photo.values, photo.range, plain, photo.notes)


def examine_photos(
    paths: list[str],
    examine: Callable[..., Examined | str],
    threads: int,
    known: Mapping[str, tuple[float, float]],
    value_range: Sequence[float] | None,
) -> tuple[list[Examined | str], list[Range]]:
    """Open every photo, and once more if it proves to be the photoset that tells which of its values are white.

    Args:
        paths: of the photos.
        examine: `examine_photo` of a path, with ``ranges``.
        threads: processes that open photos.
        known: black and white by the kind of values, where a bundle says so.
        value_range: black and white, where the configuration says so.

    Returns:
        properties of a photo, or the text of its problem; and the ranges of all kinds of values but unchanged 8 bits.
    """
    stated = (float(value_range[0]), float(value_range[1])) if value_range else None
    ranges = dict.fromkeys(USUAL, stated) if stated else dict(known)
    found = list(map_in_order(partial(examine, ranges=ranges), paths, threads))
    values = [photo.values for photo in found if not isinstance(photo, str)]
    judged = judge_ranges(values)
    ranges = {**judged, **{kind: used for kind, used in ranges.items() if kind in judged or kind == BITS_8}}
    if stated and not judged:
        ranges = {BITS_8: stated}
    again = [
        k
        for k, photo in enumerate(found)
        if not isinstance(photo, str) and photo.range[1:] != ranges.get(photo.values.kind, photo.range[1:])
    ]
    opened = map_in_order(partial(examine, ranges=ranges), [paths[k] for k in again], threads)
    for k, photo in zip(again, opened, strict=True):
        found[k] = photo
    return found, [used for used in (Range(kind, *each) for kind, each in ranges.items()) if used.text]
