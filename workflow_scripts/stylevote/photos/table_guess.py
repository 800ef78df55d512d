"""Guess how a table of photos and labels is written, for the configuration to confirm."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from stylevote.config.configuration import MAX_LABELS
from stylevote.config.label_table import LabelTable
from stylevote.config.writing import as_yaml
from stylevote.errors import InputError
from stylevote.photos.label_tables import is_challenge_form
from stylevote.photos.table_forms import load_coco, names_in_cell
from stylevote.photos.table_reader import BITS, UNNAMED, LabelReader, name_of_url, normal
from stylevote.photos.table_rows import Rows, TableRow, UnreadableError
from stylevote.wording import join, location, plural, quote, quote_all

NARROW = 20  # columns
MAX_CELLS = {True: 30_000_000, False: 3_000_000}  # that are looked at, in a narrow table and in others
MAX_COLUMNS = MAX_LABELS + 1000
MAX_DISTINCT = 200_000  # texts of a column that are counted
MAX_VALUES = 8  # texts of a column of values
LISTED = 5  # columns to ignore that are listed; more are `all`
WORDS = {"yes": 1, "y": 1, "t": 1, "x": 1, "positive": 1, "no": 0, "n": 0, "f": 0, "negative": 0}
WORDS |= {"ja": 1, "wahr": 1, "oui": 1, "vrai": 1, "nein": 0, "falsch": 0, "non": 0, "faux": 0}
UNKNOWN_WORDS = ("na", "n/a", "nan", "null", "none", "unknown", "?")
SEPARATORS = ("list", "|", ";", ",", " ")
LABEL_NAMES = ("labels", "label", "tags", "tag", "classes", "class", "categories", "category")


@dataclass
class Guess:
    """The probable form of a table."""

    # names of the labels, in their order in the table, or sorted if they are in cells
    labels: list[str] = field(default_factory=list)
    # keys of `stylevote.config.label_table.LabelTable` that the table needs besides its path
    description: dict[str, Any] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)  # sentences about the table
    problems: list[str] = field(default_factory=list)  # sentences about what hinders its use


def guess_table(table: Path, folder: Path) -> Guess:
    """Guess the form of a table from its rows and from the names of the files in the photos' folder."""
    from stylevote.photos.folders import list_folder, matching_files, nearest_file, similar_files  # noqa: PLC0415 (slow)

    try:
        files = list_folder(folder, "anywhere")
    except InputError as error:
        return Guess(problems=[str(error)])

    def is_file(name: str) -> bool:
        return bool(matching_files(files, name) or similar_files(files, name))

    guess, names = _guess(table, [], is_file)
    missing = [name for name in names if not is_file(name)]
    if names:
        guess.findings.append(f"{len(names) - len(missing)} of {plural(len(names), 'photo')} are in {folder}")
    if missing:
        example = f"{quote(missing[0])} first{nearest_file(files, missing[0])}"
        guess.findings.append(f"{plural(len(missing), 'photo')} of the table not in {folder}, {example}")
    return guess


def advice(table: Path, labels: list[str]) -> str:
    """Return a sentence with the description that a table needs, or an empty text if it is not clear."""
    guess, _ = _guess(table, labels, _is_photo_name)
    if not guess.description or not set(labels) <= set(guess.labels):
        return ""
    described = {"labels": {"file": str(table), **guess.description}}
    return f"if it is meant so, describe it in the configuration: {as_yaml(described)[1:-1]}"


def _is_photo_name(name: str) -> bool:
    return str(guess_type(name, strict=False)[0]).startswith("image/")


def _guess(table: Path, labels: list[str], is_photo: Callable[[str], bool]) -> tuple[Guess, list[str]]:
    """Return a guess, and the names of the table's photos.

    ``labels``: the configuration's, or none if they are to be found; ``is_photo``: whether a cell can name a photo.
    """
    try:
        return _guess_coco(table) if table.suffix.lower() == ".json" else _guess_rows(table, labels, is_photo)
    except UnreadableError as error:
        row, text = error.args
        return Guess(problems=[f"{location(table, row)}: {text}"]), []


def _guess_coco(table: Path) -> tuple[Guess, list[str]]:
    reader = LabelReader(LabelTable(file=str(table), coco=True), [], None)
    images, annotations, categories = load_coco(reader, {"file_name"})
    labels = [str(item.get("name")) for item in categories]
    counts = f"{plural(len(images), 'image')}, {plural(len(annotations), 'annotation')}"
    findings = [f"annotations in COCO's form: {counts}; categories: {len(labels)}"]
    return Guess(labels, {"coco": True}, findings), [str(item.get("file_name")) for item in images]


@dataclass(eq=False)
class _Column:
    """A column: its position, name and the texts of its cells with their numbers."""

    position: int
    name: str
    texts: Counter[str] = field(default_factory=Counter)

    @property
    def folded(self) -> Counter[str]:
        """Texts without case with their numbers, if they are few."""
        counts: Counter[str] = Counter()
        for text, count in self.texts.items() if len(self.texts) <= 2 * MAX_VALUES else ():
            counts[text.casefold()] += count
        return counts

    @property
    def values(self) -> set[str]:
        """Texts without case, if they are few."""
        return set(self.folded)

    @property
    def words(self) -> set[str]:
        """Words for yes and no, if they are more than numbers: a word among numbers is rather a mistake."""
        counts = self.folded
        found = {text for text in WORDS if counts[text]}
        return found if sum(counts[text] for text in found) > sum(counts[text] for text in BITS) else set()

    @property
    def title(self) -> str:
        """Its name, or its number if it has none."""
        return self.name or f"column {self.position + 1} (without a name)"

    @property
    def is_binary(self) -> bool:
        """Whether cells are words for yes, no or unknown, but for a few that are rather mistakes."""
        counts = self.folded
        known = BITS.keys() | (WORDS.keys() if len(counts) > 1 else set())
        right = sum(counts[text] for text in known)
        wrong = sum(counts[text] for text in counts.keys() - known - {"", "-1", "-1.0", *UNKNOWN_WORDS})
        # At most one of four cells, and one of twenty of many, may be a mistake.
        return right > 0 and wrong <= min(right / 4, max(1, right / 20))

    @property
    def is_url(self) -> bool:
        """Whether the first cells are URLs."""
        return all("://" in text[:10] for text in islice(self.texts, 20) if text) and any(self.texts)


def _guess_rows(table: Path, labels: list[str], is_photo: Callable[[str], bool]) -> tuple[Guess, list[str]]:
    rows = Rows(table)
    first = next(rows, None)
    if first is None:
        raise UnreadableError(0, "the table is empty, expected a header and a row per photo")
    if is_challenge_form(first):
        count = len(first.fields) - 2
        text = f"no header: a name, a URL and {plural(count, 'column')} of labels, which the table does not name"
        return Guess([f"label{k}" for k in range(count)], {}, [text]), [first.fields[0], *(r.fields[0] for r in rows)]
    if first.fields and _is_photo_name(first.fields[0]):
        raise UnreadableError(first.line, f"expected a header, found the photo {quote(first.fields[0])}")
    columns, count = _columns(first, rows)
    if not columns:
        raise UnreadableError(first.line, "the table has no columns")
    size = f"{plural(count, 'row')}, {plural(len(columns), 'column')}"
    guess = Guess(findings=[size if next(rows, None) is None else f"looked at the first {size}"])
    unnamed = len(columns) > 1 and columns[0].name in UNNAMED
    photo = _photo_column(columns, is_photo, unnamed)
    known = {*map(normal, labels)}
    index = unnamed and columns[1].name not in known
    counted = all(text in (str(k), str(k + 1)) for k, text in enumerate(columns[0].texts))
    if photo.position != int(index) or (index and not counted):
        if not photo.name:
            text = f"column {photo.position + 1} has the names of photos, but the header has no name for it; add one"
            return Guess(problems=[f"{table}: {text}"], findings=guess.findings), []
        guess.description["photo"] = photo.name
    guess.findings.append(f"photos are in column {photo.name or photo.position + 1}")
    url = next((c for c in columns if c.name == "url"), None) or next((c for c in columns if c.name and c.is_url), None)
    if url and url.name != "url":
        guess.description["url"] = url.name
    used = [photo, *([url] if url else []), *([columns[0]] if unnamed and photo.position else [])]
    others = [column for column in columns if column not in used and column.name != "group"]
    named = [column for column in others if column.name]
    binary = [column for column in named if column.is_binary]
    words = [column for column in named if not column.is_binary]
    repeated = photo.texts.total() > 1.1 * len(photo.texts)
    in_header = [column for column in named if column.name in known]
    if in_header or (binary and not (words and repeated)):
        taken = _guess_wide(guess, in_header or binary, known)
    else:
        taken = _guess_words(guess, words, binary, known, repeated)
    if not guess.labels:
        guess.problems.append(f"{table}: no labels found in {join([column.title for column in others]) or 'it'}")
    used_for_labels = set(taken)
    left = [column for column in others if column not in used_for_labels]
    further = set(guess.labels) - known if known and not in_header else set()
    if left or further:
        ignored = [*(column.name for column in left), *sorted(further)]
        guess.description["ignore"] = ignored if len(ignored) <= LISTED else "all"
        titles = [*(column.title for column in left), *sorted(further)][:LISTED]
        guess.findings.append(f"{plural(len(ignored), 'column' if left else 'label')} without use: {join(titles)}")
    return guess, [name_of_url(text) if photo is url else text for text in photo.texts]


def _columns(header: TableRow, rows: Iterable[TableRow]) -> tuple[list[_Column], int]:
    """Return the columns up to the last named one, with the texts of their cells, and the number of rows read."""
    width = max((k + 1 for k, name in enumerate(header.fields) if name), default=1)
    if width > MAX_COLUMNS:
        raise UnreadableError(header.line, f"{width} columns, expected at most {MAX_COLUMNS}")
    columns, count = [_Column(k, normal(name)) for k, name in enumerate(header.fields[:width])], 0
    for row in islice(rows, math.ceil(MAX_CELLS[width <= NARROW] / width)):
        count += 1
        for column, text in zip(columns, row.fields, strict=False):
            if text in column.texts or len(column.texts) < MAX_DISTINCT:
                column.texts[text] += 1
    return columns, count


def _photo_column(columns: list[_Column], is_photo: Callable[[str], bool], unnamed: bool) -> _Column:
    """Return the column with most names of photos, of which few repeat; of equal ones, the first that is no index."""

    def photos(column: _Column) -> float:
        if column.is_binary:
            return 0
        texts = [name_of_url(text) if column.is_url else text for text in islice(column.texts, 200) if text]
        named = sum(is_photo(text) or _is_photo_name(text) for text in texts)
        return named * len(column.texts) / max(1, column.texts.total())

    ordered = [*columns[1:], columns[0]] if unnamed else columns
    best = max(ordered, key=photos)
    return best if photos(best) else ordered[0]


def _guess_wide(guess: Guess, columns: list[_Column], known: set[str]) -> list[_Column]:
    """Add labels that have columns; return their columns."""
    guess.labels = [column.name for column in columns if not known or column.name in known]
    texts = {text for column in columns for text in column.values}
    has_zeros = any({**BITS, **WORDS}.get(text) == 0 for text in texts)
    negative = "unknown" if has_zeros else 0
    found = {text for column in columns for text in column.words}
    words = {text: value for text, value in WORDS.items() if text in found}
    values = words | {text: negative for text in ("", "-1") if {text, f"{text}.0"} & texts}
    values |= {text: "unknown" for text in UNKNOWN_WORDS if text in texts}
    if values:
        guess.description["values"] = values
        meanings = ", ".join(f"{quote(text)} is {value}" for text, value in values.items())
        guess.findings.append(f"cells other than 0 and 1: {meanings}")
    guess.findings.append(f"{plural(len(guess.labels), 'label')} in columns of 0 and 1")
    return columns if not known else [column for column in columns if column.name in known]


def _guess_words(
    guess: Guess, words: list[_Column], binary: list[_Column], known: set[str], repeated: bool
) -> list[_Column]:
    """Add labels that are words in cells; return their columns."""
    words = [column for column in words if any(column.texts) and not column.is_url]
    if not words:
        return []

    def fit(column: _Column) -> tuple[int, int, int]:
        names = _names(column, _separator(column, known))
        rank = LABEL_NAMES.index(column.name.casefold()) if column.name.casefold() in LABEL_NAMES else len(LABEL_NAMES)
        return -len(known & set(names)), rank, len(names)

    column = min(words, key=fit)
    texts = column.values - {""}
    alike = [other.name for other in words if other.values - {""} == texts]
    if len(alike) > 1 and len(texts) == 2:
        text = f"the cells of the columns {join(alike)} are {quote_all(sorted(texts))}"
        guess.problems.append(f"{text}; if these are labels, replace the cells by 1 and 0")
    separator = _separator(column, known)
    if repeated and separator == "|" and not any("|" in text for text in column.texts):
        value = binary[0] if binary else None
        guess.description["long"] = {"label": column.name, **({"value": value.name} if value else {})}
        guess.findings.append(f"a row per photo and label, in column {column.name}")
        guess.labels = sorted(text for text in column.texts if text)[:MAX_LABELS]
        return [column, *([value] if value else [])]
    guess.description["cell"] = {"column": column.name, "separator": separator}
    guess.labels = sorted(_names(column, separator))[:MAX_LABELS]
    several = any(separator in text for text in column.texts)
    how = "as lists" if separator == "list" else f"separated by {quote(separator)}" if several else "one in each cell"
    more = ", ..." if len(guess.labels) > LISTED else ""
    guess.findings.append(f"labels are words in column {column.name}, {how}: {quote_all(guess.labels[:LISTED])}{more}")
    if len(guess.labels) > max(10, column.texts.total() // 2):
        guess.problems.append(
            f"column {column.name}: {len(guess.labels)} different words, which are too many for labels"
        )
    return [column]


def _separator(column: _Column, known: set[str]) -> str:
    """Return the probable separator of a column's words; ``|``, which is not there, if each cell is one word."""
    texts = [text for text in column.texts if text]
    if texts and all(text[0] in "[({" and text[-1] in "])}" for text in texts):
        return "list"
    for separator in SEPARATORS[1:]:
        if not any(separator in text for text in texts):
            continue
        names = _names(column, separator)
        if (known and names and len(known & set(names)) > len(known & set(texts))) or len(names) < len(texts):
            return separator
    return "|"


def _names(column: _Column, separator: str) -> Counter[str]:
    """Return the words in a column's cells."""
    return Counter(name for text in column.texts for name in names_in_cell(text, separator) or [])
