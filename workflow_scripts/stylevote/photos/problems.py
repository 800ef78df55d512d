"""Problems of photos and tables: all at once, each with its location."""

from collections.abc import Iterable
from typing import NamedTuple

from stylevote.wording import bullets, plural


class Problem(NamedTuple):
    """A problem of the input: a line of the message, and a row of the quarantine table.

    Attributes:
        row: line of the table, from 1 (record, for Parquet); 0 if the problem concerns no row.
        text: the message.
        image_id: file name of the photo, if the problem concerns one.
        path: path of the photo, if the problem concerns one.
        of_photo: the photo is bad, not the table, and may be skipped.
        ignored: the file is no photo by its name, and is left out in any case.
    """

    row: int
    text: str
    image_id: str = ""
    path: str = ""
    of_photo: bool = False
    ignored: bool = False


def problem_report(problems: Iterable[Problem], photoset: str) -> str:
    """Return a message that lists the first 200 ``problems`` in row order, with their count."""
    texts = [problem.text for problem in sorted(problems, key=lambda problem: (problem.row == 0, problem.row))]
    return bullets(f"{plural(len(texts), 'problem')} in photoset {photoset}:", texts)
