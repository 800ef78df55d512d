"""Pieces of Markdown, with every text escaped."""

from collections.abc import Sequence

from stylevote.texts import visible


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> str:
    """Return a table: the first ``words`` columns to the left, numbers to the right."""
    marks = [*[":--"] * words, *["--:"] * (len(head) - words)]
    return "\n".join(f"| {' | '.join(cell(text) for text in line)} |" for line in [head, marks, *rows])


def cell(text: str) -> str:
    """Return a text that stands for itself, also within a table's cell."""
    text = " ".join(visible(text).split()).replace("\\", "\\\\")
    for mark in "|<>*_`[]&#":
        text = text.replace(mark, f"\\{mark}")
    return text
