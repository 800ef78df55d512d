"""A resolved configuration, and what is told of its runs and its labels."""

import itertools
from dataclasses import dataclass
from typing import Any

from stylevote.config.published import predicted_labels

MOST_BLOCKS = 16  # jobs of a rule of labels, unless the configuration says how many labels one has


@dataclass(frozen=True)
class Settings:
    """A resolved configuration.

    Attributes:
        config: every key of the models, defaults filled in.
        runs: resolved setting of each run, by its id, in the order of the ids: how they were listed means nothing.
        external: folder of each external member, by its name.
        slugs: file name stem of each label.
        blocks: the labels that one job works on, by the block's name, in the order of the labels.
        cells: what `experiments.resolve_cells` returns of each table of runs, by the table's name.
    """

    config: dict[str, Any]
    runs: dict[str, dict[str, Any]]
    external: dict[str, str]
    slugs: dict[str, str]
    blocks: dict[str, list[str]]
    cells: dict[str, list[dict[str, Any]]]

    @property
    def labels(self) -> list[str]:
        """The labels, in the configuration's order."""
        return self.config["labels"]

    def labels_of(self, setting: dict[str, Any]) -> list[str]:
        """The labels that a run of this setting predicts."""
        return predicted_labels(setting, self.labels)

    @property
    def networks(self) -> str:
        """The folder of photos, pixels and networks."""
        return self.config["networks"] or self.config["results"]

    @property
    def common_features(self) -> list[str]:
        """The labels whose members the stackers of every label take, besides the label's own."""
        return self.labels if self.config["stack"]["features"] == "all" else []

    @property
    def folds(self) -> range:
        """The numbers of the folds."""
        return range(self.config["folds"]["count"])


def label_blocks(slugs: dict[str, str], labels_per_job: int | None) -> dict[str, list[str]]:
    """Divide the labels into blocks of equal size, or nearly so; nothing but the list of labels decides which.

    Args:
        slugs: file name stem of each label, in the configuration's order.
        labels_per_job: most labels of a block; None lets each rule have `MOST_BLOCKS` jobs at most.

    Returns:
        the labels of each block. A block of one label has the label's stem as its name, and one of several those of its
        first and its last label.
    """
    labels = list(slugs)
    size = labels_per_job or -(-len(labels) // MOST_BLOCKS)
    count = -(-len(labels) // size)
    ends = [len(labels) * number // count for number in range(count + 1)]
    parts = [labels[start:end] for start, end in itertools.pairwise(ends)]
    # No stem holds an underscore, so that no two blocks have one name.
    return {"_to_".join(dict.fromkeys([slugs[part[0]], slugs[part[-1]]])): part for part in parts}


def kind_of(run: str) -> str:
    """Return the backbone and size of a run, as its id begins."""
    return run.rsplit("-", 2)[0]


def epochs_of(setting: dict[str, Any]) -> int:
    """Return how many epochs a run of this resolved setting has."""
    return sum(phase["epochs"] for phase in setting["phases"])
