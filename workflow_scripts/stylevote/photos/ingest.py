"""A folder of photos and a table of labels into a manifest, with every problem found named at once."""

import csv
import difflib
import hashlib
import io
import logging
import os
import re
import stat
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from stylevote.photos.near_duplicates import HASH_SIDE, near_duplicate_groups, perceptual_hash
from stylevote.photos.pixels import FORMATS, PhotoError, decode_photo, map_in_order, read_bytes
from stylevote.program import InputError
from stylevote.tables import MANIFEST_COLUMNS
from stylevote.users_tables import read_users_table

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
PHOTO_SUFFIXES = {suffix for suffix, name in Image.registered_extensions().items() if name in (*FORMATS, "MPO")}
BITS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
NOT_A_BIT = 255
LISTED_PROBLEMS = 200
LONGEST_NAME = 4096  # no system takes more
# Larger tables than of any real set of photos: what is read of them fits into 2 GB, whatever it is.
MOST_TABLE_BYTES = 50_000_000
MOST_ROWS = 1_000_000
MOST_CELLS = 10_000_000
TRAIN = "train"


class Problem(NamedTuple):
    """Something wrong with the input: a line of the message, and a row of the quarantine table.

    ``row`` counts the lines of the table from 1 (of a Parquet table, its records); it is 0 where no row is concerned.
    ``of_photo`` tells that the photo is bad, not the table, so that it may be skipped.
    """

    row: int
    text: str
    image_id: str = ""
    path: str = ""
    of_photo: bool = False


class Column(NamedTuple):
    """A label, and the place of its column in the table."""

    label: str
    position: int


class TableRow(NamedTuple):
    """A row of the table as it stands there: its line, and its fields without the spaces round them."""

    line: int
    fields: list[str]


@dataclass
class Entry:
    """A photo that the table, or the listing of the folder, names."""

    row: int
    name: str
    values: np.ndarray  # uint8, shape (label columns of the table,): 0, 1, or NOT_A_BIT where the table has neither
    alternative: str = ""  # the last segment of the challenge's URL
    path: str = ""  # relative to the folder, once the file is found


class Examined(NamedTuple):
    """What opening a photo gives: its upright size in pixels, the sha256 of the file, the perceptual hash."""

    width: int
    height: int
    sha256: str
    hash: int


@dataclass
class Folder:
    """The files of a folder, by name.

    ``files``: paths relative to the folder, sorted; ``outside``: what leads out of it by a symbolic link;
    ``by_path`` and ``by_stem``: the paths by their normalised form, and by that without suffix, both with and without
    the folders above (photos only).
    """

    root: Path
    files: list[str] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)
    by_path: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_stem: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def ingest_photos(
    photos: Path,
    table: Path | None,
    labels: list[str],
    *,
    photoset: str = TRAIN,
    folds: int = 2,
    locked: bool = False,
    on_bad_photo: str = "fail",
    labelled: bool = False,
    threads: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Check every photo and every row of the table, and list the photos.

    Args:
        photos: the folder of the photos.
        table: file names and labels (CSV, TSV or Parquet), or None for all photos in the folder.
        labels: names of the labels.
        photoset: name of the photoset; ``train`` must have labels, and as many positives of each as there are folds.
        folds: number of folds.
        locked: whether some of the photos will be locked away: of each label, one more positive is needed.
        on_bad_photo: ``fail``, or ``skip`` to leave out photos that are missing or cannot be used.
        labelled: whether a photoset other than ``train`` must have labels, too.
        threads: processes that open photos.

    Returns:
        the manifest (a row a photo, in the table's order: image_id, path relative to ``photos``, width and height in
        pixels after EXIF orientation, sha256 of the file, group (int64, shared by near-duplicates: the position of
        its first photo), and a uint8 column a label if there are labels), and the quarantine table (the photos left
        out: image_id, path, row, problem).

    Raises:
        InputError: with a line for every problem.
    """
    if taken := [label for label in labels if label in MANIFEST_COLUMNS]:
        raise InputError(f"labels {_names(taken)}: the manifest has columns of this name; rename the labels")
    folder = list_folder(photos)
    must_be_labelled = labelled or photoset == TRAIN
    if table is None:
        names, entries, problems = [], *_listing_entries(folder, labels if must_be_labelled else [])
    else:
        names, entries, problems = _table_entries(table, labels, must_be_labelled)
        problems += _find_files(entries, folder, table)
    found = [entry for entry in entries if entry.path]
    examined, bad = _examine_photos(found, folder.root, table, threads)
    problems += bad
    kept = [(entry, photo) for entry, photo in zip(found, examined, strict=True) if photo]
    groups = near_duplicate_groups(np.array([photo.hash for _, photo in kept], dtype=np.uint64))
    problems += _contradictions(kept, names, table)
    skip = on_bad_photo == "skip" and len(kept) > 0  # when every photo is bad there is nothing to go on with
    if photoset == TRAIN and entries:
        counted = [entry for entry, _ in kept] if skip else entries
        group_of = {entry.path: group for (entry, _), group in zip(kept, groups.tolist(), strict=True)}
        problems += _rare_labels(counted, group_of, names, table, folds=folds, locked=locked)
    fatal = [problem for problem in problems if not (skip and problem.of_photo)]
    if fatal:
        raise InputError(problem_report(fatal, photoset))
    manifest, quarantine = _manifest(kept, groups, names), _quarantine(problems)
    _log(manifest, len(names), quarantine)
    return manifest, quarantine


def problem_report(problems: Iterable[Problem], photoset: str) -> str:
    """Return the message for ``problems``: how many, then one a line in row order, at most 200 of them."""
    ordered = sorted(problems, key=lambda problem: problem.row or np.inf)
    return _listed(f"{_count(len(ordered), 'problem')} in photoset {photoset}:", [problem.text for problem in ordered])


def _listed(title: str, lines: list[str]) -> str:
    more = [f"and {len(lines) - LISTED_PROBLEMS} more"] if len(lines) > LISTED_PROBLEMS else []
    return "\n".join([title, *lines[:LISTED_PROBLEMS], *more])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _shown(text: str) -> str:
    """Return ``text`` quoted and short, with whatever does not print (control characters, say) escaped."""
    return repr(text if len(text) <= 200 else f"{text[:200]}...")


def _place(table: Path, row: int) -> str:
    return f"{table}, row {row}" if row else str(table)


# ---- the folder


def list_folder(photos: Path) -> Folder:
    """List the files below ``photos``; hidden ones are left out. `InputError` when it cannot be read."""
    if (found := _what_is_at(photos)) != "a folder":
        raise InputError(f"{photos}: expected a folder of photos, found {found}")
    folder = Folder(photos)
    real = photos.resolve()

    def stop(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})")

    for parent, directories, files in os.walk(photos, onerror=stop):
        directories[:] = [name for name in directories if not name.startswith(".")]
        visible = [name for name in files if not name.startswith(".")]
        above = Path(parent).relative_to(photos)
        for name in directories + visible:
            path = photos / above / name
            if path.is_symlink() and not _inside(path, real):
                folder.outside.add((above / name).as_posix())
        folder.files += [path for path in ((above / name).as_posix() for name in visible) if path not in folder.outside]
    folder.files.sort()
    for relative in filter(_is_utf8, folder.files):
        folder.by_path[_normal(relative)].append(relative)
        if _is_photo(relative):
            path = PurePosixPath(relative)
            for stem in {path.stem, path.with_suffix("").as_posix()}:
                folder.by_stem[_normal(stem)].append(relative)
    return folder


def _what_is_at(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "nothing"
    except OSError as error:
        return f"nothing that can be read ({error.strerror})"
    return "a folder" if stat.S_ISDIR(mode) else "a file" if stat.S_ISREG(mode) else "no regular file"


def _inside(link: Path, real_folder: Path) -> bool:
    try:
        return link.resolve().is_relative_to(real_folder)
    except (OSError, RuntimeError):  # a ring of links leads nowhere
        return False


def _normal(name: str) -> str:
    """Return ``name`` in Unicode's composed form: macOS stores the decomposed one, tables mostly hold this one."""
    return unicodedata.normalize("NFC", name)


def _is_photo(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in PHOTO_SUFFIXES


def _listing_entries(folder: Folder, labels: list[str]) -> tuple[list[Entry], list[Problem]]:
    """Return an entry for every photo in the folder, and the problems; ``labels``: those that had to be there."""
    problems = []
    if labels:
        text = f"{folder.root}: no table of labels is given, expected one with a column for each of {_names(labels)}"
        problems.append(Problem(0, text))
    for link in sorted(folder.outside):
        text = f"{_shown(str(folder.root / link))}: a symbolic link that leads outside the folder"
        problems.append(Problem(0, text))
    chosen = [path for path in folder.files if _is_photo(path)]
    if ignored := len(folder.files) - len(chosen):
        logging.info("%s ignored in %s: not photos by their suffix", _count(ignored, "file"), folder.root)
    if not chosen:
        problems.append(Problem(0, f"{folder.root}: no photos found, expected files ending in .jpg, .png or the like"))
    for path in chosen:
        if not _is_utf8(path):
            text = f"{_shown(str(folder.root / path))}: the file's name is not UTF-8; rename it"
            problems.append(Problem(0, text))
    entries = [Entry(0, path, np.empty(0, np.uint8), path=path) for path in chosen if _is_utf8(path)]
    return entries, problems


def _is_utf8(name: str) -> bool:
    """Tell whether the name was decodable: Python stands surrogates in for bytes that are not."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _names(labels: Iterable[str]) -> str:
    return ", ".join(map(_shown, labels))


# ---- the table


def _table_entries(table: Path, labels: list[str], labelled: bool) -> tuple[list[str], list[Entry], list[Problem]]:
    """Read the table; return the labels that it has, an entry for every row that can be used, and the problems."""
    rows, problems = read_rows(table)
    if not rows:
        return [], [], problems or [Problem(0, f"{table}: the table is empty, expected a header and a row a photo")]
    width = len(rows[0].fields)
    if _is_challenge_form(rows[0]):
        columns, problems = _challenge_columns(table, rows[0], labels, labelled)
        entries, bad_rows = _row_entries(table, rows, columns, width=width, url=1)
    else:
        columns, problems = _label_columns(table, rows[0], labels, labelled)
        if not problems and PurePosixPath(rows[0].fields[0]).suffix.lower() in PHOTO_SUFFIXES:
            text = f"{_place(table, rows[0].line)}: expected a header, found the photo {_shown(rows[0].fields[0])}"
            problems.append(Problem(rows[0].line, text))
        entries, bad_rows = _row_entries(table, rows[1:], columns, width=width, url=None)
        if len(rows) == 1:
            problems.append(Problem(0, f"{table}: the table is empty, it has a header and no row below it"))
    return [column.label for column in columns], entries, problems + bad_rows


def read_rows(table: Path) -> tuple[list[TableRow], list[Problem]]:
    """Return the table's rows, header first, with their lines, and what kept it from being read.

    Blank lines are passed over. The line of a Parquet table's header is 0.
    """
    if (found := _what_is_at(table)) != "a file":
        return [], [Problem(0, f"{table}: expected a table of labels, found {found}")]
    if table.suffix.lower() in PARQUET_SUFFIXES:
        return _parquet_rows(table)
    if table.suffix.lower() not in TEXT_SUFFIXES:
        expected = ", ".join(TEXT_SUFFIXES + PARQUET_SUFFIXES)
        return [], [Problem(0, f"{table}: expected a table whose name ends in one of {expected}")]
    if (size := table.stat().st_size) > MOST_TABLE_BYTES:
        accepted = f"at most {MOST_TABLE_BYTES // 10**6} MB are accepted"
        return [], [Problem(0, f"{table}: a table of {size / 1e6:.1f} MB, {accepted}")]
    try:
        data = table.read_bytes()
    except OSError as error:
        return [], [Problem(0, f"{table}: cannot be read ({error.strerror})")]
    return _text_rows(table, data)


def _parquet_rows(table: Path) -> tuple[list[TableRow], list[Problem]]:
    try:
        frame = read_users_table(table, MOST_CELLS)
    except InputError as error:
        return [], [Problem(0, str(error))]
    if len(frame) > MOST_ROWS:
        return [], [Problem(0, f"{table}: {len(frame)} rows, at most {MOST_ROWS} are accepted")]
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(allow_duplicates=True)  # pandas kept the file names as the index
    header = TableRow(0, [str(name).strip() for name in frame.columns])
    cells = zip(*(_plain_column(frame.iloc[:, k]) for k in range(frame.shape[1])), strict=True)
    return [header, *(TableRow(line, list(fields)) for line, fields in enumerate(cells, 1))], []


def _plain_column(column: pd.Series) -> list[str]:
    """Return a Parquet column's cells as a text table would hold them."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        values = [*_plain_column(column.cat.categories.to_series()), ""]
        return [values[code] for code in column.cat.codes]  # -1, the last one, is a missing cell's
    return [
        "" if missing else str(int(cell)) if isinstance(cell, bool) else str(cell).strip()
        for cell, missing in zip(column.tolist(), column.isna(), strict=True)
    ]


def _text_rows(table: Path, data: bytes) -> tuple[list[TableRow], list[Problem]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        problem = f"not UTF-8 (byte 0x{data[error.start]:02x}); save the table as UTF-8"
        return [], [Problem(row, f"{_place(table, row)}: {problem}")]
    if "\0" in text:
        return [], [Problem(0, f"{table}: a binary file (it holds a NUL character), expected text")]
    rows, line, cells = [], 1, 0
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), skipinitialspace=True)
        for fields in reader:
            stripped = [cell.strip() for cell in fields]
            if stripped not in ([], [""]):
                rows.append(TableRow(line, stripped))
            cells += len(stripped)
            if len(rows) > MOST_ROWS or cells > MOST_CELLS:
                accepted = f"at most {MOST_ROWS} rows and {MOST_CELLS} cells are accepted"
                return [], [Problem(line, f"{_place(table, line)}: the table is too large, {accepted}")]
            line = reader.line_num + 1
    except csv.Error as error:
        return [], [Problem(line, f"{_place(table, line)}: cannot be read as a table ({error}); is a quote left open?")]
    return rows, []


def _delimiter(text: str) -> str:
    """Return the delimiter that cuts the first line that is not blank into most fields: comma, semicolon or tab."""
    first = next((line for line in io.StringIO(text, newline="") if line.strip()), "")
    return max(",;\t", key=lambda delimiter: len(next(csv.reader([first], delimiter=delimiter))))


def _is_challenge_form(first: TableRow) -> bool:
    """Tell the challenge's own form, ``id,url[,l0,...]`` without header, by the URL in its first row."""
    return len(first.fields) > 1 and re.match(r"[a-z]+://", first.fields[1], re.IGNORECASE) is not None


def _challenge_columns(
    table: Path, first: TableRow, labels: list[str], labelled: bool
) -> tuple[list[Column], list[Problem]]:
    """Return the label columns of the challenge's form, in which the labels stand in their order, and the problems."""
    count = len(first.fields) - 2
    if count == len(labels):
        return [Column(label, 2 + k) for k, label in enumerate(labels)], []
    if count == 0 and not labelled:
        return [], []
    expected = f"expected id, url and the {_count(len(labels), 'label')} of the configuration in their order"
    text = f"{_place(table, first.line)}: found id, url and {_count(count, 'column')} of labels, {expected}"
    return [], [Problem(first.line, text)]


def _label_columns(
    table: Path, header: TableRow, labels: list[str], labelled: bool
) -> tuple[list[Column], list[Problem]]:
    """Return the label columns in the configuration's order, and the problems of the header."""
    place = _place(table, header.line)
    label_of = {_normal(label): label for label in labels}
    names = [label_of.get(_normal(name), name) for name in header.fields[1:]]
    if BITS.keys() & names:
        return [], [Problem(header.line, f"{place}: expected a header with the names of the columns, found values")]
    texts = []
    for name, times in Counter(names).items():
        if name in labels and times > 1:
            texts.append(f"column of label {_shown(name)} is there {times} times")
        elif name not in labels and name != "url":
            # A hint takes a while, and of thousands nobody reads more than those that are listed.
            asked = labels if len(texts) < LISTED_PROBLEMS else []
            near = difflib.get_close_matches(name.casefold(), [label.casefold() for label in asked], 1)
            hint = next((f"; did you mean {_shown(label)}?" for label in labels if [label.casefold()] == near), "")
            texts.append(f"unknown column {_shown(name)}, expected labels{hint}")
    missing = [label for label in labels if label not in names]
    if labelled or len(missing) < len(labels):
        texts += [f"no column for label {_shown(label)}" for label in missing]
    columns = [Column(label, 1 + names.index(label)) for label in labels if label in names]
    return columns, [Problem(header.line, f"{place}: {text}") for text in texts]


def _row_entries(
    table: Path, rows: list[TableRow], columns: list[Column], *, width: int, url: int | None
) -> tuple[list[Entry], list[Problem]]:
    """Return an entry for every row with a usable name, and the problems of all rows; ``url``: the URL's position."""
    entries, problems = [], []
    first_row = {}
    for line, fields in rows:
        if len(fields) != width:
            texts = [f"{_count(len(fields), 'field')}, expected {width}"]
        else:
            name = fields[0]
            fault = _name_fault(name, first_row)
            texts = [fault] if fault else []
            for label, position in columns:
                if fields[position] not in BITS:
                    found = _shown(fields[position]) if fields[position] else "empty"
                    texts.append(f"{_shown(name)}: label {_shown(label)} is {found}, expected 0 or 1")
            if not fault:
                values = np.array([BITS.get(fields[position], NOT_A_BIT) for _, position in columns], dtype=np.uint8)
                tail = "" if url is None else re.split("[?#]", fields[url])[0].rpartition("/")[2]
                entries.append(Entry(line, name, values, tail))
                first_row[name] = line
        problems += [Problem(line, f"{_place(table, line)}: {text}") for text in texts]
    return entries, problems


def _name_fault(name: str, first_row: dict[str, int]) -> str:
    """Return what is wrong with a photo's name, "" if nothing; ``first_row``: the rows of the names before it."""
    if not name:
        return "the name of the photo is empty"
    if len(name) > LONGEST_NAME:
        return f"the name of the photo has {len(name)} characters, expected at most {LONGEST_NAME}"
    windows = PureWindowsPath(name)  # cuts at both kinds of slashes, and knows drives
    if ".." in windows.parts or windows.anchor or PurePosixPath(name).is_absolute():
        return f"{_shown(name)} leads outside the folder, expected a path relative to it and without '..'"
    if name in first_row:
        return f"name {_shown(name)} is already in row {first_row[name]}"
    return ""


def _find_files(entries: list[Entry], folder: Folder, table: Path) -> list[Problem]:
    """Set the path of every entry whose file is there; return the problems of the others."""
    problems = []
    row_of = {}
    for entry in entries:
        matches = _matches(folder, entry.name) or _matches(folder, entry.alternative)
        place = f"{_place(table, entry.row)}: {_shown(entry.name)}"
        if _leads_outside(folder, entry.name) or _leads_outside(folder, entry.alternative):
            text = f"{place} leads outside the folder by a symbolic link"
            problems.append(Problem(entry.row, text))
        elif not matches:
            text = f"{place}: no such file in {folder.root}"
            problems.append(Problem(entry.row, text, entry.name, entry.name, of_photo=True))
        elif len(matches) > 1:
            text = f"{place} could be any of {_names(matches[:5])}; expected the path of one"
            problems.append(Problem(entry.row, text))
        elif matches[0] in row_of:
            text = f"{place} is the file {_shown(matches[0])}, which row {row_of[matches[0]]} names already"
            problems.append(Problem(entry.row, text))
        else:
            entry.path = matches[0]
            row_of[entry.path] = entry.row
    return problems


def _matches(folder: Folder, name: str) -> list[str]:
    """Return the files that ``name`` can mean: the one at exactly this path, else those of this path or stem."""
    if not name:
        return []
    path = PurePosixPath(name.replace("\\", "/")).as_posix()
    same = folder.by_path.get(_normal(path), [])
    return [path] if path in same else same or folder.by_stem.get(_normal(path), [])


def _leads_outside(folder: Folder, name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return any(part.as_posix() in folder.outside for part in (path, *path.parents))


# ---- the photos


def _examine_photos(
    entries: list[Entry], root: Path, table: Path | None, threads: int
) -> tuple[list[Examined | None], list[Problem]]:
    """Open every photo once; return what was found of each, None where it is bad, and the problems."""
    examined, problems = [], []
    findings = map_in_order(partial(examine_photo, root), [entry.path for entry in entries], threads)
    for entry, finding in zip(entries, findings, strict=True):
        if isinstance(finding, str):
            place = f"{_place(table, entry.row)}: " if table else ""
            text = f"{place}{_shown(str(root / entry.path))}: {finding}"
            problems.append(Problem(entry.row, text, entry.name, entry.path, of_photo=True))
            examined.append(None)
        else:
            examined.append(finding)
    return examined, problems


def examine_photo(root: Path, path: str) -> Examined | str:
    """Open the photo at ``path`` below ``root``; return what it is, or what is wrong with it."""
    try:
        data = read_bytes(root / path)
        photo = decode_photo(data, 2 * HASH_SIDE)
    except PhotoError as error:
        return str(error)
    return Examined(photo.width, photo.height, hashlib.sha256(data).hexdigest(), perceptual_hash(photo.image))


# ---- the photos and the table together


def _contradictions(kept: list[tuple[Entry, Examined]], names: list[str], table: Path | None) -> list[Problem]:
    """Return a problem for every photo whose content came before with other labels."""
    problems = []
    first_entry = {}
    for entry, photo in kept:
        before = first_entry.setdefault(photo.sha256, entry)
        readable = (entry.values != NOT_A_BIT) & (before.values != NOT_A_BIT)
        differing = [names[k] for k in np.flatnonzero(readable & (entry.values != before.values))]
        if differing:
            text = (
                f"{_place(table, entry.row)}: {_shown(entry.name)} is the same photo as {_shown(before.name)} in row"
                f" {before.row}, but they differ in {_names(differing)}"
            )
            problems.append(Problem(entry.row, text))
    return problems


def _rare_labels(
    entries: list[Entry], group_of: dict[str, int], names: list[str], table: Path, *, folds: int, locked: bool
) -> list[Problem]:
    """Return a problem for every label whose positives cannot be in every fold, and one of them locked where some are.

    Near-duplicates share a fold and count once; ``group_of``: the group of each path that could be opened.
    """
    problems = []
    least, places = (folds + 1, "one a fold and one locked") if locked else (folds, "one a fold")
    remedy = f"expected at least {least}, {places}; add photos, use fewer folds or merge the label with another"
    for k, name in enumerate(names):
        positives = {group_of.get(entry.path, entry.name) for entry in entries if entry.values[k] == 1}
        if not positives:
            problems.append(Problem(0, f"{table}: label {_shown(name)} has no positive photo, {remedy}"))
        elif len(positives) < least:
            found = f"{_count(len(positives), 'distinct positive photo')} (near-duplicates count once)"
            problems.append(Problem(0, f"{table}: label {_shown(name)} has {found}, {remedy}"))
    return problems


def _manifest(kept: list[tuple[Entry, Examined]], groups: np.ndarray, names: list[str]) -> pd.DataFrame:
    columns = {
        "image_id": pd.Series([entry.name for entry, _ in kept], dtype="str"),
        "path": pd.Series([entry.path for entry, _ in kept], dtype="str"),
        "width": np.array([photo.width for _, photo in kept], dtype=np.int32),
        "height": np.array([photo.height for _, photo in kept], dtype=np.int32),
        "sha256": pd.Series([photo.sha256 for _, photo in kept], dtype="str"),
        "group": groups,
    }
    values = np.array([entry.values for entry, _ in kept], dtype=np.uint8).reshape(len(kept), len(names))
    return pd.DataFrame({**columns, **{name: values[:, k] for k, name in enumerate(names)}})


def _quarantine(problems: list[Problem]) -> pd.DataFrame:
    ordered = sorted(problems, key=lambda problem: problem.row)
    table = pd.DataFrame(
        [(problem.image_id, problem.path, problem.row, problem.text) for problem in ordered],
        columns=["image_id", "path", "row", "problem"],
    )
    return table.astype({"image_id": "str", "path": "str", "row": np.int64, "problem": "str"})


def _log(manifest: pd.DataFrame, labels: int, quarantine: pd.DataFrame) -> None:
    sizes = manifest["group"].value_counts()
    duplicates = _count(int((sizes > 1).sum()), "group")
    logging.info("%s, %s, %s of near-duplicates", _count(len(manifest), "photo"), _count(labels, "label"), duplicates)
    if len(quarantine):
        logging.warning("%s left out, see the quarantine table", _count(len(quarantine), "photo"))


# ---- photosets compared


def refuse_quarantine(quarantines: dict[str, pd.DataFrame]) -> None:
    """Raise `InputError` if photos of any photoset, by its name, were left out, as they were while that was allowed."""
    lines = [
        f"{_shown(row.image_id)} in {photoset}: {row.problem}"
        for photoset, quarantine in quarantines.items()
        for row in quarantine.itertuples()
    ]
    if lines:
        remedy = "mend or remove them, or set on_bad_photo to skip"
        raise InputError(_listed(f"{_count(len(lines), 'photo')} left out; {remedy}:", lines))


def shared_photos(manifests: dict[str, pd.DataFrame], on_bad_photo: str = "fail") -> pd.DataFrame:
    """Find training photos that are in another photoset, too: there, their decisions would look too good.

    Args:
        manifests: of each photoset by its name, with columns image_id and sha256; ``train`` among them.
        on_bad_photo: ``fail``, or ``skip`` to return what was found, with a warning.

    Returns:
        a row a pair of photos with the same content: photoset, image_id, train_image_id, sha256.

    Raises:
        InputError: there are such pairs, and they are not to be skipped. It names each.
    """
    trained = manifests[TRAIN][["image_id", "sha256"]].rename(columns={"image_id": "train_image_id"})
    pairs = [
        manifest[["image_id", "sha256"]].merge(trained, on="sha256").assign(photoset=photoset)
        for photoset, manifest in manifests.items()
        if photoset != TRAIN
    ]
    empty = trained.iloc[:0].assign(image_id="", photoset="")
    shared = pd.concat([empty, *pairs], ignore_index=True)[["photoset", "image_id", "train_image_id", "sha256"]]
    if len(shared) and on_bad_photo == "fail":
        remedy = "remove them from one photoset, or set on_bad_photo to skip (their scores are then too good)"
        lines = [
            f"{_shown(image_id)} in {photoset} is the same photo as {_shown(train_image_id)} in {TRAIN}"
            for photoset, image_id, train_image_id, _ in shared.itertuples(index=False)
        ]
        raise InputError(_listed(f"{_count(len(shared), 'photo')} shared with {TRAIN}; {remedy}:", lines))
    if len(shared):
        logging.warning("%s shared with %s", _count(len(shared), "photo"), TRAIN)
    else:
        logging.info("no photo is shared with %s", TRAIN)
    return shared.astype("str")
