"""Words of messages: counts, lists, quotes, nearest names and locations.

The digest of code leaves this module out, but for the report's pages and pictures (`stylevote.tracking.code_digest`).
So no other result may depend on it, except the texts of problems in the quarantine table.
"""

import difflib
import stat
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

SHOWN = 200  # characters of a value, and lines of a list
FIRST = 3  # names in a sentence about many

KeyPath = tuple[str | int, ...]  # keys and positions, from the outermost

# Characters that change the direction of the text after them: a label could swap the letters or figures next to it.
BIDI_CONTROLS = {code: f"[U+{code:04X}]" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def size_text(size: float) -> str:
    """Return a number of bytes as text."""
    unit, name = next((unit for unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size >= unit[0]), (1, "B"))
    return f"{size / unit:,.1f} {name}" if unit > 1 else f"{size:.0f} B"


def plural(number: int, noun: str) -> str:
    """Return a count with its noun: ``1 photo``, ``2 photos``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def bullets(title: str, lines: Sequence[str], indent: str = "") -> str:
    """Return a title and the first 200 lines below it, and the count of the remaining ones."""
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return f"\n{indent}".join([title, *lines[:SHOWN], *more])


def quote(value: Any) -> str:
    """Return a value as Python writes it, at most 200 characters; characters that do not print are escaped."""
    if isinstance(value, str):
        return repr(value if len(value) <= SHOWN else f"{value[:SHOWN]}...")
    if isinstance(value, int) and value.bit_length() > SHOWN:
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def quote_all(values: Iterable[Any]) -> str:
    """Return values in one line, each quoted."""
    return ", ".join(map(quote, values))


def quote_first(names: Sequence[str]) -> str:
    """Return the first three names in one line, each quoted, and dots if there are more."""
    return quote_all(names[:FIRST]) + ("..." if len(names) > FIRST else "")


def join(names: Sequence[str]) -> str:
    """Return the first 200 names in one line."""
    return ", ".join(names[:SHOWN]) + ("..." if len(names) > SHOWN else "")


def nearest(name: str, known: Collection[str], otherwise: str = "", count: int = 1) -> str:
    """Return the end of a sentence about an unknown name: ``; did you mean 'size'?``.

    Args:
        name: the unknown name; upper and lower case do not matter.
        known: names that are known.
        otherwise: the end of the sentence if no known name is similar.
        count: number of names to suggest at most.
    """
    by_casefold = {candidate.casefold(): candidate for candidate in known}
    similar = difflib.get_close_matches(name.casefold(), by_casefold, n=count)
    if similar:
        return f"; did you mean {quote_all(by_casefold[candidate] for candidate in similar)}?"
    return f"; {otherwise}" if otherwise else ""


def key_path(path: KeyPath) -> str:
    """Return the keys and positions of a value as people write them: ``runs[0].phases[1].lr``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def location(table: Path, row: int) -> str:
    """Return the name of a table, or of a row in it."""
    return f"{table}, row {row}" if row else str(table)


def describe_path(path: Path) -> str:
    """Return the kind of file at a path: a file, a folder, nothing, ..."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "nothing"
    except OSError as error:
        return f"nothing that can be read ({error.strerror})"
    return "a folder" if stat.S_ISDIR(mode) else "a file" if stat.S_ISREG(mode) else "no regular file"


def escape_bidi(text: str) -> str:
    """Return a text in which characters that change the direction of writing are spelt out."""
    return text.translate(BIDI_CONTROLS)
