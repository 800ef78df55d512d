"""Files of recoloured photos: their new colours in Parquet, written and read in chunks, and a table of all attempts."""

import hashlib
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from stylevote.files.tables import open_table, table_writer, write_table

MADE = "made"
PHOTOS_AT_ONCE = 64  # rows in memory: some 10 MB, and a few hundred kB in the file
FIGURES = ("clothing_change", "skin_change", "background_change", "edge_ratio", "clipped")
PHOTO_COLUMNS = pa.schema(
    [("image_id", pa.string()), ("variant", pa.string())]
    + [(name, pa.list_(pa.float32())) for name in ("hues_from", "hues_to")]
    + [(name, pa.float32()) for name in FIGURES]
    + [("sha256", pa.string()), ("recoloring", pa.binary())]
)
ATTEMPT_COLUMNS = pa.schema([*list(PHOTO_COLUMNS)[:-1], ("outcome", pa.string())])


class Attempt(NamedTuple):
    """One attempt at a recoloured copy."""

    image_id: str
    variant: str  # name of the copy among the photo's copies
    outcome: str  # ``made``, why the clothes cannot be recoloured, or ``gate:`` and the measure that failed
    hues_from: list[float]  # the garments' hues before, degrees
    hues_to: list[float]  # the garments' hues after, degrees
    figures: dict[str, float]  # from `stylevote.augment.quality.measure`; empty if nothing was recoloured
    recoloring: bytes | None  # the copy's new colours, if it was made (`stylevote.augment.recolor.Recoloring.to_bytes`)


def write_shard(attempts: Iterable[Attempt], photos: Path, table: Path) -> pd.DataFrame:
    """Write a shard's photos to ``photos`` as they are made, and a row per attempt to ``table``.

    Returns:
        the rows: image_id, variant, hues_from, hues_to, `FIGURES`, sha256 (of the new colours), outcome.
    """
    rows, made = [], []
    with table_writer(photos, PHOTO_COLUMNS, compression="zstd") as writer:
        for attempt in attempts:
            row = {**attempt._asdict(), **attempt.figures}
            recoloring = row.pop("recoloring")
            row["sha256"] = hashlib.sha256(recoloring).hexdigest() if recoloring else None
            rows.append(row)
            if recoloring:
                made.append({**row, "recoloring": recoloring})
            if len(made) == PHOTOS_AT_ONCE:
                writer.write_table(pa.Table.from_pylist(made, PHOTO_COLUMNS))
                made.clear()
        writer.write_table(pa.Table.from_pylist(made, PHOTO_COLUMNS))
    result = pa.Table.from_pylist(rows, ATTEMPT_COLUMNS).to_pandas()
    write_table(result, table)
    return result


def read_photos(paths: Iterable[Path], wanted: Container[tuple[str, str]] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of shards of recoloured photos, in their order.

    Args:
        paths: the shards.
        wanted: image_id and variant of the rows to yield; None: all. Other photos are not read.

    Raises:
        InputError: a file is damaged.
    """
    for path in paths:
        with open_table(path) as file:
            for group in range(file.num_row_groups):
                names = file.read_row_group(group, columns=["image_id", "variant"]).to_pylist()
                chosen = [k for k, row in enumerate(names) if wanted is None or tuple(row.values()) in wanted]
                if chosen:
                    yield from file.read_row_group(group, columns=PHOTO_COLUMNS.names).take(chosen).to_pylist()
