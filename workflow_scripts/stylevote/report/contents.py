"""Choose the report's contents from the configuration: compared losses, resampling recipes, captions, settings."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stylevote.config.identity import canonical
from stylevote.config.settings import epochs_of
from stylevote.report.runs import setting_text
from stylevote.wording import escape_bidi

# Keys that change no decision, or that a file of their own describes.
NOT_ON_CARD = {"results", "photosets", "downloads", "runs", "abstain", "bundle", "distillation", "experiments", "plan"}
NOT_ON_CARD |= {"report"}


def comparable_runs(runs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the groups of runs that differ in nothing but the loss: for each group, the run's id by the loss."""
    groups: dict[str, dict[str, str]] = {}
    for run, setting in runs.items():
        others = canonical({key: value for key, value in setting.items() if key != "loss"})
        groups.setdefault(others, {})[setting_text(setting["loss"])] = run
    return [dict(sorted(group.items())) for group in groups.values() if len(group) > 1]


def loss_names(groups: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the losses of all groups, in the order of their colours."""
    return sorted({loss for group in groups for loss in group})


def resampling_recipes(
    runs: Mapping[str, Mapping[str, Any]], recipes: Mapping[str, Mapping[str, Any]]
) -> dict[str, int]:
    """Return the epochs of the longest run of each recipe that repeats, drops or adds photos."""
    epochs: dict[str, int] = {}
    for setting in runs.values():
        name = setting["recipe"]
        if any(value for key, value in recipes[name].items() if key != "seed"):
            epochs[name] = max(epochs.get(name, 0), epochs_of(setting))
    return dict(sorted(epochs.items()))


def threshold_decides(votes: Mapping[str, Any]) -> bool:
    """Return whether new photos get a label if, and only if, its score reaches the threshold."""
    return votes == {"aggregation": "average_scores", "min_labels": 0, "max_labels": None}


def card_settings(config: Mapping[str, Any], external: Sequence[str]) -> dict[str, Any]:
    """Return the settings that the model card shows: those that change decisions, but for the runs.

    Args:
        config: the resolved configuration.
        external: names of the external members, which stand for their folders.
    """
    settings = {key: value for key, value in config.items() if key not in NOT_ON_CARD}
    return {**settings, "members": {**settings["members"], "external": list(external)}}


def color_legend(names: Sequence[str]) -> str:
    """Return the meaning of a picture's colours, for a caption in reStructuredText."""
    # Every mark stands for itself.
    texts = [re.sub(r"([^A-Za-z0-9\s])", r"\\\1", escape_bidi(name)) for name in names]
    return "; ".join(map(": ".join, zip(("blue", "orange", "green", "purple"), texts, strict=False)))
