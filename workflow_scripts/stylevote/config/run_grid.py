"""The grid of runs: entries that stand for many runs, by alternatives and by numbers drawn at random."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

from stylevote.config import draws
from stylevote.config.draws import draw_of, draws_in, is_whole, items, with_draws
from stylevote.config.identity import canonical
from stylevote.wording import KeyPath, key_path

# More runs than this are a slip in the configuration: training them would take years.
MOST_RUNS = 5_000
# Keys of a run whose value is a list by nature.
LISTS = ("hidden_units", "labels", "phases")
# Words that stand for a list of labels.
WORDS = ("all", "each")
# What an entry says of its draws.
REPEATED = ("draws", "draw_seed")


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
    - ``hidden_units: {layers: [a, b], units: ...}``: from a to b layers; units are a number, or a draw for each.

    ``draws: N`` draws each combination of the entry's alternatives N times (default 1); equal ones count once.
    Another ``draw_seed`` (default 0) gives other draws. A draw depends on the draw seed, the combination, the number of
    the draw and the place in the entry, and on nothing else: other entries, other alternatives, the order of keys, and
    more draws change none.

    Args:
        entries: what ``runs:`` lists; what is no mapping, or a mapping without lists and draws, is passed through.
        labels: the labels, in the configuration's order; with none, ``each`` stays as it is.
    """
    runs, problems = [], []
    kept: dict[int, _Entry] = {}
    for number, written in enumerate(entries):
        if not isinstance(written, dict):
            runs.append(Run(written, number, drawn=False))
            continue
        entry = _Entry.of(written, labels)
        wrong = list(_mistakes(number, entry))
        problems += wrong
        if not wrong:
            kept[number] = entry
    counts = {number: entry.size for number, entry in kept.items()}
    if (total := sum(counts.values())) > MOST_RUNS:
        most = max(counts, key=counts.__getitem__)
        problems.append(f"runs: {total} runs, expected at most {MOST_RUNS} (runs[{most}] alone gives {counts[most]})")
        return [], problems

    first: dict[str, int] = {}  # the entry that has a combination with draws
    for number, entry in kept.items():
        for combination in entry.choices.values():
            name = canonical(combination)
            if not any(draws_in(combination, ())):
                runs.append(Run(with_draws(combination, (), []), number, drawn=False))
            elif (key := canonical([entry.draw_seed, name])) in first:
                problems.append(f"runs[{number}]: {_TWICE if first[key] == number else _AS_ANOTHER.format(first[key])}")
            else:
                first[key] = number
                settings = [with_draws(combination, (), [entry.draw_seed, name, draw]) for draw in range(entry.draws)]
                runs += [Run(s, number, drawn=True) for s in {canonical(s): s for s in settings}.values()]
    return runs, problems


_TWICE = "an alternative stands there twice, and would draw the same; leave one out"
_AS_ANOTHER = "draws the same as runs[{}]; change its draw_seed or leave it out"


@dataclass(frozen=True)
class _Choices:
    """The combinations of a value's alternatives, draws left as they are written.

    Attributes:
        plain: how many hold no draw.
        total: how many there are.
        values: gives them, one after another.
        empty: where lists of alternatives are empty.
    """

    plain: int
    total: int
    values: Callable[[], Iterable[Any]]
    empty: tuple[KeyPath, ...] = ()


@dataclass(frozen=True)
class _Entry:
    """An entry of ``runs``: its keys, their combinations, how often each of these is drawn, and with which seed."""

    keys: dict[str, Any]
    choices: _Choices
    repeated: dict[str, Any]

    @classmethod
    def of(cls, written: dict[str, Any], labels: list[str]) -> "_Entry":
        """Look at an entry as it is written."""
        keys = {key: value for key, value in written.items() if key not in REPEATED}
        return cls(keys, _choices(keys, (), labels), {key: written[key] for key in REPEATED if key in written})

    @property
    def draws(self) -> Any:
        """How often each combination with draws is drawn."""
        return self.repeated.get("draws", 1)

    @property
    def draw_seed(self) -> Any:
        """What gives other draws."""
        return self.repeated.get("draw_seed", 0)

    @property
    def size(self) -> int:
        """How many runs there are, equal draws included."""
        return self.choices.plain + (self.choices.total - self.choices.plain) * self.draws


def _choices(value: Any, path: KeyPath, labels: list[str]) -> _Choices:
    """Return the combinations of a value's alternatives."""
    is_list, is_argument = isinstance(value, list), path == ("backbone_args",)
    if path == ("labels",) and value == "each" and labels:
        return _either([_choices([label], path, labels) for label in labels], path)
    if is_list and _are_alternatives(value, path, labels):
        return _either([_choices(part, path, labels) for part in value], path)
    if draw_of(value, path) or not isinstance(value, (list, dict)) or (is_argument and not is_list):
        return _Choices(0 if any(draws_in(value, path)) else 1, 1, lambda: [value])
    parts = [_choices(part, (*path, key), labels) for key, part in items(value)]

    def values() -> Iterator[Any]:
        for chosen in product(*(part.values() for part in parts)):
            yield list(chosen) if is_list else dict(zip(value, chosen, strict=True))

    plain, total = math.prod(part.plain for part in parts), math.prod(part.total for part in parts)
    return _Choices(plain, total, values, tuple(chain.from_iterable(part.empty for part in parts)))


def _either(parts: list[_Choices], path: KeyPath) -> _Choices:
    """Return the combinations of a value that is one of several."""
    empty = tuple(chain.from_iterable(part.empty for part in parts)) if parts else (path,)
    plain, total = sum(part.plain for part in parts), sum(part.total for part in parts)
    return _Choices(plain, total, lambda: chain.from_iterable(part.values() for part in parts), empty)


def _are_alternatives(value: list, path: KeyPath, labels: list[str]) -> bool:
    """Whether the elements of a list are alternatives, and not together a value that is a list by nature."""
    if len(path) != 1 or path[0] not in LISTS:
        return True
    words = [part for part in value if part in WORDS and part not in labels] if path == ("labels",) else []
    return bool(words) or any(isinstance(part, list) for part in value)


def _mistakes(number: int, entry: _Entry) -> Iterator[str]:
    """Yield what is wrong with an entry's alternatives and draws; what their values may be is the models' business."""
    if not is_whole(entry.draws) or entry.draws < 1:
        yield f"runs[{number}].draws: found {entry.draws!r}, expected a whole number from 1"
    if not is_whole(entry.draw_seed):
        yield f"runs[{number}].draw_seed: found {entry.draw_seed!r}, expected a whole number"
    drawn = list(draws_in(entry.keys, ()))
    if entry.repeated and not drawn:
        at = f"runs[{number}].{next(iter(entry.repeated))}"
        yield f"{at}: nothing is drawn here; expected a value as {{choose: [...]}} somewhere in the run"
    for path in entry.choices.empty:
        yield f"{key_path(('runs', number, *path))}: an empty list of alternatives gives no run"
    for draw in drawn:
        yield from draws.mistakes(number, *draw)
