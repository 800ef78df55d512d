"""The bank of runs: entries that stand for many runs, by alternatives and by numbers drawn at random."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from stylevote.digests import canonical, plain_numbers, seed

# More runs than this are a slip in the configuration: training them would take years.
MOST_RUNS = 5_000
# Keys of a run whose value is a list by nature.
LISTS = ("hidden", "labels", "phases")
# Words that stand for a list of labels.
WORDS = ("all", "each")
# What is drawn, by the key that says so.
DRAWS = ("choose", "uniform", "log_uniform", "integers")
# The schema allows no more hidden layers.
MOST_LAYERS = 3
# A drawn number is written with so many digits, so that people can read and repeat it.
DIGITS = 2

_Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Run:
    """One run of an entry.

    Attributes:
        setting: the entry with one alternative of each list and one draw of each random value.
        entry: number of the entry, from 0.
        drawn: whether anything in it was drawn.
    """

    setting: Any
    entry: int
    drawn: bool


def expand(entries: list[Any], labels: list[str]) -> tuple[list[Run], list[str]]:
    """Return the runs that entries of ``runs:`` stand for, and what is wrong with entries (those give no runs).

    **Alternatives.** A list gives a run for each of its elements; several lists in an entry are crossed. They may stand
    anywhere in the entry, alternatives may hold further ones, and these are the exceptions:

    - ``hidden``, ``phases`` and ``labels`` are lists by nature. They are alternatives where an element is a list
      (``[[256], [512, 512]]``) or, of ``labels``, the word ``all`` or ``each`` (unless a label is called so).
      Within a phase, lists are alternatives again.
    - Lists within ``backbone_args`` are arguments: ``backbone_args: [{...}, {...}]`` gives alternatives.

    ``labels: each`` gives an alternative for each label.

    **Draws.** Each of these stands, anywhere in the entry, for a value drawn at random:

    - ``{choose: [...]}``: one of the options, all alike likely; an option may be a list, or hold further draws.
    - ``{uniform: [a, b]}``, ``{log_uniform: [a, b]}``: a number, rounded to two significant digits, within the bounds.
    - ``{integers: [a, b]}``: a whole number, bounds included.
    - ``hidden: {layers: [a, b], units: ...}``: from a to b layers; units are a number or a draw, made anew for each.

    ``draws: N`` draws each combination of the entry's alternatives N times (default 1); equal ones count once.
    Another ``draw_seed`` (default 0) gives other draws. A draw depends on the draw seed, the combination, the number of
    the draw and the place in the entry, and on nothing else: other entries, other alternatives, the order of keys, and
    more draws change none.

    Args:
        entries: what ``runs:`` lists; what is no mapping, or a mapping without lists and draws, is passed through.
        labels: the labels, in the configuration's order; with none, ``each`` stays as it is.
    """
    problems, counts = [], {}
    for number, entry in enumerate(entries):
        found = list(_entry_mistakes(entry, f"runs[{number}]"))
        problems += found
        if not found:
            counts[number] = _size(entry, labels)
    total = sum(counts.values())
    if total > MOST_RUNS:
        most = max(counts, key=counts.__getitem__)
        problems.append(f"runs: {total} runs, expected at most {MOST_RUNS} (runs[{most}] alone gives {counts[most]})")
        return [], problems

    runs: list[Run] = []
    seen: dict[str, int] = {}
    for number in counts:
        combinations, draws, draw_seed = _combinations(entries[number], labels)
        for combination in combinations:
            name = canonical(combination)
            if not _holds_draws(combination, ()):
                runs.append(Run(_drawn(combination, (), []), number, drawn=False))
                continue
            first = seen.setdefault(canonical([draw_seed, name]), len(runs))
            if first < len(runs):
                twin = runs[first].entry
                problems.append(f"runs[{number}]: {_TWICE if twin == number else _AS_ANOTHER.format(twin)}")
                continue
            settings = [_drawn(combination, (), [draw_seed, name, draw]) for draw in range(draws)]
            runs += [Run(s, number, drawn=True) for s in {canonical(s): s for s in settings}.values()]
    return runs, problems


_TWICE = "an alternative stands there twice, and would draw the same; leave one out"
_AS_ANOTHER = "draws the same as runs[{}]; change its draw_seed or leave it out"


def _combinations(entry: Any, labels: list[str]) -> tuple[Iterator[Any], int, int]:
    """Return the combinations of an entry's alternatives, and how often and with which seed each is drawn."""
    if not isinstance(entry, dict):
        return iter([entry]), 1, 0
    bare = {key: value for key, value in entry.items() if key not in ("draws", "draw_seed")}
    return _alternatives(bare, (), labels), entry.get("draws", 1), entry.get("draw_seed", 0)


def _size(entry: Any, labels: list[str]) -> int:
    """Return how many runs an entry gives, equal draws included."""
    _, draws, _ = _combinations(entry, labels)
    plain, total = (_count(entry, (), labels, drawn) for drawn in (0, 1))
    return plain + (total - plain) * draws


def _parts(value: Any, path: _Path, labels: list[str]) -> tuple[str, list[tuple[_Path, Any]]]:
    """Return how a value is made of parts: ``either`` of them, ``all`` of them, or ``one`` that is not looked into."""
    if _draw_of(value, path) or (path == ("backbone_args",) and isinstance(value, dict)):
        return "one", [(path, value)]
    if path == ("labels",) and value == "each" and labels:
        return "either", [(path, [label]) for label in labels]
    if isinstance(value, list):
        if _are_alternatives(value, path, labels):
            return "either", [(path, part) for part in value]
        return "all", [((*path, place), part) for place, part in enumerate(value)]
    if isinstance(value, dict):
        return "all", [((*path, key), part) for key, part in value.items()]
    return "one", [(path, value)]


def _are_alternatives(value: list, path: _Path, labels: list[str]) -> bool:
    if not _is_list_by_nature(path):
        return True
    words = [part for part in value if part in WORDS and part not in labels] if path == ("labels",) else []
    return bool(words) or any(isinstance(part, list) for part in value)


def _is_list_by_nature(path: _Path) -> bool:
    return len(path) == 1 and path[0] in LISTS


def _count(value: Any, path: _Path, labels: list[str], drawn: int) -> int:
    """Return the number of combinations; one with draws counts as ``drawn``."""
    kind, parts = _parts(value, path, labels)
    if kind == "one":
        return drawn if _holds_draws(value, path) else 1
    counts = [_count(part, place, labels, drawn) for place, part in parts]
    return sum(counts) if kind == "either" else math.prod(counts)


def _alternatives(value: Any, path: _Path, labels: list[str]) -> Iterator[Any]:
    """Yield every combination of a value's alternatives, draws left as they are written."""
    kind, parts = _parts(value, path, labels)
    if kind == "one":
        yield value
    elif kind == "either":
        for place, part in parts:
            yield from _alternatives(part, place, labels)
    else:
        for chosen in product(*(_alternatives(part, place, labels) for place, part in parts)):
            yield dict(zip(value, chosen, strict=True)) if isinstance(value, dict) else list(chosen)


def _draw_of(value: Any, path: _Path) -> str | None:
    """Return the key that makes a value a draw, or None."""
    if not isinstance(value, dict):
        return None
    if path[:1] == ("hidden",) and ("layers" in value or "units" in value):
        return "layers"
    return next((key for key in DRAWS if key in value), None)


def _holds_draws(value: Any, path: _Path) -> bool:
    if _draw_of(value, path):
        return True
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return any(_holds_draws(part, (*path, key)) for key, part in parts)


def _drawn(value: Any, path: _Path, named: list[Any]) -> Any:
    """Return a copy of ``value`` in which everything is drawn; ``named`` and its path name each draw."""
    kind = _draw_of(value, path)
    if kind:
        return _draw(kind, value, path, named)
    if isinstance(value, dict):
        return {key: _drawn(part, (*path, key), named) for key, part in value.items()}
    if isinstance(value, list):
        return [_drawn(part, (*path, place), named) for place, part in enumerate(value)]
    return value


def _draw(kind: str, value: dict, path: _Path, named: list[Any]) -> Any:
    """Return one draw."""
    share = random.Random(seed(*named, list(path))).random()
    if kind == "choose":
        option = int(share * len(value[kind]))
        return _drawn(value[kind][option], (*path, option), named)
    low, high = value[kind]
    if kind in ("integers", "layers"):
        whole = low + int(share * (high - low + 1))
        return whole if kind == "integers" else [_drawn(value["units"], (*path, k), named) for k in range(whole)]
    if kind == "uniform":
        number = low + share * (high - low)
    else:
        number = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return plain_numbers(min(max(float(f"{number:.{DIGITS}g}"), low), high))


def _entry_mistakes(entry: Any, where: str) -> Iterator[str]:
    """Yield what is wrong with an entry's alternatives and draws; what their values may be is the schema's business."""
    if not isinstance(entry, dict):
        return
    bare = {key: value for key, value in entry.items() if key not in ("draws", "draw_seed")}
    draws, draw_seed = entry.get("draws", 1), entry.get("draw_seed", 0)
    if not _is_whole(draws) or draws < 1:
        yield f"{where}.draws: found {draws!r}, expected a whole number from 1"
    if not _is_whole(draw_seed):
        yield f"{where}.draw_seed: found {draw_seed!r}, expected a whole number"
    if len(bare) < len(entry) and not _holds_draws(bare, ()):
        needless = "draws" if "draws" in entry else "draw_seed"
        yield f"{where}.{needless}: nothing is drawn here; expected a value as {{choose: [...]}} somewhere in the run"
    for key, value in bare.items():
        yield from _mistakes(value, (key,), f"{where}.{key}")


def _mistakes(value: Any, path: _Path, where: str, chosen: bool = False) -> Iterator[str]:
    """Yield what is wrong within a value; ``chosen``: lists in it are values, and no alternatives."""
    kind = _draw_of(value, path)
    if kind:
        yield from _draw_mistakes(kind, value, path, where)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _mistakes(part, (*path, key), f"{where}.{key}", chosen or path == ("backbone_args",))
    elif isinstance(value, list):
        if not value and not chosen and not _is_list_by_nature(path):
            yield f"{where}: an empty list of alternatives gives no run"
        for place, part in enumerate(value):
            yield from _mistakes(part, path, f"{where}[{place}]", chosen)


def _draw_mistakes(kind: str, value: dict, path: _Path, where: str) -> Iterator[str]:
    expected = {"layers", "units"} if kind == "layers" else {kind}
    if set(value) != expected:
        yield f"{where}: found the keys {', '.join(map(str, value))}, expected {' and '.join(sorted(expected))} alone"
    elif kind == "choose":
        options = value[kind]
        if not isinstance(options, list) or not options:
            yield f"{where}.choose: found {options!r}, expected a list of what to choose from"
            return
        for place, option in enumerate(options):
            if path[0] == "labels" and option == "each":
                yield f"{where}.choose[{place}]: 'each' gives a run for each label and cannot be chosen"
            yield from _mistakes(option, (*path, place), f"{where}.choose[{place}]", chosen=True)
    else:
        yield from _bounds_mistakes(kind, value[kind], f"{where}.{kind}")
        if kind == "layers":
            yield from _mistakes(value["units"], (*path, "units"), f"{where}.units", chosen=True)


def _bounds_mistakes(kind: str, bounds: Any, where: str) -> Iterator[str]:
    numbers = "whole numbers" if kind in ("integers", "layers") else "numbers"
    limits = {"layers": f" from 1 to {MOST_LAYERS}", "log_uniform": " above 0"}.get(kind, "")
    fits = _is_whole if numbers == "whole numbers" else _is_number
    right = isinstance(bounds, list) and len(bounds) == 2 and all(map(fits, bounds)) and bounds[0] <= bounds[1]
    if not right or (limits and bounds[0] <= 0) or (kind == "layers" and bounds[1] > MOST_LAYERS):
        yield f"{where}: found {bounds!r}, expected two {numbers}{limits}, the lower first"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))
