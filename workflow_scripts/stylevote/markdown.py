"""Text and tables as Markdown, in which what people wrote stands for itself."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table: the first column to the left, numbers to the right; cells are escaped."""
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cell(text) for text in line)} |" for line in lines)


def cell(text: str) -> str:
    """Return a text that stands for itself in Markdown, and within a table's cell."""
    text = " ".join(text.split()).replace("\\", "\\\\")
    for mark in "|<>*_`[]&#":
        text = text.replace(mark, f"\\{mark}")
    return text
