"""The settings for a survey of photos: labels, folds, and a ready set of runs that fits the time."""

from typing import NamedTuple

import numpy as np

from stylevote.begin.survey import Survey
from stylevote.config.photos import Folds
from stylevote.config.run_sets import entries_of
from stylevote.errors import InputError
from stylevote.tracking.set_costs import Seconds, SetCost, set_cost
from stylevote.wording import bullets, plural, quote

MIN_FOLDS, MAX_FOLDS = 3, Folds().count
UNLEARNABLE = f"on fewer than {MIN_FOLDS} distinct photos, or that no photo is known to lack"  # labels
SIZES = ("quick", "standard", "large")


class Choice(NamedTuple):
    """Settings."""

    labels: list[int]  # positions of the labels that are kept, in the table's order
    left_out: list[int]  # positions of the labels that are `UNLEARNABLE`
    folds: int  # number of folds
    chosen: str  # name of the set of runs
    costs: dict[str, tuple[float, SetCost]]  # hours and cost of each set that was considered, by its name


def choose(found: Survey, seconds: Seconds, *, hours: float, kind: str, devices: int) -> Choice:
    """Choose labels, folds and a ready set.

    Each fold needs a positive of each label, and some photo must lack it. The set is the largest one that is done in
    time, or else the smallest.

    Args:
        found: photos and labels.
        seconds: of a setting's network, see `set_cost`.
        hours: wanted time.
        kind: cpu or gpu.
        devices: number of GPUs; 1 for a CPU, whose cores `seconds` knows.

    Raises:
        InputError: no label can be learnt.
    """
    learnable = (found.distinct >= MIN_FOLDS) & (found.values == 0).any(axis=0)
    kept = np.flatnonzero(learnable).tolist()
    if not kept:
        lines = [
            f"{quote(label)}: {plural(count, 'distinct photo')}"
            for label, count in zip(found.labels, found.distinct.tolist(), strict=True)
        ]
        raise InputError(bullets(f"{found.table}: all labels are {UNLEARNABLE}:", lines))
    folds = min(MAX_FOLDS, int(found.distinct[kept].min()))
    costs = {}
    for size in SIZES:
        name = size if kind == "gpu" else f"{size}_cpu"
        cost = set_cost(name, len(found.entries), folds, seconds)
        costs[name] = (cost.features + cost.trainings) / devices, cost
        if costs[name][0] > hours:
            break
    chosen = [name for name, (time, _) in costs.items() if time <= hours][-1:] or list(costs)[:1]
    left_out = np.flatnonzero(~learnable).tolist()
    return Choice(kept, left_out, folds, chosen[0], costs)


def backbones_of(name: str) -> list[str]:
    """Return the backbones of a set."""
    named = [entry["backbone"] for entry in entries_of(name)]
    return sorted({each for one in named for each in (one["each"] if isinstance(one, dict) else [one])})
