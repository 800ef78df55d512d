"""A resolved configuration: its values, its runs, and the blocks of its labels."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stylevote.config import backbones
from stylevote.config.configuration import Configuration
from stylevote.config.identity import canonical, features_setting, run_id
from stylevote.config.published import predicted_labels
from stylevote.config.runs import PROBE_KEYS, Probe, Run
from stylevote.errors import InputError
from stylevote.wording import bullets, nearest

# Keys of a run that decide whether its network can be made. Heads of any shape fit.
NETWORK_KEYS = ("backbone", "backbone_args", "weights", "size", "test_size", "drop_path", "head_from")
MAX_BLOCKS = 16  # per rule, unless the configuration sets the number of labels per block


@dataclass(frozen=True)
class Settings:
    """A resolved configuration.

    Attributes:
        config: all keys, with defaults, and folders in the place of ``{results}``.
        runs: setting of each run as JSON values, by its id, in the order of the ids: their order in the list has no
            meaning.
        student_setting: the student's setting as JSON values, or None.
        external: folder of each external member, by its name.
        slugs: file name stem of each label.
        blocks: labels of each job, by the block's name, in the order of the labels.
        cells: figures of each table of runs, by the table's name (see `published.resolve_cells`).
        entries: key of each run in the configuration (``runs[0]``), by its id.
    """

    config: Configuration
    runs: dict[str, dict[str, Any]]
    student_setting: dict[str, Any] | None
    external: dict[str, str]
    slugs: dict[str, str]
    blocks: dict[str, list[str]]
    cells: dict[str, list[dict[str, Any]]]
    entries: dict[str, str]

    @property
    def labels(self) -> list[str]:
        """The labels, in the configuration's order."""
        return self.config.labels

    def labels_of(self, setting: dict[str, Any]) -> list[str]:
        """Return the labels that a run of this setting predicts."""
        return predicted_labels(setting, self.labels)

    @property
    def networks(self) -> str:
        """The folder of photos, pixels and networks."""
        return self.config.networks or self.config.results

    @property
    def common_features(self) -> list[str]:
        """The labels whose members all stackers take, in addition to those of their own label."""
        return self.labels if self.config.stack.features == "all" else []

    @property
    def folds(self) -> range:
        """The numbers of the folds."""
        return range(self.config.folds.count)

    @cached_property
    def student(self) -> str | None:
        """The id of the student's run; None without a student.

        It depends on the student's setting and on the ensemble that teaches it. Configurations that share a folder of
        networks have students of their own there.
        """
        if not self.student_setting:
            return None
        config = self.config
        target = config.target.used() if config.target else None
        ensemble = [config.selection.used(), target, config.stack.used(), self.common_features, config.beta]
        home = config.results if config.networks else None
        return run_id({**self.student_setting, "teacher": [list(self.runs), list(self.external), *ensemble, home]})

    @cached_property
    def trained(self) -> dict[str, dict[str, Any]]:
        """The setting of each network that is trained, by the run's id: the runs, the student, and the probes whose
        heads runs start from.
        """
        student = {self.student: self.student_setting} if self.student else {}
        probes = {probe: head_probe(self.runs[run]) for run, probe in self.head_probes.items()}
        return {**self.runs, **student, **probes}

    @cached_property
    def head_probes(self) -> dict[str, str]:
        """The id of the probe whose head a run starts from, by the run's id."""
        with_head = {run: setting for run, setting in self.runs.items() if setting.get("head_from")}
        return {run: run_id(head_probe(setting)) for run, setting in with_head.items()}

    @property
    def networks_to_check(self) -> dict[str, list[str]]:
        """The keys of the runs that share a network, by the setting of the network as canonical JSON.

        The setting holds all that decides whether the network can be made, and ``start``, the user's file of weights.
        """
        owners = {probe: run for run, probe in self.head_probes.items()}
        keys: dict[str, list[str]] = {}
        for run, setting in self.trained.items():
            network = {key: setting[key] for key in NETWORK_KEYS if key in setting}
            network = features_setting(setting) if setting.get("probe") else network
            text = canonical({**network, "start": self.start_weights(setting)})
            key = "distillation" if run == self.student else self.entries[owners.get(run, run)]
            if key not in keys.setdefault(text, []):
                keys[text].append(key)
        return dict(sorted(keys.items()))

    @property
    def described_runs(self) -> dict[str, dict[str, Any]]:
        """The setting of each run, with the labels that it predicts."""
        return {run: {**setting, "labels": self.labels_of(setting)} for run, setting in self.runs.items()}

    def start_weights(self, setting: dict[str, Any]) -> list[str]:
        """Return the user's file of weights from which a run of this setting starts, if there is one."""
        if setting["weights"] == "pretrained" and self.config.weights_folder:
            return [str(Path(self.config.weights_folder, f"{weights_name(setting['backbone'])}"))]
        return [] if setting["weights"] in ("none", "pretrained") else [setting["weights"]]

    def check_weights_folder(self) -> None:
        """Raise `InputError` if ``weights_folder`` lacks the file of a run with pretrained weights."""
        folder = self.config.weights_folder
        pretrained = [one for one in self.trained.values() if folder and one["weights"] == "pretrained"]
        files = {Path(path) for setting in pretrained for path in self.start_weights(setting)}
        if missing := sorted(path.name for path in files if not path.is_file()):
            found = [path.name for path in sorted(Path(folder).glob("*.safetensors"))]
            lines = [name + nearest(name, found, f"found {', '.join(found) or 'no such files'}") for name in missing]
            raise InputError(bullets(f"weights_folder: {folder} lacks the weights of runs:", lines, indent="  "))

    def uses_recolored(self, recipe: str) -> bool:
        """Return whether a recipe, by its name, uses recoloured photos."""
        return bool(self.config.recipes[recipe].recolored)

    def sees_recolored(self, run: str) -> bool:
        """Return whether a run, or the student, is trained on recoloured photos."""
        return self.uses_recolored(self.trained[run]["recipe"])


def is_fetched(network: Mapping[str, Any]) -> bool:
    """Return whether the weights of a network of `Settings.networks_to_check` come from the hub."""
    return network["weights"] == "pretrained" and not network["start"]


def weights_name(backbone: str) -> str:
    """Return the name of a backbone's file in ``weights_folder``."""
    return f"{re.sub('[:/]', '_', backbone)}.safetensors"


def label_blocks(slugs: dict[str, str], labels_per_job: int | None) -> dict[str, list[str]]:
    """Divide the labels into blocks of nearly equal size. The division depends on the list of labels alone.

    Args:
        slugs: file name stem of each label, in the configuration's order.
        labels_per_job: maximum of labels per block; None: at most `MAX_BLOCKS` blocks.

    Returns:
        the labels of each block. The name of a block is the stem of its label, or those of its first and last label.
    """
    labels = list(slugs)
    size = labels_per_job or -(-len(labels) // MAX_BLOCKS)
    count = -(-len(labels) // size)
    ends = [len(labels) * number // count for number in range(count + 1)]
    parts = [labels[start:end] for start, end in itertools.pairwise(ends)]
    # No stem holds an underscore, so names are unique.
    return {"_to_".join(dict.fromkeys([slugs[part[0]], slugs[part[-1]]])): part for part in parts}


def kind_of(run: str) -> str:
    """Return the backbone and size of a run, with which its id begins."""
    return run.rsplit("-", 2)[0]


def epochs_of(setting: dict[str, Any]) -> int:
    """Return the number of epochs of a run with this setting: 1 for a probe."""
    return 1 if setting.get("probe") else sum(phase["epochs"] for phase in setting["phases"])


def head_probe(setting: dict[str, Any]) -> dict[str, Any]:
    """Return the setting of the probe whose head a run of this setting starts from.

    All else is as in a configuration that does not mention it, so that a probe among the runs may be the same.
    """
    shared = ("backbone", "backbone_args", "weights", "size", "labels", "recipe", "loss", "tta")
    known = backbones.find(setting["backbone"])
    batch = known.batch if known else backbones.BATCH
    pooling = "token" if setting["head_from"] == "token_probe" else "mean"
    probe = Run(**{key: setting[key] for key in shared}, batch=batch, hidden_units=[], probe={"pooling": pooling})
    probe.phases = []
    return probe.used()


def has_effect(key: str, setting: dict[str, Any]) -> bool:
    """Return whether a key of a run has an effect: a probe has no use for those of fine-tuning."""
    return key in PROBE_KEYS or not setting.get("probe")


def probe_text(probe: dict[str, Any]) -> str:
    """Return a probe as text: ``probe``, and its settings that are not the defaults."""
    usual = Probe().used()
    more = {key: value if isinstance(value, str) else canonical(value) for key, value in probe.items()}
    return ", ".join(["probe", *(f"{key} {more[key]}" for key in probe if probe[key] != usual[key])])
