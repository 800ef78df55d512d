"""Rows of users' tables: text (also compressed), Parquet and Excel, read in one pass with bounded memory."""

import csv
import gzip
import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

from stylevote.errors import InputError
from stylevote.files.user_tables import open_users_table
from stylevote.wording import describe_path, quote, quote_all

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
EXCEL_SUFFIX = ".xlsx"
# More than any real table needs. Rows are read one after another: memory depends on what the caller keeps.
MAX_TABLE_BYTES = 4_000_000_000
MAX_CELLS = 500_000_000
MAX_ROW = 10_000_000  # characters
MAX_EXCEL_BYTES = 500_000_000  # of a workbook's parts, without compression
MAX_EXCEL_ROWS = 1_048_576  # Excel's own. A file may name any row, and openpyxl gives all rows before it
MAX_EXCEL_CELLS = 50_000_000  # with those that are empty; as many fit into the bytes
BATCH = 2_000_000  # cells of a Parquet table that are read at a time
FIELD_LIMIT = csv.field_size_limit()
BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class UnreadableError(Exception):
    """The table cannot be read to its end. The arguments are a row (0: none) and the problem."""


class TableRow(NamedTuple):
    """A row of a table."""

    line: int  # its line; 0 for the header of a Parquet table
    fields: list[str]  # its cells without the spaces around them
    packed: str = ""  # cells of one character each, which `fields` lacks (see `Rows`)


@dataclass
class Rows:
    """An iterator over a table's rows, header first, without blank rows."""

    table: Path
    sheet: str | None = None  # name of a workbook's sheet, or None for the first one
    # columns that rows may hold as a text of one character per cell, or None. They may be set after the header was
    # read: a row of a thousand labels is then read fifty times faster.
    packed: range | None = None

    def __post_init__(self) -> None:
        """Choose the reader."""
        self._iterator = self._read()

    def __iter__(self) -> "Rows":
        """Return the iterator."""
        return self

    def __next__(self) -> TableRow:
        """Return the next row; raise `UnreadableError` if there is none because of a fault."""
        return next(self._iterator)

    def _read(self) -> Iterator[TableRow]:
        if (kind := describe_path(self.table)) != "a file":
            raise UnreadableError(0, f"expected a table, found {kind}")
        name = self.table.name.lower()
        if name.removesuffix(".gz").endswith(TEXT_SUFFIXES):
            yield from self._text_rows(name.endswith(".gz"))
        elif name.endswith(PARQUET_SUFFIXES):
            yield from self._parquet_rows()
        elif name.endswith(EXCEL_SUFFIX):
            yield from self._excel_rows()
        else:
            expected = ", ".join((*TEXT_SUFFIXES, *PARQUET_SUFFIXES, EXCEL_SUFFIX))
            raise UnreadableError(0, f"expected a table whose name ends in one of {expected}")

    # ---- text

    def _text_rows(self, compressed: bool) -> Iterator[TableRow]:
        if (size := self.table.stat().st_size) > MAX_TABLE_BYTES:
            accepted = f"at most {MAX_TABLE_BYTES // 10**6} MB are accepted"
            raise UnreadableError(0, f"a table of {size / 1e6:.1f} MB, {accepted}")
        try:
            with gzip.open(self.table) if compressed else self.table.open("rb") as file:
                yield from self._rows_of_lines(_Lines(file))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UnreadableError(0, f"cannot be read as a file of gzip ({error})") from error
        except OSError as error:
            raise UnreadableError(0, f"cannot be read ({error.strerror})") from error

    def _rows_of_lines(self, lines: "_Lines") -> Iterator[TableRow]:
        first = next((text for text in lines if text.strip()), "")
        # Excel takes a first line like this as the statement of the delimiter.
        stated = re.fullmatch(r'"?sep=([,;|\t])"?', first.strip("\r\n"), re.IGNORECASE)
        if stated:
            delimiter = stated[1]
            first = next((text for text in lines if text.strip()), "")
        else:
            delimiter = max(",;\t", key=lambda candidate: _fields(first, candidate))
        form: dict[str, Any] = {"delimiter": delimiter, "skipinitialspace": True}
        cells = 0
        for whole in chain([first] if first else [], lines):
            text, line, row = whole.rstrip("\r\n"), lines.number, None
            if '"' in text or len(text) > FIELD_LIMIT:
                try:
                    fields = next(csv.reader(lines.from_here(whole), **form))
                except csv.Error as error:
                    message = f"cannot be read as a table ({error}); is a quote left open?"
                    raise UnreadableError(line, message) from error
            else:
                row = _packed_row(line, text, delimiter, self.packed) if self.packed else None
                fields = text.split(delimiter) if row is None else row.fields
            cells += len(fields) + (len(row.packed) if row else 0)
            if cells > MAX_CELLS:
                raise UnreadableError(line, f"the table is too large, at most {MAX_CELLS} cells are accepted")
            if row:
                yield row
                continue
            stripped = [cell.strip() for cell in fields]
            if any(stripped):
                yield TableRow(line, stripped)

    # ---- Parquet

    def _parquet_rows(self) -> Iterator[TableRow]:
        try:
            with open_users_table(self.table, MAX_CELLS) as file:
                names = _columns_in_order(file.schema_arrow)
                yield TableRow(0, [re.sub(r"^__index_level_\d+__$", "", name).strip() for _, name in names])
                line = 0
                for batch in file.iter_batches(max(1, BATCH // max(1, len(names)))):
                    batch.validate(full=True)
                    columns = [batch.column(k) for k, _ in names]
                    for row in _rows_of_batch(columns, self.packed):
                        line += 1
                        yield row._replace(line=line)
        except InputError as error:
            raise UnreadableError(0, str(error).removeprefix(f"{self.table}: ")) from error
        except UnreadableError:
            raise
        except Exception as error:  # readers raise nearly anything for damaged data
            raise UnreadableError(0, f"cannot be read as a Parquet table ({error})") from error

    # ---- Excel

    def _excel_rows(self) -> Iterator[TableRow]:
        import openpyxl  # noqa: PLC0415 (slow to import, and seldom needed)

        try:
            with zipfile.ZipFile(self.table) as parts:
                if (size := sum(part.file_size for part in parts.infolist())) > MAX_EXCEL_BYTES:
                    accepted = f"at most {MAX_EXCEL_BYTES // 10**6} MB are accepted; save it as CSV"
                    raise UnreadableError(0, f"a workbook of {size / 1e6:.1f} MB without compression, {accepted}")
            book = openpyxl.load_workbook(self.table, read_only=True, data_only=True)
            names = book.sheetnames
            if self.sheet is not None and self.sheet not in names:
                raise UnreadableError(0, f"no sheet {quote(self.sheet)}, found {quote_all(names)}")
            cells = 0
            for line, row in enumerate(book[self.sheet or names[0]].iter_rows(values_only=True), 1):
                cells += len(row)
                if cells > MAX_EXCEL_CELLS or line > MAX_EXCEL_ROWS:
                    accepted = f"at most {MAX_EXCEL_CELLS} cells in {MAX_EXCEL_ROWS} rows are accepted; save it as CSV"
                    raise UnreadableError(line, f"the table is too large, {accepted}")
                fields = ["" if cell is None else str(cell).strip() for cell in row]
                if any(fields):
                    yield TableRow(line, fields)
        except UnreadableError:
            raise
        except Exception as error:  # readers raise nearly anything for damaged data
            raise UnreadableError(0, f"cannot be read as an Excel workbook ({error})") from error


class _Lines:
    """The lines of a text in UTF-8 or UTF-16, and the number of the last one."""

    def __init__(self, file: BinaryIO) -> None:
        start = file.read(2)
        file.seek(0)
        self.encoding = BOMS.get(start, "utf-8-sig")
        # Bytes that are not UTF-8 are found in their line, whose number the message gives.
        errors = "strict" if self.encoding == "utf-16" else "surrogateescape"
        self.text = io.TextIOWrapper(io.BufferedReader(file, 1 << 20), self.encoding, errors=errors, newline="")
        self.number = self.read = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number += 1
        try:
            text = self.text.readline(MAX_ROW)
        except UnicodeDecodeError as error:
            raise UnreadableError(self.number, f"not {self.encoding.upper()} ({error.reason})") from error
        if not text:
            raise StopIteration
        self.read += len(text)
        if self.read > MAX_TABLE_BYTES:
            raise UnreadableError(0, f"the table is too large, at most {MAX_TABLE_BYTES // 10**6} MB are accepted")
        if len(text) == MAX_ROW:
            raise UnreadableError(self.number, f"the row is too long, at most {MAX_ROW} characters are accepted")
        if "\0" in text:
            raise UnreadableError(0, "a binary file (it holds a NUL character), expected text")
        if not text.isascii() and (wrong := re.search("[\udc80-\udcff]", text)):
            byte = ord(wrong[0]) - 0xDC00
            raise UnreadableError(self.number, f"not UTF-8 (byte 0x{byte:02x}); save the table as UTF-8")
        return text

    def from_here(self, text: str) -> Iterator[str]:
        """Yield a line again, and the next ones, as far as one row may reach."""
        length = 0
        while True:
            length += len(text)
            if length > MAX_ROW:
                raise UnreadableError(self.number, f"the row is too long, at most {MAX_ROW} characters are accepted")
            yield text
            try:
                text = next(self)
            except StopIteration:
                return


def _fields(text: str, delimiter: str) -> int:
    """Return the number of fields into which a delimiter divides a line; 0 if it cannot be read so."""
    try:
        return len(next(csv.reader([text], delimiter=delimiter), []))
    except csv.Error:
        return 0


def _packed_row(line: int, text: str, delimiter: str, packed: range) -> TableRow | None:
    """Return a row with its ``packed`` columns as one text; None if one of them has not exactly one character."""
    count = len(packed)
    before = text.split(delimiter, packed.start)
    if len(before) <= packed.start:
        return None
    rest = before.pop()
    cells, after = rest[: 2 * count - 1], rest[2 * count - 1 :]
    regular = len(cells) == 2 * count - 1 and cells[1::2] == delimiter * (count - 1) and after[:1] in ("", delimiter)
    values = cells[::2]
    if not regular or delimiter in values or " " in values:
        return None
    fields = [*before, *after.split(delimiter)[1:]]
    return TableRow(line, [cell.strip() for cell in fields], values)


def _columns_in_order(schema: pa.Schema) -> list[tuple[int, str]]:
    """Return the positions and names of a Parquet table's columns, those of pandas's index first."""
    index = (schema.pandas_metadata or {}).get("index_columns", [])
    columns = list(enumerate(schema.names))
    return sorted(columns, key=lambda column: column[1] not in index)


def _rows_of_batch(columns: list[pa.Array], packed: range | None) -> Iterator[TableRow]:
    """Yield rows, without their numbers."""
    digits = [_digits(columns[k]) for k in packed] if packed else []
    if digits and all(values is not None for values in digits):
        texts = np.stack(digits, axis=1)
        fields = zip(*(_texts(columns[k]) for k in range(len(columns)) if k not in packed), strict=True)
        for row, values in zip(fields, texts, strict=True):
            yield TableRow(0, list(row), values.tobytes().decode("ascii"))
        return
    for fields in zip(*map(_texts, columns), strict=True):
        yield TableRow(0, list(fields))


def _digits(column: pa.Array) -> np.ndarray | None:
    """Return a column of 0 and 1 as characters' codes; None for any other column."""
    if column.null_count or not (pa.types.is_boolean(column.type) or pa.types.is_integer(column.type)):
        return None
    values = column.to_numpy(zero_copy_only=False)
    return (values != 0).astype(np.uint8) + ord("0") if np.isin(values, (0, 1)).all() else None


def _texts(column: pa.Array) -> Iterable[str]:
    """Return a Parquet column's cells as text; those that are missing are empty."""
    if pa.types.is_dictionary(column.type):
        values = [*_texts(column.dictionary), ""]
        return [values[-1 if code is None else code] for code in column.indices.to_pylist()]
    if pa.types.is_boolean(column.type):
        return [{True: "1", False: "0", None: ""}[cell] for cell in column.to_pylist()]
    if pa.types.is_floating(column.type):
        return ["" if cell is None or math.isnan(cell) else str(cell) for cell in column.to_pylist()]
    return ["" if cell is None else str(cell).strip() for cell in column.to_pylist()]
