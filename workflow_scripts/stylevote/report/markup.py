"""Pieces of HTML, with every text escaped, and how texts are written to files."""

import hashlib
import html
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from stylevote.files.tables import damaged, replacing
from stylevote.wording import escape_bidi

SHOWN_ROWS = 40  # of a table of labels that are seen at once; the others are folded away


def write_text(text: str, path: Path) -> None:
    """Write ``text`` as UTF-8."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_picture(picture: str, path: Path) -> None:
    """Write an SVG element, and a comment after it that holds a digest of it."""
    write_text(f"{picture.rstrip()}\n{_digest(picture)}\n", path)


def read_picture(path: Path) -> str:
    """Return what `write_picture` wrote; `InputError` where it is damaged."""
    picture, _, digest = path.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")
    if digest != _digest(picture):
        raise damaged(path)
    return f"{picture}\n"


def _digest(picture: str) -> str:
    return f"<!-- SHA-256 {hashlib.sha256(picture.rstrip().encode()).hexdigest()} -->"


def escape(text: object) -> str:
    """Return a text as it stands in HTML, also within an attribute's quotes."""
    return html.escape(escape_bidi(str(text)), quote=True)


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain text."""
    return f"<p{_class(kind)}>{escape(text)}</p>\n"


def figure(picture: str, caption: str = "", note: str = "") -> str:
    """Return a picture (an SVG, or an ``img`` element) with a caption in bold and a note beside it, both plain text."""
    words = f"<b>{escape(caption)}</b>" if caption else ""
    words += f" <span>{escape(note)}</span>" if note else ""
    head = f"<figcaption>{words}</figcaption>" if words else ""
    return f'<figure>{head}<div class="scroll">{picture}</div></figure>\n'


def grid(parts: Iterable[str], kind: str = "") -> str:
    """Return pieces side by side, as many as there is room for."""
    return f'<div class="grid {kind}">\n{"".join(parts)}</div>\n'


def beside(*parts: str) -> str:
    """Return pieces of any width beside each other, or below where there is no room."""
    return f'<div class="beside">{"".join(f"<div>{part}</div>" for part in parts)}</div>\n'


def folded(summary: str, body: str) -> str:
    """Return what is shown when somebody opens it, below a line of plain text."""
    return f"<details><summary>{escape(summary)}</summary>\n{body}</details>\n"


def some_folded(parts: Sequence[Any], shown: int, what: str, whole: Callable[[Sequence[Any]], str]) -> str:
    """Return what ``whole`` makes of the first parts, and of the others, which are folded away."""
    more = parts[shown:]
    return whole(parts[:shown]) + (folded(f"More {what}: {len(more)}", whole(more)) if more else "")


def key(*entries: tuple[str, str]) -> str:
    """Return what colours mean: pairs of the style sheet's name for a mark (``one``, ``two`` ...) and a plain text."""
    marks = (f'<span><i class="mark {mark}"></i>{escape(text)}</span>' for mark, text in entries)
    return f'<p class="key">{" ".join(marks)}</p>\n'


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, words: int = 1, last: bool = False) -> str:
    """Return a table, whose first ``words`` columns are texts and all others numbers, which stand under each other.

    Args:
        head: the columns' names.
        rows: cells; their texts are escaped.
        words: how many columns hold words.
        last: whether the last row sums up the others.
    """

    def line(cells: Sequence[object], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=w' if place < words else ''}>{escape(cell)}</{tag}>" for place, cell in enumerate(cells)
        )

    lines = [line(row, "td") for row in rows]
    marked = [f"<tr{' class=sum' if last and k == len(lines) - 1 else ''}>{row}</tr>" for k, row in enumerate(lines)]
    body = "\n".join(marked)
    return (
        f'<div class="scroll"><table><thead><tr>{line(head, "th")}</tr></thead>\n<tbody>{body}</tbody></table></div>\n'
    )


def listed_names(names: Sequence[str]) -> str:
    """Return a few names as they stand in a sentence."""
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
