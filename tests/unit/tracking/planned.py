"""A configuration to plan."""

from copy import deepcopy

from stylevote.config.resolve import resolve
from stylevote.config.settings import Settings

LABELS = ["red", "round", "soft", "new"]
PHASES = [{"epochs": 1, "lr": 0.001, "train": "head"}, {"epochs": 4, "lr": 0.0003, "train": {"last": 0.4}}]


def settings_of(*runs: dict, **keys: object) -> Settings:
    """Return the resolved settings of a configuration with these runs and further keys."""
    config = {
        "labels": LABELS,
        "photosets": {"train": {"photos": "a", "labels": "a.csv"}, "test": {"photos": "b"}},
        "folds": {"count": 3},
        "runs": deepcopy(list(runs)),
        **keys,
    }
    return resolve(config)
