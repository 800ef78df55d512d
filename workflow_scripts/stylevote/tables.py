"""Reading and writing of artefacts: written beside their place and renamed into it, so that none is ever half there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stylevote.program import InputError

MANIFEST_COLUMNS = ["image_id", "path", "width", "height", "sha256", "group"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; rename it into place when the block ends well, else remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write ``table`` as Parquet, without its index."""
    columns = pa.Table.from_pandas(table, preserve_index=False)
    # Scores are nearly all different: a dictionary of them would take a third more than they do.
    repeating = [field.name for field in columns.schema if not pa.types.is_floating(field.type)]
    with replacing(path) as partial:
        pq.write_table(columns, partial, compression="zstd", use_dictionary=repeating)


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table; `InputError` when the file is not one or lacks one of ``columns``."""
    try:
        return pq.read_table(path, columns=columns, partitioning=None).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read as a Parquet table ({error})") from error


def write_json(value: Any, path: Path) -> None:
    """Write ``value`` as indented JSON with sorted keys."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file; `InputError` when it is not one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error


def label_matrix(manifest: pd.DataFrame, labels: list[str]) -> np.ndarray:
    """Return the manifest's ``labels`` as a uint8 array of shape (photos, labels)."""
    return manifest[labels].to_numpy(dtype=np.uint8)


def fold_numbers(manifest: pd.DataFrame, folds: pd.DataFrame) -> np.ndarray:
    """Return each photo's fold as an int array of shape (photos,), in the manifest's order."""
    return folds.set_index("image_id")["fold"].loc[manifest["image_id"]].to_numpy()
