"""Values of a run that are drawn at random."""

import math
import random
from collections.abc import Iterable, Iterator
from typing import Any

from stylevote.config.identity import plain_numbers, seed
from stylevote.config.runs import MOST_LAYERS
from stylevote.wording import KeyPath, key_path

# What is drawn, by the key that says so.
DRAWS = ("choose", "uniform", "log_uniform", "integers")
# A drawn number is written with so many digits, so that people can read and repeat it.
DIGITS = 2


def items(value: Any) -> Iterable[tuple[str | int, Any]]:
    """Return the parts of a value by their keys or positions."""
    return value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()


def draw_of(value: Any, path: KeyPath) -> str | None:
    """Return the key that makes a value a draw, or None."""
    if not isinstance(value, dict):
        return None
    if path[:1] == ("hidden_units",) and ("layers" in value or "units" in value):
        return "layers"
    return next((key for key in DRAWS if key in value), None)


def draws_in(value: Any, path: KeyPath) -> Iterator[tuple[str, dict[str, Any], KeyPath]]:
    """Yield every draw in a value, with its kind and its place; draws within draws are left to these."""
    if kind := draw_of(value, path):
        yield kind, value, path
    else:
        for key, part in items(value):
            yield from draws_in(part, (*path, key))


def with_draws(value: Any, path: KeyPath, named: list[Any]) -> Any:
    """Return a copy of ``value`` in which everything is drawn; ``named`` and its path name each draw."""
    if kind := draw_of(value, path):
        return _draw(kind, value, path, named)
    parts = {key: with_draws(part, (*path, key), named) for key, part in items(value)}
    return list(parts.values()) if isinstance(value, list) else parts if isinstance(value, dict) else value


def _draw(kind: str, value: dict, path: KeyPath, named: list[Any]) -> Any:
    """Return one draw."""
    share = random.Random(seed(*named, list(path))).random()
    if kind == "choose":
        option = int(share * len(value[kind]))
        return with_draws(value[kind][option], (*path, option), named)
    low, high = value[kind]
    if kind in ("integers", "layers"):
        whole = low + int(share * (high - low + 1))
        return whole if kind == "integers" else [with_draws(value["units"], (*path, k), named) for k in range(whole)]
    if kind == "uniform":
        number = low + share * (high - low)
    else:
        number = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return plain_numbers(min(max(float(f"{number:.{DIGITS}g}"), low), high))


def mistakes(number: int, kind: str, value: dict[str, Any], path: KeyPath) -> Iterator[str]:
    """Yield what is wrong with a draw, and with the draws in it."""
    expected, at = ({"layers", "units"} if kind == "layers" else {kind}), key_path(("runs", number, *path))
    if set(value) != expected:
        yield f"{at}: found the keys {', '.join(map(str, value))}, expected {' and '.join(sorted(expected))} alone"
        return
    if kind != "choose":
        yield from _bounds_mistakes(kind, value[kind], f"{at}.{kind}")
        for draw in draws_in(value.get("units"), (*path, "units")):
            yield from mistakes(number, *draw)
        return
    options = value[kind]
    if not isinstance(options, list) or not options:
        yield f"{at}.choose: found {options!r}, expected a list of what to choose from"
        return
    if path[:1] == ("labels",) and "each" in options:
        yield f"{at}.choose[{options.index('each')}]: 'each' gives a run for each label and cannot be chosen"
    for place, option in enumerate(options):
        for draw in draws_in(option, (*path, kind, place)):
            yield from mistakes(number, *draw)


def _bounds_mistakes(kind: str, bounds: Any, where: str) -> Iterator[str]:
    """Yield that the bounds of a draw are no two fitting numbers."""
    numbers = "whole numbers" if kind in ("integers", "layers") else "numbers"
    limits = {"layers": f" from 1 to {MOST_LAYERS}", "log_uniform": " above 0"}.get(kind, "")
    fits = is_whole if numbers == "whole numbers" else _is_number
    right = isinstance(bounds, list) and len(bounds) == 2 and all(map(fits, bounds)) and bounds[0] <= bounds[1]
    if not right or (limits and bounds[0] <= 0) or (kind == "layers" and bounds[1] > MOST_LAYERS):
        yield f"{where}: found {bounds!r}, expected two {numbers}{limits}, the lower first"


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return is_whole(value) or (isinstance(value, float) and math.isfinite(value))
