"""Read and write artefacts. Each is written under another name and renamed, so that no file is half written.

Artefacts are sealed: each contains a digest of its content. Readers check it first, so no flipped bit is read as data.
"""

import glob
import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stylevote.errors import InputError, unwritable

MANIFEST_COLUMNS = ["image_id", "path", "width", "height", "sha256", "pixel_range", "group"]
UNKNOWN = 255  # a label that is not known for a photo, neither 0 nor 1
HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
MAGIC = b"PAR1"  # start and end of a Parquet file
MARK = b"\nsealed: sha256="  # start of a seal; the digest's 32 bytes follow
SEAL_BYTES = len(MARK) + 32
CHUNK = 1 << 20  # bytes in memory
REMEDY = "Delete it and run again. To rebuild only this file, pass its path to snakemake"
USERS_REMEDY = "Delete it, replace it if it was yours, and run again"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to; rename it to ``path`` if the block succeeds, else remove it.

    The path is in the same folder and belongs to this process: if a scheduler was killed, its jobs may run together
    with those of the next one. Files that killed processes of this host left are removed.

    Raises:
        InputError: the disk is full or read-only.
    """
    partial = path.with_name(f".{path.name}.{HOST}-{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for stale in path.parent.glob(f".{glob.escape(path.name)}.{HOST}-*.partial"):
            if not _is_running(int(stale.name.split("-")[-1].removesuffix(".partial"))):
                stale.unlink(missing_ok=True)
        try:
            yield partial
            partial.replace(path)
        finally:
            with suppress(OSError):  # on a read-only disk; the first error tells more
                partial.unlink(missing_ok=True)
    except InputError:
        raise
    except Exception as error:
        if why := unwritable(error):
            raise InputError(f"{path}: {why}, then start again") from error
        raise


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's process
    return True


def damaged(path: Path, why: str = "its checksum does not fit", remedy: str = REMEDY) -> InputError:
    """Return the error for a damaged artefact, with the remedy."""
    return InputError(f"{path}: damaged ({why}). {remedy}")


# ---- seals


def seal(path: Path) -> None:
    """Put a digest of all its bytes into a finished file, at a place that other readers ignore.

    The seal is at the end. In a Parquet file it is between the last page and the footer, whose start the last bytes
    give: no page moves.
    """
    with path.open("r+b") as file:
        end = _seal_end(file)
        file.seek(end)
        tail = file.read()
        sealed = MARK + _sha256(file, end, tail) + tail
        file.seek(end)
        file.write(sealed)


def check_seal(path: Path, *, required: bool = True) -> None:
    """Raise `InputError` if the file has changed since it was sealed or, if ``required``, has no seal."""
    try:
        with path.open("rb") as file:
            end = _seal_end(file)
            file.seek(max(0, end - SEAL_BYTES))
            actual = file.read(min(end, SEAL_BYTES))
            if not actual.startswith(MARK):
                if required:
                    raise damaged(path, "it has no checksum: it was cut short, or another version wrote it")
            elif actual != MARK + _sha256(file, end - SEAL_BYTES, file.read()):
                raise damaged(path, "its checksum does not fit", REMEDY if required else USERS_REMEDY)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _seal_end(file: BinaryIO) -> int:
    """Return the position at which a seal ends: before a Parquet file's footer, else at the file's end."""
    size = file.seek(0, 2)
    if size < 2 * len(MAGIC) + 4:
        return size
    file.seek(0)
    first = file.read(len(MAGIC))
    file.seek(-4 - len(MAGIC), 2)
    length, last = int.from_bytes(file.read(4), "little"), file.read()
    footer = size - length - 4 - len(MAGIC)
    return footer if (first, last) == (MAGIC, MAGIC) and footer >= len(MAGIC) else size


def _sha256(file: BinaryIO, length: int, tail: bytes) -> bytes:
    """Return the SHA-256 of the file's first ``length`` bytes and ``tail``."""
    sha256 = hashlib.sha256()
    file.seek(0)
    while length > 0 and (chunk := file.read(min(CHUNK, length))):
        sha256.update(chunk)
        length -= len(chunk)
    sha256.update(tail)
    return sha256.digest()


def write_sealed(data: bytes, path: Path) -> None:
    """Write ``data`` and its seal."""
    with replacing(path) as partial:
        partial.write_bytes(data)
        seal(partial)


def read_sealed(path: Path) -> bytes:
    """Return the data that `write_sealed` wrote; raise `InputError` if it is damaged."""
    check_seal(path)
    return path.read_bytes()[:-SEAL_BYTES]


# ---- tables


@contextmanager
def table_writer(path: Path, schema: pa.Schema, **options: Any) -> Iterator[pq.ParquetWriter]:
    """Yield the writer of a sealed Parquet file; ``options`` are those of `ParquetWriter`."""
    with replacing(path) as partial:
        with pq.ParquetWriter(partial, schema, **options) as writer:
            yield writer
        seal(partial)


@contextmanager
def open_table(path: Path) -> Iterator[pq.ParquetFile]:
    """Yield the reader of a sealed Parquet file; raise `InputError` if it is damaged."""
    check_seal(path)
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read as a Parquet table ({error})") from error


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write ``table`` as a sealed Parquet file, without its index."""
    columns = pa.Table.from_pandas(table, preserve_index=False)
    # Scores are nearly all different: with a dictionary they would take a third more room.
    repeating = [field.name for field in columns.schema if not pa.types.is_floating(field.type)]
    with table_writer(path, columns.schema, compression="zstd", use_dictionary=repeating) as writer:
        writer.write_table(columns)


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table that `write_table` wrote; raise `InputError` if it is damaged or lacks one of ``columns``."""
    check_seal(path)
    try:
        return pq.read_table(path, columns=columns, partitioning=None).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read as a Parquet table ({error})") from error


# ---- JSON


def write_json(value: dict[str, Any], path: Path) -> None:
    """Write ``value`` as indented JSON with sorted keys, and the key ``sha256`` with the digest of the others."""
    sealed = value | {"sha256": _json_sha256(value)}
    with replacing(path) as partial:
        partial.write_text(json.dumps(sealed, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path, remedy: str = REMEDY) -> dict[str, Any]:
    """Return the value that `write_json` wrote; raise `InputError` with the ``remedy`` if it is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        expected = value.pop("sha256")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise damaged(path, "it is no JSON with a checksum", remedy) from error
    if _json_sha256(value) != expected:
        raise damaged(path, remedy=remedy)
    return value


def _json_sha256(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


# ---- columns


def check_photos(table: pd.DataFrame, image_ids: Iterable[str], name: object) -> None:
    """Raise `InputError` unless a table, which the message calls ``name``, has a row per photo in this order."""
    expected = list(image_ids)
    if table["image_id"].tolist() != expected:
        counts = f"its {len(table)} photos are not the {len(expected)} expected"
        raise InputError(f"{name}: {counts}; delete it and run again")


def label_matrix(manifest: pd.DataFrame, labels: list[str]) -> np.ndarray:
    """Return the manifest's ``labels`` as a uint8 array of shape (photos, labels): 0, 1 or `UNKNOWN`."""
    return manifest[labels].to_numpy(dtype=np.uint8)


def target_matrix(manifest: pd.DataFrame, labels: list[str]) -> np.ndarray:
    """Return the manifest's ``labels`` as float32 of shape (photos, labels): 0, 1, or NaN if unknown."""
    values = label_matrix(manifest, labels)
    targets = values.astype(np.float32)
    targets[values == UNKNOWN] = np.nan
    return targets


def positive_matrix(manifest: pd.DataFrame, labels: list[str]) -> np.ndarray:
    """Return 1 where a photo is known to have a label, else 0: uint8, shape (photos, labels)."""
    return (label_matrix(manifest, labels) == 1).astype(np.uint8)


def count_known(values: np.ndarray) -> np.ndarray:
    """Return for each label of a `label_matrix` of how many photos it is known: int64, shape (labels,)."""
    return np.count_nonzero(values != UNKNOWN, axis=0)


def share_with(values: np.ndarray) -> np.ndarray:
    """Return the share of positives of each label of a `label_matrix`, among the photos for which it is known."""
    return np.count_nonzero(values == 1, axis=0) / np.maximum(count_known(values), 1)


def epoch_rows(path: Path, variants: pd.DataFrame) -> list[np.ndarray]:
    """Return the rows of ``variants`` that each epoch of a manifest sees, in its order.

    ``variants`` has image_id and variant of each photo whose pixels or features there are.

    Raises:
        InputError: an epoch contains a photo that is not in ``variants``.
    """
    epochs, columns = read_table(path), ["image_id", "variant"]
    rows = pd.MultiIndex.from_frame(variants[columns]).get_indexer(pd.MultiIndex.from_frame(epochs[columns]))
    if (rows < 0).any():
        missing = epochs.loc[rows < 0, columns].iloc[0].tolist()
        raise InputError(
            f"{path}: {(rows < 0).sum()} photos have no pixels or features, first {missing}; delete the pixel cache or,"
            " for a probe, the features, and run again"
        )
    return [rows[positions] for positions in epochs.groupby("epoch", sort=True).indices.values()]


def fold_numbers(manifest: pd.DataFrame, folds: pd.DataFrame) -> np.ndarray:
    """Return each photo's fold as an int array of shape (photos,), in the manifest's order."""
    return folds.set_index("image_id")["fold"].loc[manifest["image_id"]].to_numpy()
