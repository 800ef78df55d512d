"""Render templates of HTML and Markdown. Every text of a user is escaped."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stylevote.wording import escape_bidi, size_text

TEMPLATES = Path(__file__).with_name("templates")
SHOWN_CARDS = 16  # of labels that are seen at once: the challenge has 13
OPTIONS = {
    "loader": FileSystemLoader(TEMPLATES),
    "undefined": StrictUndefined,
    "trim_blocks": True,
    "lstrip_blocks": True,
    "keep_trailing_newline": True,
}


def html(template: Any, **values: Any) -> str:
    """Render a template of HTML. Texts are escaped unless the template marks them as ``safe``.

    Args:
        template: its file name, or a template of `PAGES`.
        values: those that it names.
    """
    return escape_bidi(PAGES.get_template(template).render(values))


def markdown(template: str, **values: Any) -> str:
    """Render a template of Markdown, by its file name. Texts are escaped unless the template marks them as ``safe``."""
    return escape_bidi(DOCUMENTS.get_template(template).render(values))


def escape_markdown(text: str) -> str:
    """Return a text as one line of Markdown without special characters, also for a table's cell."""
    text = " ".join(text.split()).replace("\\", "\\\\")
    for mark in "|<>*_`[]&#":
        text = text.replace(mark, f"\\{mark}")
    return text


def is_known(value: float) -> bool:
    """Return whether a figure is a number."""
    return not math.isnan(value)


def number(value: float, form: str) -> str:
    """Return a figure in a format such as ``.3f``; nothing if it is not known."""
    return format(value, form) if is_known(value) else ""


def interval(row: Mapping[str, float], form: str = ".3f", prefix: str = "") -> str:
    """Return a row's interval, from its ``low`` to its ``high``; nothing if it has none."""
    low, high = row[f"{prefix}low"], row[f"{prefix}high"]
    return f"{low:{form}} to {high:{form}}" if is_known(low) else ""


def ratio(positives: int, photos: int) -> str:
    """Return positives to negatives with the rarer as 1, such as ``1:527``; a word if all or none are positives."""
    negatives = photos - positives
    if not positives or not negatives:
        return "all" if positives else "none"
    return f"1:{negatives / positives:,.0f}" if positives <= negatives else f"{positives / negatives:,.0f}:1"


def list_names(names: Sequence[str]) -> str:
    """Return a few names for a sentence."""
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def duration(hours: float) -> str:
    """Return a time in the unit that suits it."""
    if hours >= 2:
        return f"{hours:,.1f} hours"
    return f"{hours * 60:.1f} minutes" if hours * 60 >= 2 else f"{hours * 3600:.1f} seconds"


def _escape_value(value: Any) -> Any:
    return escape_markdown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


PAGES = Environment(**OPTIONS, autoescape=True)
DOCUMENTS = Environment(**OPTIONS, finalize=_escape_value)  # Jinja2's own escaping is that of HTML
for environment in (PAGES, DOCUMENTS):
    environment.filters |= {"number": number, "interval": interval, "listed": list_names, "ratio": ratio}
    environment.filters |= {"duration": duration, "bytes": size_text}
    environment.tests["known"] = is_known
MARKS = ["one", "two", "three", "four"]  # of the colours of series: classes in page.css
PAGES.globals |= {"zip": zip, "marks": MARKS, "shown_cards": SHOWN_CARDS}
