"""How problems of a configuration are worded."""

import difflib
from collections.abc import Collection, Sequence
from typing import Any

from stylevote.errors import InputError

Place = tuple[str | int, ...]  # keys and positions, from the outermost

SHOWN = 200  # characters of a value, and problems of a list


def refusal(problems: Sequence[str]) -> InputError:
    """Return the error that lists what is wrong."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return InputError("\n  ".join([f"{count} in the configuration:", *problems[:SHOWN], *more]))


def shown(value: Any) -> str:
    """Return a value as it is written, or its beginning."""
    if isinstance(value, int) and value.bit_length() > SHOWN:
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def listed(names: Sequence[str]) -> str:
    """Return names in a row, or the first of them."""
    return ", ".join(names[:SHOWN]) + ("..." if len(names) > SHOWN else "")


def nearest(name: str, known: Collection[str], otherwise: str) -> str:
    """Return a question for the known name that is nearest, or ``otherwise`` if none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise


def place_text(place: Place) -> str:
    """Return a place as people write it: ``runs[0].phases[1].lr``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
