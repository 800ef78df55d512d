"""What all forms of label tables have in common: photos, the values of cells, columns, and faults."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote, urlsplit

import numpy as np

from stylevote.config.label_table import LabelTable
from stylevote.files.tables import UNKNOWN
from stylevote.photos.problems import Faults
from stylevote.photos.table_rows import TableRow, UnreadableError
from stylevote.wording import SHOWN, nearest, plural, quote, quote_all

OTHER_COLUMNS = ("url", "group")  # besides labels
UNNAMED = ("", "Unnamed: 0")  # names that pandas gives to an index
BITS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}
NOT_A_BIT = 254
MAX_NAME = 4096  # characters; no system takes more
MAX_ROWS = 1_000_000  # photos
MAX_REMEMBERED = 10_000  # spellings of cells
MAX_KINDS = 10  # wrong cells that are counted each by itself


@dataclass(slots=True)
class Entry:
    """A photo that is in the table, or in the folder if there is no table."""

    row: int  # line of the table
    name: str  # the photo's name in the table
    values: bytes  # a byte per label of the table: 0, 1, `UNKNOWN`, or `NOT_A_BIT` for anything else
    alternative: str = ""  # last segment of the challenge's URL
    url: str = ""  # where it can be downloaded from, if the table has a URL
    group: str = ""  # name of the photos that stay together with it, or an empty text
    path: str = ""  # path in the folder, once the file is found


def value_matrix(entries: Sequence[Entry], labels: int) -> np.ndarray:
    """Return the values of entries, uint8, shape (entries, labels)."""
    return np.frombuffer(b"".join(entry.values for entry in entries), np.uint8).reshape(len(entries), labels)


class Meanings(dict[str, int]):
    """The values of cells by their texts, in any case and with or without ``.0``; `NOT_A_BIT` for all others."""

    def __init__(self, values: dict[str, int | str]) -> None:
        """Take the meanings of a description, and the usual ones."""
        self._known = BITS | {
            text.casefold(): UNKNOWN if value == "unknown" else value for text, value in values.items()
        }

    def __missing__(self, text: str) -> int:
        """Find the value of a text for the first time."""
        key = text.casefold()
        value = self._known.get(key, self._known.get(key.removesuffix(".0"), NOT_A_BIT))
        if len(self) < MAX_REMEMBERED:
            self[text] = value
        return value

    def of_characters(self) -> bytes:
        """Return the values of all texts of one byte, for `bytes.translate`."""
        return bytes(self[chr(code)] for code in range(256))

    def expected(self) -> str:
        """Return the texts that have a meaning, for messages."""
        return ", ".join(["0 or 1", *(quote(text) for text in self._known if text not in BITS)])


@dataclass
class Header:
    """The columns of a table with a header."""

    names: list[str]  # names of the columns, in Unicode's composed form
    photo: int = 0  # position of the photos' names
    index: bool = False  # whether the first column is pandas's index
    counted: bool = False  # whether that index must count rows: only then it is surely one
    url: int | None = None  # position of the URLs, if it has some
    group: int | None = None  # position of the names of groups, if it has some

    @property
    def width(self) -> int:
        """Number of columns up to the last one that has a name."""
        return max((k + 1 for k, name in enumerate(self.names) if name), default=1)


class LabelReader:
    """What reading a table needs in all its forms: its description, the labels, and the faults."""

    def __init__(self, table: LabelTable, labels: list[str], folder: Path | None) -> None:
        """See `read_label_table`."""
        self.table, self.labels, self.path = table, labels, Path(table.file)
        self.faults = Faults(self.path)
        self.meanings = Meanings(table.values)
        self.first_row: dict[str, int] = {}
        self.roots = (
            tuple({f"{root(folder)}{os.sep}" for root in (os.path.abspath, os.path.realpath)}) if folder else ()
        )

    def ignored(self, name: str) -> bool:
        """Tell whether a column, or a label of a cell, is left out on purpose."""
        return self.table.ignore == "all" or name in self.table.ignore

    def header(self, row: TableRow) -> Header:
        """Find the columns that a header names, except those of labels."""
        table, names = self.table, [normal(name) for name in row.fields]
        known = {*map(normal, self.labels), *OTHER_COLUMNS}
        unnamed = len(names) > 1 and names[0] in UNNAMED
        header = Header(names, index=unnamed and (table.photo not in (None, names[0]) or names[1] not in known))
        header.counted = header.index and table.photo is None
        header.photo = int(header.index) if table.photo is None else self.position(row, "photo", table.photo)
        for key in OTHER_COLUMNS:
            name = getattr(table, key)
            found = None
            if name is not None:
                found = self.position(row, key, name)
            elif key in names and names.index(key) != header.photo and names.index(key) > 0:
                found = names.index(key)
            setattr(header, key, found)
        return header

    def position(self, row: TableRow, key: str, name: str) -> int:
        """Return the position of a column that the description names; 0, and a fault, if there is none."""
        names = [normal(field) for field in row.fields]
        if normal(name) in names:
            return names.index(normal(name))
        found = nearest(name, names, f"found {quote_all(names[:SHOWN])}")
        self.faults.add(row.line, ("key", key), f"{key}: no column {quote(name)}{found}")
        return 0

    def refuse_other_columns(self, row: TableRow, header: Header, used: Iterable[int]) -> None:
        """Add a fault for columns that have no use and are not left out on purpose."""
        taken = {*used, header.photo, header.url, header.group, *([0] if header.index else [])}
        others = [
            name for k, name in enumerate(header.names[: header.width]) if k not in taken and not self.ignored(name)
        ]
        others = [name for name, _ in Counter(others).most_common()]
        for name in others[:SHOWN] if len(others) <= SHOWN else ():
            text = f"unknown column {quote(name)}, expected labels, url or group{nearest(name, self.labels)}"
            self.faults.add(row.line, ("column", name), text, form=True)
        if len(others) > SHOWN:
            text = f"{len(others)} unknown columns, {quote_all(others[:3])} first, expected labels, url or group"
            self.faults.add(row.line, "columns", text, form=True)

    def usable_rows(self, rows: Iterable[TableRow], header: Header, max_rows: int | None = None) -> Iterator[TableRow]:
        """Yield the rows that have all fields; add a fault for each of the others."""
        width, max_rows = header.width, max_rows or MAX_ROWS
        for count, row in enumerate(rows):
            fields = row.fields
            if count >= max_rows:
                raise UnreadableError(row.line, f"the table is too large, at most {max_rows} rows are accepted")
            found = len(fields) + len(row.packed)
            if found != width and (found < width or any(fields[width - found :])):
                while found > width and not fields[-1]:
                    found, fields = found - 1, fields[:-1]
                self.faults.add(row.line, "fields", f"{plural(found, 'field')}, expected {width}")
                continue
            if header.counted and fields[0] not in (str(count), str(count + 1)):
                text = (
                    f"{quote(fields[0])} in the first column, which has no name, expected the number {count}; say with"
                )
                self.faults.add(row.line, "index", f"{text} `photo: NAME` which column has the photos", form=True)
            yield row

    def name(self, text: str, row: int, *, url: bool) -> str:
        """Return a photo's name, or an empty text, and add a fault, if it cannot be used.

        ``text`` is the cell of the photo, or, if ``url`` is set, a URL whose last segment is the name.
        """
        name = name_of_url(text) if url else text
        kind, fault = self._name_fault(name)
        if not fault and name in self.first_row:
            kind, fault = "name twice", f"name {quote(name)} is already in row {self.first_row[name]}"
        if fault:
            self.faults.add(row, kind, fault)
            return ""
        self.first_row[name] = row
        return name

    def _name_fault(self, name: str) -> tuple[str, str]:
        """Return the kind and text of the problem of a photo's name, or empty texts."""
        if not name:
            return "no name", "the name of the photo is empty"
        if len(name) > MAX_NAME:
            return "long name", f"the name of the photo has {len(name)} characters, expected at most {MAX_NAME}"
        if any(sign in name for sign in ("/", "\\", ":", "..")):
            windows = PureWindowsPath(name)  # splits at both kinds of slashes, and knows drives
            absolute = windows.anchor or PurePosixPath(name).is_absolute()
            if ".." in windows.parts or (absolute and not name.startswith(self.roots)):
                expected = "expected a path relative to it and without '..'"
                return "outside", f"{quote(name)} leads outside the folder, {expected}"
        return "", ""

    def unknown_label(self, row: int, name: str) -> None:
        """Add the fault of a name in a cell, row or category that is no label."""
        for separator in "|;, " if self.table.cell else "":
            if separator in name and {part.strip() for part in name.split(separator)} <= set(self.labels):
                text = f"{quote(name)} is several labels; set cell.separator to {quote(separator)}"
                self.faults.add(row, "separator", text)
                return
        kind = ("name", name if self.faults.kinds("name") < SHOWN else None)
        text = f"unknown label {quote(name)}, expected the labels of the configuration"
        self.faults.add(row, kind, lambda: f"{text}{nearest(name, self.labels, 'to leave it out, add it to `ignore`')}")

    def wrong_value(self, row: int, name: str, label: str, text: str) -> None:
        """Add the fault of a cell that is no value of a label."""
        kind = ("value", text if self.faults.kinds("value") < MAX_KINDS else None)
        found = quote(text) if text else "empty"
        message = f"{quote(name)}: label {quote(label)} is {found}, expected {self.meanings.expected()}"
        self.faults.add(row, kind, message, form=True)


def name_of_url(url: str) -> str:
    """Return the last segment of a URL's path."""
    return unquote(urlsplit(url).path).rpartition("/")[2]


def normal(name: str) -> str:
    """Return ``name`` in Unicode's composed form, which most tables use; macOS stores the decomposed form."""
    return unicodedata.normalize("NFC", name)
