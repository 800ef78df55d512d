"""The grid of runs: entries of `runs` that stand for several runs, by alternatives and by random draws."""

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from stylevote.config.identity import canonical, plain_numbers, seed
from stylevote.config.runs import MAX_LAYERS
from stylevote.wording import KeyPath, key_path

MAX_RUNS = 5_000  # more are a slip in the configuration: training them would take years
EACH = "each"
# Keys that mark a random draw; the draw of hidden layers has two.
DRAWS = {"choose": {"choose"}, "uniform": {"uniform"}, "log_uniform": {"log_uniform"}, "integers": {"integers"}}
DRAWS |= {"layers": {"layers", "units"}}
REPETITION = ("draws", "draw_seed")  # keys of an entry that repeat its draws
DIGITS = 2  # of a drawn number: people can read and repeat it


@dataclass(frozen=True)
class Run:
    """One run of an entry.

    Attributes:
        setting: the entry with one value for each set of alternatives and for each draw.
        entry: number of the entry, from 0.
        drawn: whether a value was drawn.
    """

    setting: Any
    entry: int
    drawn: bool


def expand(entries: list[Any], labels: list[str]) -> tuple[list[Run], list[str]]:
    """Return the runs of all entries of ``runs``, and the problems of entries (those give no runs).

    **Alternatives.** ``{each: [...]}`` gives a run per element, anywhere in the entry. Several are crossed, and may be
    nested. ``labels: each`` stands for ``{each: [[first label], [second label], ...]}``.

    **Draws.** These stand for a random value, anywhere in the entry:

    - ``{choose: [...]}``: one of the options, which are equally likely and may hold draws.
    - ``{uniform: [a, b]}``, ``{log_uniform: [a, b]}``: a number within the bounds, rounded to two significant digits.
    - ``{integers: [a, b]}``: a whole number, bounds included.
    - ``hidden_units: {layers: [a, b], units: ...}``: from a to b layers; units are a number, or a draw per layer.

    ``draws: N`` draws each combination of the alternatives N times (default 1); equal results count once. Another
    ``draw_seed`` (default 0) gives other values. A value depends on the draw seed, the combination, the number of the
    draw and its path in the entry, and on nothing else.

    Args:
        entries: the list ``runs``; an element that is no mapping is passed through.
        labels: the labels, in the configuration's order; if there are none, ``labels: each`` stays.
    """
    problems, kept, counts = [], {}, {}
    for number, entry in enumerate(entries):
        repetition = {key: entry[key] for key in REPETITION if key in entry} if isinstance(entry, dict) else {}
        keys = {key: entry[key] for key in entry if key not in REPETITION} if repetition else entry
        wrong = [*_repetition_problems(number, repetition, keys), *_problems(("runs", number), keys)]
        problems += wrong
        if not wrong:
            kept[number] = keys, repetition.get("draws", 1), repetition.get("draw_seed", 0)
            fixed, total = _count(keys, (), labels)
            counts[number] = fixed + (total - fixed) * kept[number][1]
    if (total := sum(counts.values())) > MAX_RUNS:
        most = max(counts, key=counts.__getitem__)
        problems.append(f"runs: {total} runs, expected at most {MAX_RUNS} (runs[{most}] alone gives {counts[most]})")
        return [], problems

    runs, entry_of = [], {}
    for number, (keys, draws, draw_seed) in kept.items():
        for combination in _combinations(keys, (), labels):
            name = canonical(combination)
            if not any(_draws(combination, ())):
                runs.append(Run(_draw(combination, (), []), number, drawn=False))
            elif (twin := entry_of.get(key := canonical([draw_seed, name]))) == number:
                problems.append(f"runs[{number}]: an alternative occurs twice and draws the same; leave one out")
            elif twin is not None:
                problems.append(f"runs[{number}]: draws the same as runs[{twin}]; change its draw_seed or leave it out")
            else:
                entry_of[key] = number
                settings = (_draw(combination, (), [draw_seed, name, draw]) for draw in range(draws))
                runs += [Run(s, number, drawn=True) for s in {canonical(s): s for s in settings}.values()]
    return runs, problems


def _kind(value: Any, path: KeyPath) -> str | None:
    """Return the key that marks alternatives or a draw, or None."""
    if not isinstance(value, dict):
        return None
    if "hidden_units" in path and ("layers" in value or "units" in value):
        return "layers"
    return next((key for key in (EACH, "choose", "uniform", "log_uniform", "integers") if key in value), None)


def _items(value: Any) -> Iterable[tuple[str | int, Any]]:
    """Return the parts of a value by their keys or positions."""
    return value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()


def _like(value: Any, parts: Iterable[Any]) -> Any:
    """Return a value with these parts in the place of its own."""
    return dict(zip(value, parts, strict=True)) if isinstance(value, dict) else list(parts)


def _alternatives(value: Any, path: KeyPath, labels: list[str]) -> list[Any] | None:
    """Return the alternatives that a value stands for, or None."""
    if path == ("labels",) and value == EACH and labels:
        return [[label] for label in labels]
    return value[EACH] if _kind(value, path) == EACH else None


def _combinations(value: Any, path: KeyPath, labels: list[str]) -> Iterator[Any]:
    """Yield a value once per combination of its alternatives; draws stay as they are written."""
    if (alternatives := _alternatives(value, path, labels)) is not None:
        for alternative in alternatives:
            yield from _combinations(alternative, path, labels)
    elif _kind(value, path) or not isinstance(value, (dict, list)):
        yield value
    else:
        for parts in product(*(_combinations(part, (*path, key), labels) for key, part in _items(value))):
            yield _like(value, parts)


def _count(value: Any, path: KeyPath, labels: list[str]) -> tuple[int, int]:
    """Return the number of combinations without draws, and of all combinations."""
    if (alternatives := _alternatives(value, path, labels)) is not None:
        fixed, total = zip(*(_count(alternative, path, labels) for alternative in alternatives), strict=True)
        return sum(fixed), sum(total)
    if _kind(value, path):
        return 0, 1
    counts = [_count(part, (*path, key), labels) for key, part in _items(value)]
    return math.prod(fixed for fixed, _ in counts), math.prod(total for _, total in counts)


def _draws(value: Any, path: KeyPath) -> Iterator[str]:
    """Yield the kind of each draw in a value, alternatives included."""
    if (kind := _kind(value, path)) not in (None, EACH):
        yield kind
    else:
        for key, part in _items(value):
            yield from _draws(part, (*path, key))


def _draw(value: Any, path: KeyPath, name: list[Any]) -> Any:
    """Return a copy of a value in which everything is drawn; ``name`` and the path give the seed of each draw."""
    kind = _kind(value, path)
    if not kind:
        parts = [_draw(part, (*path, key), name) for key, part in _items(value)]
        return _like(value, parts) if isinstance(value, (dict, list)) else value
    share = random.Random(seed(*name, list(path))).random()
    if kind == "choose":
        option = int(share * len(value[kind]))
        return _draw(value[kind][option], (*path, option), name)
    low, high = value[kind]
    if kind in ("integers", "layers"):
        whole = low + int(share * (high - low + 1))
        return whole if kind == "integers" else [_draw(value["units"], (*path, k), name) for k in range(whole)]
    if kind == "uniform":
        number = low + share * (high - low)
    else:
        number = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return plain_numbers(min(max(float(f"{number:.{DIGITS}g}"), low), high))


def _problems(where: KeyPath, value: Any, path: KeyPath = (), *, drawn: bool = False) -> Iterator[str]:
    """Yield the problems of alternatives and draws in a value; the models check the values themselves."""
    kind, at = _kind(value, path), key_path((*where, *path))
    if kind is None:
        for key, part in _items(value):
            yield from _problems(where, part, (*path, key), drawn=drawn)
        while path[-2:-1] in (("choose",), (EACH,)):
            path = path[:-2]
        if drawn and path[-1:] == ("labels",) and value == EACH:
            yield f"{at}: 'each' gives a run for each label and cannot be chosen"
        return
    expected = DRAWS.get(kind, {EACH})
    if set(value) != expected:
        yield f"{at}: found the keys {', '.join(map(str, value))}, expected {' and '.join(sorted(expected))} alone"
    elif kind == EACH and drawn:
        yield f"{at}: alternatives give a run each and cannot be drawn; leave `each` out"
    elif kind in (EACH, "choose"):
        options = value[kind]
        if not isinstance(options, list) or not options:
            meaning = "alternatives" if kind == EACH else "what to choose from"
            yield f"{at}.{kind}: found {options!r}, expected a list of {meaning}"
            return
        for number, option in enumerate(options):
            yield from _problems(where, option, (*path, kind, number), drawn=drawn or kind == "choose")
    else:
        yield from _bounds_problems(kind, value[kind], f"{at}.{kind}")
        yield from _problems(where, value.get("units"), (*path, "units"), drawn=True)


def _bounds_problems(kind: str, bounds: Any, at: str) -> Iterator[str]:
    whole = kind in ("integers", "layers")
    limits = {"layers": f" from 1 to {MAX_LAYERS}", "log_uniform": " above 0"}.get(kind, "")
    right = isinstance(bounds, list) and len(bounds) == 2 and all(_is_number(bound, whole=whole) for bound in bounds)
    if (
        not right
        or bounds[0] > bounds[1]
        or (limits and bounds[0] <= 0)
        or (whole and limits and bounds[1] > MAX_LAYERS)
    ):
        yield f"{at}: found {bounds!r}, expected two {'whole ' * whole}numbers{limits}, the lower first"


def _repetition_problems(number: int, repetition: dict[str, Any], keys: Any) -> Iterator[str]:
    for key, value in repetition.items():
        least = 1 if key == "draws" else -math.inf
        if not _is_number(value, whole=True) or value < least:
            yield f"runs[{number}].{key}: found {value!r}, expected a whole number{' from 1' if key == 'draws' else ''}"
    if repetition and not any(_draws(keys, ())):
        key = next(iter(repetition))
        yield f"runs[{number}].{key}: nothing is drawn here; expected a value as {{choose: [...]}} somewhere in the run"


def _is_number(value: Any, *, whole: bool) -> bool:
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool) and math.isfinite(value)
