"""Parquet tables of users. Their size is checked before they are read: a few bytes may expand to gigabytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stylevote.errors import InputError
from stylevote.files.tables import check_seal

MAX_COLUMNS = 25_000
PLAIN = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
TEXT = (pa.types.is_string, pa.types.is_large_string)


def read_users_table(path: Path, max_cells: int) -> pd.DataFrame:
    """Read a Parquet table of at most ``max_cells`` (rows times columns) that another program, or this workflow, wrote.

    Text comes as a categorical column: a million equal texts take the room of one.

    Raises:
        InputError: the file is no Parquet table, is damaged or too large, or contains other types than text, numbers
            and booleans.
    """
    with open_users_table(path, max_cells) as file:
        table = file.read()
        table.validate(full=True)
        return table.to_pandas()


@contextmanager
def open_users_table(path: Path, max_cells: int) -> Iterator[pq.ParquetFile]:
    """Yield the reader of a Parquet table; see `read_users_table`."""
    if not path.is_file():
        raise InputError(f"{path}: expected a Parquet table, found {'no file' if path.exists() else 'nothing'}")
    check_seal(path, required=False)
    try:
        with pq.ParquetFile(path) as file:
            _check_form(path, file, max_cells)
            text = [field.name for field in file.schema_arrow if _value_is(field.type, TEXT)]
        with pq.ParquetFile(path, read_dictionary=text) as file:
            yield file
    except InputError:
        raise
    except Exception as error:  # readers raise nearly anything for damaged data
        raise InputError(f"{path}: cannot be read as a Parquet table ({error})") from error


def _check_form(path: Path, file: pq.ParquetFile, max_cells: int) -> None:
    rows, schema = file.metadata.num_rows, file.schema_arrow
    if rows * len(schema) > max_cells or len(schema) > MAX_COLUMNS:
        raise InputError(
            f"{path}: found {rows} rows of {len(schema)} columns, expected at most {max_cells} cells and {MAX_COLUMNS} "
            "columns"
        )
    for field in schema:
        if not _value_is(field.type, (*PLAIN, *TEXT)):
            raise InputError(f"{path}: column {field.name!r}: found {field.type}, expected text, numbers or booleans")


def _value_is(kind: pa.DataType, checks: tuple) -> bool:
    """Return whether a type, or the type of a dictionary's values, passes one of the checks."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(check(value) for check in checks)
