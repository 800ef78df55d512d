"""Parquet tables that users bring: looked at before they are read, since a few bytes may stand for gigabytes."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stylevote.errors import InputError
from stylevote.files.tables import check_seal

MOST_COLUMNS = 2_000
PLAIN = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
TEXT = (pa.types.is_string, pa.types.is_large_string)


def read_users_table(path: Path, most_cells: int) -> pd.DataFrame:
    """Read a Parquet table that another program wrote; it may be one of this workflow's, too.

    Text comes as a categorical column: what stands there a million times takes the room of one.

    Args:
        path: the file.
        most_cells: rows times columns that are accepted.

    Raises:
        InputError: the file is no Parquet table, is damaged, is too large, or holds other things than text, numbers and
            booleans.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a Parquet table, found {'no file' if path.exists() else 'nothing'}")
    check_seal(path, required=False)
    try:
        with pq.ParquetFile(path) as file:
            _check_form(path, file, most_cells)
            text = [field.name for field in file.schema_arrow if _value_is(field.type, TEXT)]
        table = pq.read_table(path, partitioning=None, read_dictionary=text)
        table.validate(full=True)
        return table.to_pandas()
    except InputError:
        raise
    except Exception as error:  # a reader that meets damaged data raises nearly anything
        raise InputError(f"{path}: cannot be read as a Parquet table ({error})") from error


def _check_form(path: Path, file: pq.ParquetFile, most_cells: int) -> None:
    rows, schema = file.metadata.num_rows, file.schema_arrow
    if rows * len(schema) > most_cells or len(schema) > MOST_COLUMNS:
        found = f"{rows} rows of {len(schema)} columns"
        raise InputError(f"{path}: holds {found}, at most {most_cells} cells in {MOST_COLUMNS} columns are accepted")
    for field in schema:
        if not _value_is(field.type, (*PLAIN, *TEXT)):
            raise InputError(f"{path}: column {field.name!r} holds {field.type}, expected text, numbers or booleans")


def _value_is(kind: pa.DataType, checks: tuple) -> bool:
    """Tell whether one of the checks holds of a type, or of what a dictionary of it holds."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(check(value) for check in checks)
