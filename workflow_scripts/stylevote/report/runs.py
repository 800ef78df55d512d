"""Describe the runs: a table of their differences, and a sentence on what they have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stylevote.config.identity import OMITTED
from stylevote.config.settings import has_effect, probe_text

# These keys come first, in this order; all others follow.
FIRST = ("backbone", "size", "weights", "labels", "recipe", "loss", "hidden_units", "batch", "phases", "seed")
WITHOUT_EFFECT = "–"


class RunTable(NamedTuple):
    """The runs: a table of the settings that differ, with their ids first, and the settings that all runs share."""

    head: list[str]
    rows: list[list[str]]
    common: str


def run_table(settings: Mapping[str, Mapping[str, Any]], labels: Sequence[str]) -> RunTable:
    """Return the differences between the runs, and their common settings.

    Settings without effect on probes are marked; in what runs have in common, probes do not count for these.

    Args:
        settings: the resolved setting of each run, by its id; ``labels`` in it are those that the run predicts.
        labels: all labels.
    """
    used = {key: None for setting in settings.values() for key in setting}
    settings = {run: {**OMITTED, **setting} for run, setting in settings.items()}
    keys = [key for key in FIRST if key in used] + [key for key in used if key not in FIRST]
    texts = {
        run: {key: _value(key, setting.get(key), labels) for key in keys if has_effect(key, setting)}
        for run, setting in settings.items()
    }
    values = {key: list(dict.fromkeys(of_run[key] for of_run in texts.values() if key in of_run)) for key in keys}
    differ = [key for key in keys if len(values[key]) > 1]
    rows = [[run, *(of_run.get(key, WITHOUT_EFFECT) for key in differ)] for run, of_run in texts.items()]
    common = "; ".join(f"{key} {values[key][0]}" for key in keys if len(values[key]) == 1)
    return RunTable(["run", *differ], rows, common)


def setting_text(value: Any) -> str:
    """Return a value of a configuration as a short text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(_pair(key, part) for key, part in sorted(value.items())) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(setting_text, value)) or "none"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _pair(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{key} ({setting_text(value)})" if value else key
    return f"{key} {setting_text(value)}"


def _value(key: str, value: Any, labels: Sequence[str]) -> str:
    if key == "labels" and list(value) == list(labels):
        return "all"
    if key == "probe" and value:
        return probe_text(value)
    if key == "phases":
        return "; ".join(map(_phase, value))
    return setting_text(value)


def _phase(phase: Mapping[str, Any]) -> str:
    """Return a phase of training: ``2 epochs at 0.0003, last 0.4``."""
    epochs = f"{phase['epochs']} epoch{'s' if phase['epochs'] != 1 else ''}"
    usual = {"policy": "triangular", "cycle": 1}
    more = {
        key: value for key, value in phase.items() if key not in ("epochs", "lr", "train") and value != usual.get(key)
    }
    parts = [f"{epochs} at {phase['lr']:g}", setting_text(phase["train"]), *(_pair(*item) for item in more.items())]
    return ", ".join(parts)
