"""Tables of file names and labels, read without looking at the photos."""

import csv
import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from mimetypes import guess_type
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

import pandas as pd

from stylevote.errors import InputError
from stylevote.files.user_tables import read_users_table
from stylevote.photos.problems import Problem
from stylevote.wording import SHOWN, describe_path, location, nearest, plural, quote

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
OTHER_COLUMNS = ("url", "group")  # besides labels
BITS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
NOT_A_BIT = 255
MAX_NAME = 4096  # characters; no system takes more
# More than any real set of photos needs. Reading a table of this size takes at most 2 GB, whatever it holds.
MAX_TABLE_BYTES = 50_000_000
MAX_ROWS = 1_000_000
MAX_CELLS = 10_000_000


class TableRow(NamedTuple):
    """A row of the table: its line, and its fields without the spaces around them."""

    line: int
    fields: list[str]


class Column(NamedTuple):
    """A label, and the position of its column in the table."""

    label: str
    position: int


@dataclass(slots=True)
class Entry:
    """A photo that is in the table, or in the folder if there is no table.

    Attributes:
        row: line of the table.
        name: the photo's name in the table.
        values: a byte per label column of the table: 0, 1, or `NOT_A_BIT` for anything else.
        alternative: last segment of the challenge's URL.
        url: where it can be downloaded from, if the table has a URL.
        group: name of the photos that stay together with it, or an empty text.
        path: path in the folder, once the file is found.
    """

    row: int
    name: str
    values: bytes
    alternative: str = ""
    url: str = ""
    group: str = ""
    path: str = ""


class UnreadableError(Exception):
    """The table cannot be read to its end. The arguments are a row (0: none) and the problem."""


def read_label_table(table: Path, labels: list[str], labelled: bool) -> tuple[list[str], list[Entry], list[Problem]]:
    """Read a label table.

    Args:
        table: CSV, TSV or Parquet.
        labelled: whether the table must have labels.

    Returns:
        the labels that the table has, an entry for every usable row, and the problems.
    """
    try:
        return _read(table, labels, labelled)
    except UnreadableError as error:
        row, text = error.args
        return [], [], [Problem(row, f"{location(table, row)}: {text}")]


def _read(table: Path, labels: list[str], labelled: bool) -> tuple[list[str], list[Entry], list[Problem]]:
    rows = read_rows(table)
    first = next(rows, None)
    if first is None:
        raise UnreadableError(0, "the table is empty, expected a header and a row per photo")
    if is_challenge_form(first):
        columns, faults = _challenge_columns(table, first, labels, labelled)
        entries, bad_rows = _row_entries(table, chain([first], rows), columns, width=len(first.fields), url=1)
        for entry in entries:
            entry.alternative = re.split("[?#]", entry.url)[0].rpartition("/")[2]
    else:
        columns, faults = _label_columns(table, first, labels, labelled)
        if not faults and str(guess_type(first.fields[0], strict=False)[0]).startswith("image/"):
            text = f"{location(table, first.line)}: expected a header, found the photo {quote(first.fields[0])}"
            faults.append(Problem(first.line, text))
        url, group = (first.fields.index(name, 1) if name in first.fields[1:] else None for name in OTHER_COLUMNS)
        entries, bad_rows = _row_entries(table, rows, columns, width=len(first.fields), url=url, group=group)
        if not (entries or bad_rows):
            faults.append(Problem(0, f"{table}: the table is empty, it has a header and no row below it"))
    return [column.label for column in columns], entries, faults + bad_rows


def content_digest(labels: list[str], entries: list[Entry]) -> str:
    """Return a digest of a table's photos, in their order, with their labels and groups, in whatever format."""
    text = hashlib.sha256("\0".join(labels).encode())
    for entry in entries:
        text.update(f"\n{entry.name}\0{entry.alternative}\0{entry.values.hex()}".encode())
        if entry.group:
            text.update(f"\0{entry.group}".encode())
    return text.hexdigest()[:16]


def file_names(entries: list[Entry]) -> set[str]:
    """Return the names that files of these photos may have, without folders, in both of Unicode's forms."""
    names = {name.rpartition("/")[2] for entry in entries for name in (entry.name, entry.alternative)}
    return names | {
        unicodedata.normalize(form, name) for form in ("NFC", "NFD") for name in names if not name.isascii()
    }


def read_rows(table: Path) -> Iterator[TableRow]:
    """Yield the table's rows, header first, without blank lines. The header of a Parquet table is in line 0."""
    suffix = table.suffix.lower()
    if (kind := describe_path(table)) != "a file":
        raise UnreadableError(0, f"expected a table, found {kind}")
    if suffix not in TEXT_SUFFIXES + PARQUET_SUFFIXES:
        expected = ", ".join(TEXT_SUFFIXES + PARQUET_SUFFIXES)
        raise UnreadableError(0, f"expected a table whose name ends in one of {expected}")
    yield from _parquet_rows(table) if suffix in PARQUET_SUFFIXES else _text_rows(table)


def _parquet_rows(table: Path) -> Iterator[TableRow]:
    try:
        frame = read_users_table(table, MAX_CELLS)
    except InputError as error:
        raise UnreadableError(0, str(error).removeprefix(f"{table}: ")) from error
    if len(frame) > MAX_ROWS:
        raise UnreadableError(0, f"{len(frame)} rows, at most {MAX_ROWS} are accepted")
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(allow_duplicates=True)  # pandas kept the file names as the index
    yield TableRow(0, [str(name).strip() for name in frame.columns])
    cells = zip(*(_plain_column(frame.iloc[:, k]) for k in range(frame.shape[1])), strict=True)
    for line, fields in enumerate(cells, 1):
        yield TableRow(line, list(fields))


def _plain_column(column: pd.Series) -> list[str]:
    """Return a Parquet column's cells as text."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        values = [*_plain_column(column.cat.categories.to_series()), ""]
        return [values[code] for code in column.cat.codes]  # a missing cell has the code -1, the last value
    return [
        "" if missing else str(int(cell)) if isinstance(cell, bool) else str(cell).strip()
        for cell, missing in zip(column.tolist(), column.isna(), strict=True)
    ]


def _text_rows(table: Path) -> Iterator[TableRow]:
    if (size := table.stat().st_size) > MAX_TABLE_BYTES:
        accepted = f"at most {MAX_TABLE_BYTES // 10**6} MB are accepted"
        raise UnreadableError(0, f"a table of {size / 1e6:.1f} MB, {accepted}")
    try:
        data = table.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UnreadableError(0, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise UnreadableError(row, f"not UTF-8 (byte 0x{data[error.start]:02x}); save the table as UTF-8") from error
    if "\0" in text:
        raise UnreadableError(0, "a binary file (it holds a NUL character), expected text")
    line, rows, cells = 1, 0, 0
    try:
        form = {"delimiter": _delimiter(text), "skipinitialspace": True}
        # Before any row is kept: a table that is too large could hold millions of rows, each with a problem.
        reader = csv.reader(io.StringIO(text, newline=""), **form)
        for fields in reader:
            rows, cells = rows + 1, cells + len(fields)
            if rows > MAX_ROWS or cells > MAX_CELLS:
                accepted = f"at most {MAX_ROWS} rows and {MAX_CELLS} cells are accepted"
                raise UnreadableError(line, f"the table is too large, {accepted}")
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableError(line, f"cannot be read as a table ({error}); is a quote left open?") from error
    line, reader = 1, csv.reader(io.StringIO(text, newline=""), **form)
    for fields in reader:
        stripped = [cell.strip() for cell in fields]
        if stripped not in ([], [""]):
            yield TableRow(line, stripped)
        line = reader.line_num + 1


def _delimiter(text: str) -> str:
    """Return the comma, semicolon or tab, whichever splits the first line that is not blank into most fields."""
    first = next((line for line in io.StringIO(text, newline="") if line.strip()), "")
    return max(",;\t", key=lambda delimiter: len(next(csv.reader([first], delimiter=delimiter))))


def is_challenge_form(first: TableRow) -> bool:
    """Tell by the URL in its first row whether a table has the challenge's form, ``id,url[,l0,...]`` without header."""
    return len(first.fields) > 1 and re.match(r"[a-z]+://", first.fields[1], re.IGNORECASE) is not None


def _challenge_columns(
    table: Path, first: TableRow, labels: list[str], labelled: bool
) -> tuple[list[Column], list[Problem]]:
    """Return the label columns of the challenge's form, in the configuration's order, and the problems."""
    count = len(first.fields) - 2
    if count == len(labels):
        return [Column(label, 2 + k) for k, label in enumerate(labels)], []
    if count == 0 and not labelled:
        return [], []
    expected = f"expected id, url and the {plural(len(labels), 'label')} of the configuration in their order"
    text = f"{location(table, first.line)}: found id, url and {plural(count, 'column')} of labels, {expected}"
    return [], [Problem(first.line, text)]


def _label_columns(
    table: Path, header: TableRow, labels: list[str], labelled: bool
) -> tuple[list[Column], list[Problem]]:
    """Return the label columns in the configuration's order, and the problems of the header."""
    where = location(table, header.line)
    label_of = {normal(label): label for label in labels}
    names = [label_of.get(normal(name), name) for name in header.fields[1:]]
    if BITS.keys() & names:
        return [], [Problem(header.line, f"{where}: expected a header with the names of the columns, found values")]
    texts = []
    for name, times in Counter(names).items():
        if name in labels and times > 1:
            texts.append(f"column of label {quote(name)} is there {times} times, expected one")
        elif name not in labels and name not in OTHER_COLUMNS:
            # A suggestion takes a while, and a message lists only the first problems.
            suggested = labels if len(texts) < SHOWN else []
            texts.append(f"unknown column {quote(name)}, expected labels, url or group{nearest(name, suggested)}")
    missing = [label for label in labels if label not in names]
    if labelled or len(missing) < len(labels):
        texts += [f"no column for label {quote(label)}" for label in missing]
    columns = [Column(label, 1 + names.index(label)) for label in labels if label in names]
    return columns, [Problem(header.line, f"{where}: {text}") for text in texts]


def _row_entries(
    table: Path,
    rows: Iterable[TableRow],
    columns: list[Column],
    *,
    width: int,
    url: int | None,
    group: int | None = None,
) -> tuple[list[Entry], list[Problem]]:
    """Return an entry for every row with a usable name, and the problems of all rows.

    Args:
        table: its path, for messages.
        rows: its rows.
        columns: its label columns.
        width: fields per row.
        url, group: positions of the URLs and of the names of groups, if it has some.
    """
    entries, problems = [], []
    first_row = {}
    for line, fields in rows:
        if len(fields) != width:
            texts = [f"{plural(len(fields), 'field')}, expected {width}"]
        else:
            name = fields[0]
            fault = _name_fault(name, first_row)
            texts = [fault] if fault else []
            values = bytes([BITS.get(fields[position], NOT_A_BIT) for _, position in columns])
            for (label, position), value in zip(columns, values, strict=True) if NOT_A_BIT in values else ():
                if value == NOT_A_BIT:
                    text = quote(fields[position]) if fields[position] else "empty"
                    texts.append(f"{quote(name)}: label {quote(label)} is {text}, expected 0 or 1")
            if not fault:
                url_of, group_of = ("" if position is None else fields[position] for position in (url, group))
                entries.append(Entry(line, name, values, url=url_of, group=group_of))
                first_row[name] = line
        problems += [Problem(line, f"{location(table, line)}: {text}") for text in texts]
    return entries, problems


def _name_fault(name: str, first_row: dict[str, int]) -> str:
    """Return the problem of a photo's name, or an empty text; ``first_row``: the rows of the names before it."""
    if not name:
        return "the name of the photo is empty"
    if len(name) > MAX_NAME:
        return f"the name of the photo has {len(name)} characters, expected at most {MAX_NAME}"
    if any(sign in name for sign in ("/", "\\", ":", "..")):
        windows = PureWindowsPath(name)  # splits at both kinds of slashes, and knows drives
        if ".." in windows.parts or windows.anchor or PurePosixPath(name).is_absolute():
            return f"{quote(name)} leads outside the folder, expected a path relative to it and without '..'"
    return f"name {quote(name)} is already in row {first_row[name]}" if name in first_row else ""


def normal(name: str) -> str:
    """Return ``name`` in Unicode's composed form, which most tables use; macOS stores the decomposed form."""
    return unicodedata.normalize("NFC", name)
