"""What is wrong with photos and tables, in words: every problem at once, each with its place."""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

LISTED_PROBLEMS = 200


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


def problem_report(problems: Iterable[Problem], photoset: str) -> str:
    """Return the message for ``problems``: how many, then one a line in row order, at most 200 of them."""
    texts = [problem.text for problem in sorted(problems, key=lambda problem: (problem.row == 0, problem.row))]
    return listed(f"{plural(len(texts), 'problem')} in photoset {photoset}:", texts)


def listed(title: str, lines: list[str]) -> str:
    """Return a title and the first 200 lines below it, and how many more there are."""
    more = [f"and {len(lines) - LISTED_PROBLEMS} more"] if len(lines) > LISTED_PROBLEMS else []
    return "\n".join([title, *lines[:LISTED_PROBLEMS], *more])


def plural(number: int, noun: str) -> str:
    """Return a number of things, as messages say it."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def shown(text: str) -> str:
    """Return ``text`` quoted and short, with whatever does not print (control characters, say) escaped."""
    return repr(text if len(text) <= 200 else f"{text[:200]}...")


def quoted(labels: Iterable[str]) -> str:
    """Return names, each quoted, in one line."""
    return ", ".join(map(shown, labels))


def place(table: Path, row: int) -> str:
    """Return a table, or a row of it, as messages name it."""
    return f"{table}, row {row}" if row else str(table)


def describe_path(path: Path) -> str:
    """Return what messages call that which is found at a path: a file, a folder, nothing, ..."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "nothing"
    except OSError as error:
        return f"nothing that can be read ({error.strerror})"
    return "a folder" if stat.S_ISDIR(mode) else "a file" if stat.S_ISREG(mode) else "no regular file"
