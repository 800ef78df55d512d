"""Problems of photos and tables: all at once, each with its location."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from stylevote.wording import bullets, location, plural

LISTED = 20  # problems of a kind that are listed one by one; more are one problem
FIRST = 5  # rows that the message of a kind names


class Problem(NamedTuple):
    """A problem of the input: a line of the message, and a row of the quarantine table."""

    row: int  # line of the table, from 1 (record, for Parquet); 0 if the problem concerns no row
    text: str  # the message
    image_id: str = ""  # file name of the photo, if the problem concerns one
    path: str = ""  # path of the photo, if the problem concerns one
    of_photo: bool = False  # the photo is bad, not the table, and may be skipped
    kind: str = ""  # if a message would list many problems of a kind, it has one line for them
    ignored: bool = False  # the file is no photo by its name, and is left out in any case


@dataclass
class Faults:
    """Problems of a table's rows, collected by kind: 200,000 equal mistakes take the room and the time of a few."""

    table: Path
    form: bool = False  # whether a fault may come from a table that is written in another form
    _texts: dict[Hashable, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    _counts: dict[Hashable, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, row: int, kind: Hashable, text: str | Callable[[], str], *, form: bool = False) -> None:
        """Add a fault.

        Args:
            row: line of the table, or 0.
            kind: faults of the same kind are counted together.
            text: the message without its location, or a function that makes it.
            form: the table may be written in another form than the one expected.
        """
        self.form = self.form or form
        self._counts[kind] += 1
        if len(texts := self._texts[kind]) < LISTED:
            texts.append((row, text if isinstance(text, str) else text()))

    def kinds(self, group: str) -> int:
        """Return the number of kinds that are pairs with this first element."""
        return sum(isinstance(kind, tuple) and kind[0] == group for kind in self._counts)

    def problems(self, listed: int = LISTED) -> list[Problem]:
        """Return a problem per fault, or per kind with more than ``listed`` of them."""
        found = []
        for kind, texts in self._texts.items():
            many = self._counts[kind] > listed
            more = _more(self._counts[kind], [row for row, _ in texts]) if many else ""
            for row, text in texts[: 1 if many else None]:
                found.append(Problem(row, f"{location(self.table, row)}: {text}{more}"))
        return found


def problem_report(problems: Iterable[Problem], photoset: str) -> str:
    """Return a message that lists the first 200 ``problems`` in row order, with their count."""
    ordered = sorted(problems, key=lambda problem: (problem.row == 0, problem.row))
    rows_of: dict[str, list[int]] = defaultdict(list)
    for problem in ordered:
        rows_of[problem.kind].append(problem.row)
    texts, said = [], set()
    for problem in ordered:
        kind = problem.kind
        many = kind and len(rows_of[kind]) > LISTED
        if not (many and kind in said):
            texts.append(problem.text + (_more(len(rows_of[kind]), rows_of[kind]) if many else ""))
        said.add(kind)
    return bullets(f"{plural(len(texts), 'problem')} in photoset {photoset}:", texts)


def _more(count: int, rows: list[int]) -> str:
    """Return the end of the message about the first of many problems of a kind."""
    others = [row for row in dict.fromkeys(rows) if row != rows[0]][: FIRST - 1]
    return f"; and {count - 1} more like this" + (f", in rows {', '.join(map(str, others))}, ..." if others else "")
