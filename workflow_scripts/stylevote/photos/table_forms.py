"""Label tables whose labels are in cells, in rows, or in the annotations of COCO."""

import ast
import json
from collections.abc import Iterable
from typing import Any

from stylevote.files.tables import UNKNOWN
from stylevote.photos.table_reader import NOT_A_BIT, Entry, Header, LabelReader, normal
from stylevote.photos.table_rows import TableRow, UnreadableError
from stylevote.wording import describe_path, nearest, quote

MAX_REMEMBERED = 100_000  # cells
MAX_LONG_ROWS = 100_000_000
MAX_JSON_BYTES = 1_000_000_000
COCO_KEYS = {"images", "annotations", "categories", "id", "name", "image_id", "category_id"}
ABSENT = 253  # in the place of a label that a photo has no row for


# ---- all labels of a photo in a cell


def read_cells(reader: LabelReader, first: TableRow, header: Header, rows: Iterable[TableRow]) -> list[Entry]:
    """Read a table with a column of which each cell has all labels of a photo."""
    described = reader.table.cell
    column = reader.position(first, "cell.column", described.column)
    reader.refuse_other_columns(first, header, [column])
    if reader.faults.problems():
        return []
    positions = {normal(label): k for k, label in enumerate(reader.labels)}
    entries, known = [], {}
    for row in reader.usable_rows(rows, header):
        text = row.fields[column]
        if (values := known.get(text)) is None:
            names = names_in_cell(text, described.separator)
            if names is None:
                reader.faults.add(row.line, "list", f"{quote(text)} is no list of labels, as ['coat', 'hat']")
                names = []
            values = _values_of_names(reader, row.line, names, positions)
            if len(known) < MAX_REMEMBERED and NOT_A_BIT not in values:
                known[text] = values
        url, group = ("" if k is None else row.fields[k] for k in (header.url, header.group))
        if name := reader.name(row.fields[header.photo], row.line, url=header.photo == header.url):
            entries.append(Entry(row.line, name, values, url=url, group=group))
    return entries


def names_in_cell(text: str, separator: str) -> list[str] | None:
    """Return the names in a cell; None if it should be a list and is none."""
    if separator != "list":
        return text.split() if separator == " " else [name for part in text.split(separator) if (name := part.strip())]
    if not text:
        return []
    try:
        names = ast.literal_eval(text)
        plain = isinstance(names, (list, tuple, set)) and all(isinstance(name, (str, int)) for name in names)
        return [str(name).strip() for name in names] if plain else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # also for a number of thousands of digits
        return None


def _values_of_names(reader: LabelReader, row: int, names: list[str], positions: dict[str, int]) -> bytes:
    """Return the values of a photo that has these labels; all are `NOT_A_BIT` if one is unknown."""
    values = bytearray(len(positions))
    for name in names:
        position = positions.get(normal(name))
        if position is not None:
            values[position] = 1
        elif not reader.ignored(name):
            reader.unknown_label(row, name)
            return bytes([NOT_A_BIT]) * len(positions)
    return bytes(values)


# ---- a row per photo and label


def read_long(reader: LabelReader, first: TableRow, header: Header, rows: Iterable[TableRow]) -> list[Entry]:
    """Read a table with a row per photo and label."""
    described = reader.table.long
    label_at = reader.position(first, "long.label", described.label)
    value_at = None if described.value is None else reader.position(first, "long.value", described.value)
    reader.refuse_other_columns(first, header, [label_at, *([] if value_at is None else [value_at])])
    if reader.faults.problems():
        return []
    positions = {normal(label): k for k, label in enumerate(reader.labels)}
    entries: dict[str, tuple[Entry, bytearray]] = {}
    has_zeros = False
    for row in reader.usable_rows(rows, header, MAX_LONG_ROWS):
        text = row.fields[header.photo]
        if text not in entries:
            if not (name := reader.name(text, row.line, url=header.photo == header.url)):
                continue
            url, group = ("" if k is None else row.fields[k] for k in (header.url, header.group))
            entries[text] = Entry(row.line, name, b"", url=url, group=group), bytearray([ABSENT]) * len(positions)
        entry, values = entries[text]
        if header.group is not None and row.fields[header.group] != entry.group:
            groups = f"{quote(entry.group)} and {quote(row.fields[header.group])}"
            reader.faults.add(row.line, "group", f"{quote(text)} is in two groups, {groups}")
        label = row.fields[label_at]
        position = positions.get(normal(label))
        if position is None:
            if label and not reader.ignored(label):
                reader.unknown_label(row.line, label)
            continue
        value = 1 if value_at is None else reader.meanings[row.fields[value_at]]
        has_zeros = has_zeros or value == 0
        if value == NOT_A_BIT:
            reader.wrong_value(row.line, text, label, row.fields[value_at])
        elif values[position] not in (ABSENT, value):
            reader.faults.add(row.line, "contradiction", f"{quote(text)} has two values of label {quote(label)}")
        values[position] = value
    return _filled(reader, entries, has_zeros)


def _filled(reader: LabelReader, entries: dict[str, tuple[Entry, bytearray]], has_zeros: bool) -> list[Entry]:
    """Return entries with their values; labels without a row get the value that the description says."""
    absent, unclear = reader.table.long.absent, has_zeros and reader.table.long.absent is None
    for entry, values in entries.values():
        if unclear and ABSENT in values:
            label = reader.labels[values.index(ABSENT)]
            text = f"{quote(entry.name)} has no row for label {quote(label)}, and other rows say 0"
            reader.faults.add(entry.row, "absent", f"{text}; set long.absent to 0 or unknown")
        entry.values = bytes(values.replace(bytes([ABSENT]), bytes([UNKNOWN if absent == "unknown" else 0])))
    return [entry for entry, _ in entries.values()]


# ---- COCO


def load_coco(reader: LabelReader, keys: set[str]) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the images, annotations and categories of a file in COCO's form, with these keys of images."""
    path, kept = reader.path, COCO_KEYS | keys
    if (kind := describe_path(path)) != "a file":
        raise UnreadableError(0, f"expected a table, found {kind}")
    if (size := path.stat().st_size) > MAX_JSON_BYTES:
        raise UnreadableError(0, f"{size / 1e6:.1f} MB, at most {MAX_JSON_BYTES // 10**6} MB are accepted")
    try:
        # Outlines of objects, which are nearly the whole file, are dropped while it is read.
        content = json.loads(path.read_bytes(), object_hook=lambda part: {key: part[key] for key in part.keys() & kept})
    except OSError as error:
        raise UnreadableError(0, f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(0, f"cannot be read as JSON ({error})") from error
    parts = [content.get(key) if isinstance(content, dict) else None for key in ("images", "annotations", "categories")]
    if not all(isinstance(part, list) and all(isinstance(item, dict) for item in part) for part in parts):
        raise UnreadableError(0, "expected COCO's form: an object with the lists images, annotations and categories")
    return parts[0], parts[1], parts[2]


def read_coco(reader: LabelReader) -> list[Entry]:
    """Read annotations in COCO's form: a photo has the labels of its objects."""
    table = reader.table
    photo, url, group = table.photo or "file_name", table.url or "url", table.group or "group"
    images, annotations, categories = load_coco(reader, {photo, url, group})
    positions = _coco_labels(reader, categories)
    entries: dict[Any, tuple[Entry, bytearray]] = {}
    for row, item in enumerate(images, 1):
        name, key = item.get(photo), item.get("id")
        if not isinstance(name, str) or not isinstance(key, (str, int)) or key in entries:
            reader.faults.add(row, "image", f"an image without a text `{photo}`, or without an `id` of its own")
        elif name := reader.name(name, row, url=photo == url):
            texts = [str(item.get(column) or "") for column in (url, group)]
            entries[key] = Entry(row, name, b"", url=texts[0], group=texts[1]), bytearray(len(reader.labels))
    for row, item in enumerate(annotations, 1):
        category, image = item.get("category_id"), item.get("image_id")
        if not isinstance(category, (str, int)) or category not in positions:
            reader.faults.add(0, "annotation", f"annotation {row}: unknown category_id {quote(category)}")
        elif not isinstance(image, (str, int)) or image not in entries:
            reader.faults.add(0, "annotated", f"annotation {row}: unknown image_id {quote(image)}")
        elif (position := positions[category]) is not None:
            entries[image][1][position] = 1
    if not entries and not reader.faults.problems():
        reader.faults.add(0, "empty", "no image")
    for entry, values in entries.values():
        entry.values = bytes(values)
    return [entry for entry, _ in entries.values()]


def _coco_labels(reader: LabelReader, categories: list[Any]) -> dict[Any, int | None]:
    """Return the position of each category's label, by the category's id; None for categories that are left out."""
    labels = {normal(label): k for k, label in enumerate(reader.labels)}
    positions: dict[Any, int | None] = {}
    for item in categories:
        name, key = item.get("name"), item.get("id")
        if not isinstance(name, str) or not isinstance(key, (str, int)):
            raise UnreadableError(0, "a category without an `id` and a `name`")
        positions[key] = labels.get(normal(name))
        if positions[key] is None and not reader.ignored(name):
            reader.unknown_label(0, name)
    for k in sorted(set(range(len(labels))) - {*positions.values()}):
        known = [str(item["name"]) for item in categories]
        text = f"no category for label {quote(reader.labels[k])}{nearest(reader.labels[k], known)}"
        reader.faults.add(0, "category", text)
    return positions
