"""The settings for a survey of photos: labels, folds, and a ready set of runs that fits the time."""

from typing import Any, NamedTuple

import numpy as np

from stylevote.begin.survey import Survey
from stylevote.config.photos import Folds
from stylevote.config.run_sets import entries_of
from stylevote.errors import InputError
from stylevote.tracking.set_costs import Seconds, SetCost, set_cost
from stylevote.wording import bullets, plural, quote

MIN_FOLDS, MAX_FOLDS = 3, Folds().count
RARE = 0.05  # fraction of photos below which a label is rare
SIZES = ("quick", "standard", "large")
BALANCED = {"recipe": "balanced", "loss": {"weighted_bce": {"power": 0.5}}}


class Choice(NamedTuple):
    """Settings.

    Attributes:
        labels: positions of the labels that are kept, in the table's order.
        left_out: positions of the labels that are too rare for folds.
        folds: number of folds.
        rare: positions of kept labels below `RARE`.
        chosen: name of the set of runs.
        costs: hours and cost of each set that was considered, by its name.
    """

    labels: list[int]
    left_out: list[int]
    folds: int
    rare: list[int]
    chosen: str
    costs: dict[str, tuple[float, SetCost]]


def choose(found: Survey, seconds: Seconds, *, hours: float, kind: str, devices: int) -> Choice:
    """Choose labels, folds and a ready set.

    Each fold needs a positive of each label. The set is the largest one that is done in time, or else the smallest.

    Args:
        found: photos and labels.
        seconds: of a setting's network, see `set_cost`.
        hours: wanted time.
        kind: cpu or gpu.
        devices: number of GPUs; 1 for a CPU, whose cores `seconds` knows.

    Raises:
        InputError: no label has photos for three folds.
    """
    kept = np.flatnonzero(found.distinct >= MIN_FOLDS).tolist()
    if not kept:
        lines = [
            f"{quote(label)}: {plural(count, 'distinct photo')}"
            for label, count in zip(found.labels, found.distinct.tolist(), strict=True)
        ]
        raise InputError(bullets(f"{found.table}: no label is on {MIN_FOLDS} photos, one for each fold:", lines))
    folds = min(MAX_FOLDS, int(found.distinct[kept].min()))
    share = found.positives / np.maximum((found.values <= 1).sum(axis=0), 1)
    costs = {}
    for size in SIZES:
        name = size if kind == "gpu" else f"{size}_cpu"
        cost = set_cost(name, len(found.entries), folds, seconds)
        costs[name] = (cost.features + cost.trainings) / devices, cost
        if costs[name][0] > hours:
            break
    chosen = [name for name, (time, _) in costs.items() if time <= hours][-1:] or list(costs)[:1]
    left_out = np.flatnonzero(found.distinct < MIN_FOLDS).tolist()
    return Choice(kept, left_out, folds, [k for k in kept if share[k] < RARE], chosen[0], costs)


def balanced_run(name: str) -> dict[str, Any]:
    """Return the first probe of a set with a recipe and a loss for rare labels; it shares that probe's features."""
    return {**next(entry for entry in entries_of(name) if "probe" in entry), **BALANCED}


def backbones_of(name: str) -> list[str]:
    """Return the backbones of a set."""
    named = [entry["backbone"] for entry in entries_of(name)]
    return sorted({each for one in named for each in (one["each"] if isinstance(one, dict) else [one])})
