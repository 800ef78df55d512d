"""Text of tables for terminals, pictures and comments of YAML: nothing in it can act as more than text."""

import textwrap
from typing import Any

from stylevote.config.writing import as_yaml
from stylevote.errors import printable

WIDTH = 118


def shown(text: str, width: int = 60) -> str:
    """Return a text that prints, with an ellipsis if it is longer than ``width``."""
    text = printable(text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def comment(text: str, indent: str = "") -> str:
    """Return a text as lines of a comment in YAML."""
    prefix = f"{indent}# "
    text = " ".join(map(printable, text.split()))
    return textwrap.fill(
        text, WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_long_words=False, break_on_hyphens=False
    )


def block(part: dict[str, Any], indent: str) -> str:
    """Return a mapping as YAML with a line per key."""
    return textwrap.indent(as_yaml(part, flow=False), indent)
