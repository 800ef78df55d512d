"""Pieces of Markdown, with every text escaped."""

from collections.abc import Sequence

from stylevote.wording import escape_bidi


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1, ids: bool = False) -> str:
    """Return a table: the first ``words`` columns to the left, numbers to the right.

    With ``ids``, the first column holds names of letters, digits, ``_``, ``.`` and ``-`` alone, which stand as code.
    """
    marks = [*[":--"] * words, *["--:"] * (len(head) - words)]
    lines = [[cell(text) for text in line] for line in [head, marks]]
    lines += [[f"`{row[0]}`" if ids else cell(row[0]), *map(cell, row[1:])] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """Return a text that stands for itself, also within a table's cell."""
    text = " ".join(escape_bidi(text).split()).replace("\\", "\\\\")
    for mark in "|<>*_`[]&#":
        text = text.replace(mark, f"\\{mark}")
    return text
