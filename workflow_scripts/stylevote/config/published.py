"""Published tables next to our runs: the runs for each published figure."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from stylevote.config import backbones
from stylevote.config.configuration import Experiment
from stylevote.config.identity import OMITTED, canonical
from stylevote.config.runs import spelt_out, spelt_out_layers
from stylevote.wording import join, nearest

MACRO = "macro"  # the mean over all labels, where a label's name is expected
Setting = dict[str, Any]


def resolve_cells(
    where: str, table: Experiment, runs: dict[str, Setting], labels: list[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the published figures of a table with their runs, and the problems of the table.

    A row stands for all runs whose settings fit its pattern and the table's. The runs of one seed are a repetition, in
    which exactly one run predicts a label, unless the row fuses several. For the mean over labels, networks of one
    label each form a repetition.

    Args:
        where: the table's key in the configuration, for messages.
        table: a table of runs.
        runs: resolved settings of all runs, by their ids.
        labels: the labels, in the configuration's order.

    Returns:
        per figure ``row``, ``label`` (or ``macro``), ``paper`` (the published figure, or None), ``cut`` (the threshold,
        or None) and ``repetitions`` (per seed the runs of each label); and messages.
    """
    cells, problems, seen = [], [], set()
    runs = {run: {**OMITTED, **setting} for run, setting in runs.items()}
    for number, row in enumerate(table.rows or []):
        at = f"{where}.rows[{number}]"
        pattern, wrong = _pattern({**table.runs, **row.runs}, runs, labels)
        if wrong:
            problems += [f"{at}.runs: {text}" for text in wrong]
            continue
        fitting = {run: setting for run, setting in runs.items() if all(fits(setting) for fits in pattern.values())}
        if not fitting:
            problems.append(f"{at}.runs: {_no_run(row.row, pattern, runs)}")
            continue
        for label, figure in row.paper.items():
            if (row.row, label) in seen:
                problems.append(f"{at}: {row.row!r} has a figure of {label!r} already; rename the row")
            seen.add((row.row, label))
            if label not in [*labels, MACRO]:
                hint = nearest(label, [*labels, MACRO])
                problems.append(f"{at}.paper: {label!r} is not among the labels, nor {MACRO!r}{hint}")
                continue
            wanted = labels if label == MACRO else [label]
            repetitions, wrong = _repetitions(fitting, wanted, labels, fuse=row.fuse)
            problems += [f"{at}.runs: {text}" for text in wrong]
            cell = {"row": row.row, "label": label, "paper": figure, "cut": row.cut}
            cells.append({**cell, "repetitions": repetitions})
    return cells, problems


def _pattern(
    wanted: Setting, runs: dict[str, Setting], labels: list[str]
) -> tuple[dict[str, Callable[[Setting], bool]], list[str]]:
    """Return a test of a run's setting per key of a pattern, and the problems of keys."""
    known = sorted(next(iter(runs.values()), {}))
    unknown = [key for key in wanted if runs and key not in known]
    wrong = [f"{key!r} is no setting of a run{nearest(key, known, f'known: {join(known)}')}" for key in unknown]
    return {key: _fitting(key, value, labels) for key, value in wanted.items()}, wrong


def _fitting(key: str, value: Any, labels: list[str]) -> Callable[[Setting], bool]:
    """Return a test whether a run's setting of ``key`` is ``value``, in any of its forms."""
    if key == "labels" and value == "each":
        return lambda setting: len(predicted_labels(setting, labels)) == 1
    if key == "labels" and isinstance(value, list):
        return lambda setting: sorted(map(str, value)) == sorted(predicted_labels(setting, labels))
    if key == "backbone" and isinstance(value, str):
        backbone = backbones.find(value)
        value = backbone.timm if backbone else value
    if key in ("loss", "optimizer"):
        value = spelt_out(value)
    if key == "hidden_units":
        value = spelt_out_layers(value)
    return lambda setting: _fits(setting[key], value)


def _fits(setting: Any, wanted: Any) -> bool:
    """Return whether a value is the wanted one; of a mapping, also in a list, only the wanted keys count."""
    if isinstance(setting, list) and isinstance(wanted, list) and len(setting) == len(wanted):
        return all(map(_fits, setting, wanted))
    if isinstance(wanted, dict):
        return isinstance(setting, dict) and all(
            key in setting and _fits(setting[key], value) for key, value in wanted.items()
        )
    return canonical(setting) == canonical(wanted)


def _no_run(row: str, pattern: dict[str, Callable[[Setting], bool]], runs: dict[str, Setting]) -> str:
    """Return the message that no run fits, with the keys that rule all runs out."""
    alone = [key for key, fits in pattern.items() if not any(fits(setting) for setting in runs.values())]
    which = f"the {' and the '.join(alone)} that it asks for" if alone else "all that it asks for"
    return f"no run fits the row {row!r}: none has {which}"


def predicted_labels(setting: Setting, labels: list[str]) -> list[str]:
    """Return the labels that a run of this setting predicts."""
    return labels if setting["labels"] == "all" else setting["labels"]


def _repetitions(
    fitting: dict[str, Setting], wanted: list[str], labels: list[str], *, fuse: bool
) -> tuple[list[dict[str, list[str]]], list[str]]:
    """Return per seed the runs of each wanted label, and the problems: no run, several, or runs of different kinds."""
    by_seed: dict[int, dict[str, list[str]]] = {}
    for run, setting in fitting.items():
        for label in wanted:
            if label in predicted_labels(setting, labels):
                by_seed.setdefault(setting["seed"], {}).setdefault(label, []).append(run)
    repetitions, wrong = [], []
    if not by_seed:
        wrong.append(f"none of the {len(fitting)} runs that fit predicts {wanted[0]!r}")
    for seed, of_label in sorted(by_seed.items()):
        lacking = [label for label in wanted if label not in of_label]
        if lacking:
            wrong.append(f"no run of seed {seed} that fits predicts {lacking[0]!r}")
        label, several = next(((label, some) for label, some in of_label.items() if len(some) > 1), (None, []))
        if several and not fuse:
            differ = " and ".join(_differences([fitting[run] for run in several]))
            wrong.append(f"{len(several)} runs of seed {seed} predict {label!r}; they differ in {differ}: say which")
        repetitions.append({label: of_label[label] for label in wanted if label in of_label})
    if not wrong:
        wrong += _mixed(fitting, repetitions)
    return repetitions, wrong


def _mixed(fitting: dict[str, Setting], repetitions: list[dict[str, list[str]]]) -> Iterator[str]:
    """Yield the problem of the first label whose runs differ in more than their seeds, and so are no repetitions."""
    for label in repetitions[0]:
        counts = sorted({len(of_label[label]) for of_label in repetitions})
        if len(counts) > 1:
            yield f"the seeds have {' or '.join(map(str, counts))} runs that predict {label!r}, expected equally many"
            return
        settings = [_common(fitting[run] for run in of_label[label]) for of_label in repetitions]
        if differ := [key for key in _differences(settings) if key != "seed"]:
            seeds = ", ".join(str(setting["seed"][0]) for setting in settings)
            yield (
                f"the runs of seeds {seeds} that predict {label!r} differ in {' and '.join(differ)},"
                " and are to differ in their seeds alone: say which"
            )
            return


def _common(settings: Iterable[Setting]) -> Setting:
    """Return a list of each key's values, in an order that does not depend on the seed."""
    ordered = sorted(settings, key=lambda setting: canonical({**setting, "seed": None}))
    return {key: [setting[key] for setting in ordered] for key in ordered[0]}


def _differences(settings: list[Setting]) -> Iterator[str]:
    """Yield the keys in which settings differ."""
    first, *others = settings
    return (key for key in first if any(canonical(first[key]) != canonical(other[key]) for other in others))
