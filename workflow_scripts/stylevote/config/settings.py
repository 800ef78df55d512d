"""A resolved configuration, and what is told of its runs and its labels."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stylevote.config.ensemble import Selection, Stack, Threshold
from stylevote.config.identity import run_id
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

    @cached_property
    def student(self) -> str | None:
        """The id of the student's run; None without a student.

        It depends on the student's setting and on the ensemble that teaches it: configurations that share a folder of
        networks may have ensembles, and so students, of their own.
        """
        setting = self.config["distillation"]
        selection = [self.selection, self.config["target"]]
        teacher = [
            list(self.runs),
            list(self.external),
            selection,
            self.stack,
            self.common_features,
            self.config["beta"],
        ]
        return run_id({**setting, "teacher": teacher}) if setting else None

    @cached_property
    def trained(self) -> dict[str, dict[str, Any]]:
        """The resolved setting of each network that is trained, by the run's id: the runs, then the student."""
        return {**self.runs, **({self.student: self.config["distillation"]} if self.student else {})}

    @property
    def described_runs(self) -> dict[str, dict[str, Any]]:
        """The setting of each run, with the labels that it predicts."""
        return {run: {**setting, "labels": self.labels_of(setting)} for run, setting in self.runs.items()}

    def uses_recolored(self, recipe: str) -> bool:
        """Return whether a recipe, by its name, uses recoloured photos."""
        return bool(self.config["recipes"][recipe]["recolored"])

    def sees_recolored(self, run: str) -> bool:
        """Return whether a run, or the student, is trained on recoloured photos."""
        return self.uses_recolored(self.trained[run]["recipe"])

    @property
    def selection(self) -> dict[str, Any]:
        """The method of selection, and the settings that it uses."""
        return Selection(**self.config["selection"]).used()

    @property
    def combiners(self) -> list[str]:
        """The modules of the combiner, and of those that it chooses among."""
        stack = Stack(**self.config["stack"])
        return list(dict.fromkeys([stack.combiner, *stack.combiners]))

    @property
    def stack(self) -> dict[str, Any]:
        """The combiner, and the settings that it uses."""
        return Stack(**self.config["stack"]).used()

    @property
    def threshold(self) -> dict[str, Any]:
        """The method of search for thresholds, and the settings that it uses."""
        return Threshold(**self.config["threshold"]).used()


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


def start_weights(setting: dict[str, Any]) -> list[str]:
    """Return the user's file of weights that a training of this resolved setting starts from, if there is one."""
    return [] if setting["weights"] in ("none", "pretrained") else [setting["weights"]]
