"""Tables of photos and labels, read without looking at the photos."""

import hashlib
import re
import unicodedata
from collections import Counter
from itertools import chain
from mimetypes import guess_type
from operator import itemgetter
from pathlib import Path

from stylevote.config.label_table import LabelTable
from stylevote.photos.problems import Problem
from stylevote.photos.table_forms import read_cells, read_coco, read_long
from stylevote.photos.table_reader import BITS, NOT_A_BIT, Entry, Header, LabelReader, normal
from stylevote.photos.table_rows import Rows, TableRow, UnreadableError
from stylevote.wording import location, nearest, plural, quote

PACKED = 8  # columns from which on rows are worth packing


def read_label_table(
    table: LabelTable, labels: list[str], labelled: bool, folder: Path | None = None
) -> tuple[list[str], list[Entry], list[Problem]]:
    """Read a label table.

    Args:
        table: its path and form.
        labelled: whether the table must have labels.
        folder: the photos' folder: absolute paths into it are accepted.

    Returns:
        the labels that the table has, an entry for every usable row, and the problems.
    """
    reader = LabelReader(table, labels, folder)
    try:
        found, entries = _read(reader, labelled)
    except UnreadableError as error:
        row, text = error.args
        return [], [], [Problem(row, f"{location(reader.path, row)}: {text}")]
    described = ""
    if reader.faults.form and isinstance(table.model_dump(), str):
        from stylevote.photos.table_guess import advice  # noqa: PLC0415 (only tables with faults need it)

        described = advice(reader.path, labels)
    if described:  # one example of each fault is enough
        return found, entries, [*reader.faults.problems(listed=1), Problem(0, f"{reader.path}: {described}")]
    return found, entries, reader.faults.problems()


def _read(reader: LabelReader, labelled: bool) -> tuple[list[str], list[Entry]]:
    table = reader.table
    if table.coco:
        return reader.labels, read_coco(reader)
    if reader.path.suffix.lower() == ".json":
        reader.faults.add(0, "json", "a JSON file, expected a table, or `coco: true` in its description", form=True)
        return [], []
    rows = Rows(reader.path, table.sheet)
    first = next(rows, None)
    if first is None:
        raise UnreadableError(0, "the table is empty, expected a header and a row per photo")
    named = (table.photo, table.url, table.group, table.columns, table.cell, table.long)
    if is_challenge_form(first) and not any(named):
        return _read_challenge(reader, first, rows, labelled)
    header = reader.header(first)
    if reader.faults.problems():
        return [], []
    if table.cell or table.long:
        read = read_cells if table.cell else read_long
        found, entries = reader.labels, read(reader, first, header, rows)
    else:
        positions = _label_columns(reader, first, header, labelled)
        if not reader.faults.problems() and str(guess_type(first.fields[0], strict=False)[0]).startswith("image/"):
            reader.faults.add(first.line, "header", f"expected a header, found the photo {quote(first.fields[0])}")
        found, entries = list(positions), _row_entries(reader, rows, header, positions)
    if not (entries or reader.faults.problems()):
        reader.faults.add(0, "empty", "the table is empty, it has a header and no row below it")
    return found, entries


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


def is_challenge_form(first: TableRow) -> bool:
    """Tell by the URL in its first row whether a table has the challenge's form, ``id,url[,l0,...]`` without header."""
    return len(first.fields) > 1 and re.match(r"[a-z]+://", first.fields[1], re.IGNORECASE) is not None


def _read_challenge(reader: LabelReader, first: TableRow, rows: Rows, labelled: bool) -> tuple[list[str], list[Entry]]:
    """Read the challenge's form, whose labels are in the configuration's order."""
    labels, width = reader.labels, len(first.fields)
    while width > 2 and not first.fields[width - 1]:  # commas at the ends of lines
        width -= 1
    found = labels if width - 2 == len(labels) else []
    if not found and (width > 2 or labelled):
        expected = f"expected id, url and the {plural(len(labels), 'label')} of the configuration in their order"
        text = f"found id, url and {plural(width - 2, 'column')} of labels, {expected}"
        reader.faults.add(first.line, "challenge", text)
    header = Header([str(k) for k in range(width)], url=1)
    entries = _row_entries(reader, rows, header, {label: 2 + k for k, label in enumerate(found)}, first)
    for entry in entries:
        entry.alternative = re.split("[?#]", entry.url)[0].rpartition("/")[2]
    return found, entries


def _label_columns(reader: LabelReader, row: TableRow, header: Header, labelled: bool) -> dict[str, int]:
    """Return the position of each label's column, in the configuration's order; add the faults of the header."""
    columns = reader.table.columns
    if isinstance(columns, list):
        if len(columns) != len(reader.labels):
            text = f"columns: found {len(columns)}, expected one for each of the {plural(len(reader.labels), 'label')}"
            raise UnreadableError(0, f"{text}, in their order")
        columns = dict(zip(reader.labels, columns, strict=True))
    column_of = {label: normal((columns or {}).get(label, label)) for label in reader.labels}
    for label in (columns or {}).keys() - set(reader.labels):
        reader.faults.add(
            0, ("columns", label), f"columns: unknown label {quote(label)}{nearest(label, reader.labels)}"
        )
    names = [name if k != header.photo else None for k, name in enumerate(header.names)]
    times = Counter(names)
    found = {label: names.index(name) for label, name in column_of.items() if name in times}
    if BITS.keys() & times and not found:
        raise UnreadableError(row.line, "expected a header with the names of the columns, found values")
    for label, name in column_of.items():
        if times[name] > 1:
            text = f"column of label {quote(label)} is there {times[name]} times, expected one"
            reader.faults.add(row.line, ("twice", label), text)
    used = [k for k, name in enumerate(names) if name in column_of.values()]
    reader.refuse_other_columns(row, header, used)
    if labelled or found:
        for label in (label for label in reader.labels if label not in found):
            name = column_of[label]
            of_name = "" if name == normal(label) else f" ({quote(name)}){nearest(name, header.names)}"
            reader.faults.add(row.line, "label", f"no column for label {quote(label)}{of_name}", form=True)
    return found


def _row_entries(
    reader: LabelReader, rows: Rows, header: Header, positions: dict[str, int], first: TableRow | None = None
) -> list[Entry]:
    """Return an entry for every row with a usable name; add the faults of all rows.

    ``positions``: the column of each label; ``first``: a row before the others, if the table has no header.
    """
    entries, meanings, characters = [], reader.meanings, reader.meanings.of_characters()
    places = list(positions.values())
    start, stop = (min(places), max(places) + 1) if places else (0, 0)
    others = [header.photo, header.url, header.group, *([0] if header.index else [])]
    if stop - start >= PACKED and not any(start <= k < stop for k in others if k is not None):
        rows.packed = range(start, stop)
    order = [place - start for place in places]
    pick = None if order == list(range(stop - start)) else itemgetter(*order) if len(order) > 1 else None
    plain = (header.photo, header.url, header.group)
    after_packing = tuple(k - (stop - start) if k is not None and k >= stop else k for k in plain)
    for row in reader.usable_rows(chain([first] if first else [], rows), header):
        fields, values, columns = row.fields, b"", plain
        if row.packed:
            packed = row.packed.encode("latin-1", "replace").translate(characters)
            values, columns = bytes(pick(packed)) if pick else packed, after_packing
            if NOT_A_BIT in values:
                fields, values, columns = [*fields[:start], *row.packed, *fields[start:]], b"", plain
        photo, url, group = ("" if k is None else fields[k] for k in columns)
        name = reader.name(photo, row.line, url=header.photo == header.url)
        if not values and places:
            values = bytes([meanings[fields[place]] for place in places])
            for label, place, value in zip(positions, places, values, strict=True) if NOT_A_BIT in values else ():
                if value == NOT_A_BIT:
                    reader.wrong_value(row.line, photo, label, fields[place])
        if name:
            entries.append(Entry(row.line, name, values, url=url, group=group))
    return entries
