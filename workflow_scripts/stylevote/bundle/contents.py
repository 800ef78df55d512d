"""A bundle: everything that a decision needs, in one folder. `stylevote.bundle.decide` decides with it.

It holds the members' weights, the stackers, and ``bundle.json``: labels, thresholds, who is a member of what, what the
networks are, and a digest of every file.
"""

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pandas as pd
from jsonschema import Draft202012Validator

from stylevote.config.identity import file_sha256, plain_numbers, slug
from stylevote.ensemble import combiners
from stylevote.ensemble.stack import Stacker, combiner
from stylevote.ensemble.vote import AGGREGATIONS
from stylevote.errors import InputError
from stylevote.files.tables import read_json, read_sealed, read_table, write_json, write_sealed
from stylevote.report.render import markdown
from stylevote.wording import bullets, describe_path

CONTENT, CARD = "bundle.json", "card.md"
FORMAT = 1
MOST_BYTES = 50_000_000  # of `bundle.json`: some 100 bytes a file
TRAIN_AGAIN = "Remove the folder {} and start again: it is trained anew"
REMEDY = "Copy the bundle again from where it was made"
COMBINERS = sorted(module.name for module in iter_modules(combiners.__path__))
# Of a run's setting, what its networks are made of and used with.
USED = ("backbone", "backbone_args", "size", "batch", "hidden_units", "tta")
PACKAGES = ("torch", "timm", "segmentation-models-pytorch", "xgboost", "scikit-learn", "numpy", "pillow")

_NAME = {"type": "string", "minLength": 1, "maxLength": 150}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_LABELS = {"type": "array", "minItems": 1, "maxItems": 1000, "items": _NAME, "uniqueItems": True}
_VALUE = [{"type": ["boolean", "null"]}, {"type": "number", "minimum": -8192, "maximum": 8192}, {"type": "string"}]


def _object(**properties: Any) -> dict[str, Any]:
    """Return the schema of a mapping of exactly these keys."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _mapping(value: Any, keys: str = ".") -> dict[str, Any]:
    """Return the schema of a mapping of names, of this pattern, to such values."""
    return {"type": "object", "propertyNames": {"pattern": keys}, "additionalProperties": value}


# A bundle may come from anywhere: what it says becomes names of files, and arguments of a network.
_RUN = r"^[A-Za-z0-9_.]+-\d+-[a-z][a-z0-9_]*-[0-9a-f]{8}$"
BACKBONE_ARGS = {
    **_mapping({"anyOf": [*_VALUE, {"type": "array", "maxItems": 100, "items": {"anyOf": _VALUE}}]}),
    # What would have timm read another file, or fetch one.
    "propertyNames": {"not": {"pattern": "pretrained|checkpoint|cache"}},
}
SCHEMA = _object(
    format={"const": FORMAT},
    labels=_LABELS,
    beta={"type": "number", "exclusiveMinimum": 0, "maximum": 10},
    folds={"type": "integer", "minimum": 1, "maximum": 20},
    votes=_object(
        aggregation={"enum": list(AGGREGATIONS)},
        min_labels={"type": "integer", "minimum": 0},
        max_labels={"type": ["integer", "null"], "minimum": 1},
    ),
    combiner={"enum": list(COMBINERS)},
    features=_mapping(_LABELS),
    thresholds=_mapping(_SHARE),
    precision_threshold={"anyOf": [{"type": "null"}, _mapping({"anyOf": [{"type": "null"}, _SHARE]})]},
    members=_mapping(
        {
            "type": "array",
            "minItems": 1,
            "maxItems": 100_000,
            "items": {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "prefixItems": [_NAME, {"type": "integer", "minimum": 0, "maximum": 32767}],
            },
        }
    ),
    runs=_mapping(
        _object(
            backbone=_NAME,
            backbone_args=BACKBONE_ARGS,
            size={"type": "integer", "minimum": 32, "maximum": 1024},
            batch={"type": "integer", "minimum": 1, "maximum": 4096},
            hidden={"type": "array", "maxItems": 3, "items": {"type": "integer", "minimum": 1, "maximum": 8192}},
            tta={"enum": ["mirror", "none", "ten_crop"]},
            labels=_LABELS,
        ),
        _RUN,
    ),
    files=_mapping({"type": "string", "pattern": "^[0-9a-f]{64}$"}),
    versions=_mapping(_NAME),
)


@dataclass(frozen=True)
class BundledNetwork:
    """One CNN of a bundle: of a ``run``, which was trained without the photos of ``fold``, after ``epoch``.

    ``setting`` is what `stylevote.cnn.network.Network` takes, ``labels`` what its logits stand for, and ``path`` its
    weights.
    """

    run: str
    fold: int
    epoch: int
    setting: dict[str, Any]
    labels: list[str]
    path: Path


@dataclass(frozen=True)
class Bundle:
    """A checked bundle in ``folder``, and what its ``bundle.json`` says: ``content``."""

    folder: Path
    content: dict[str, Any]

    @property
    def labels(self) -> list[str]:
        """The labels that it decides."""
        return self.content["labels"]

    @property
    def thresholds(self) -> dict[str, float]:
        """Of each label: the score from which on it is given."""
        return self.content["thresholds"]

    @cached_property
    def members(self) -> dict[str, list[tuple[str, int]]]:
        """Of each label, its members as run and epoch, in the order in which its stackers take them."""
        return {label: [(run, epoch) for run, epoch in pairs] for label, pairs in self.content["members"].items()}

    @cached_property
    def networks(self) -> list[BundledNetwork]:
        """Its CNNs, those of a run and fold together."""
        used = sorted({pair for pairs in self.members.values() for pair in pairs})
        runs: dict[str, list[int]] = {}
        for run, epoch in used:
            runs.setdefault(run, []).append(epoch)
        return [
            BundledNetwork(
                run,
                fold,
                epoch,
                _setting(self.content["runs"][run]),
                self.content["runs"][run]["labels"],
                self.folder / _weights(run, fold, epoch),
            )
            for run, epochs in runs.items()
            for fold in range(self.content["folds"])
            for epoch in epochs
        ]

    @property
    def other_versions(self) -> list[str]:
        """What is installed here in another version than where the bundle was made, in words."""
        made, here = self.content["versions"], _versions()
        return [
            f"{name} {here.get(name, 'missing')} (made with {made[name]})"
            for name in PACKAGES
            if name in made and here.get(name) != made[name]
        ]

    def stackers(self, threads: int = 1) -> dict[str, list[Stacker]]:
        """Return each label's stackers, one per fold; `InputError` where a file holds none."""
        load = combiner(self.content["combiner"]).load
        found = {}
        for label in self.labels:
            found[label] = []
            for path in (self.folder / part for part in _stackers(label, self.content["folds"])):
                try:
                    found[label].append(load(read_sealed(path), threads))
                except InputError as error:
                    raise InputError(f"{path}: {error}") from error
        return found


def stored_weights(history: Path, weights: Path, epoch: int) -> tuple[Path, str]:
    """Return the file of an epoch in a training's folder of weights, and its digest, which the history holds."""
    digests = read_table(history, ["epoch", "weights_sha256"]).set_index("epoch")["weights_sha256"]
    return weights / f"epoch{epoch}.safetensors", digests[epoch]


def refuse_arguments(arguments: Mapping[str, Any], where: str) -> None:
    """Raise `InputError` where a bundle may not hold a backbone's further arguments, which stand at ``where``."""
    for error in Draft202012Validator(BACKBONE_ARGS).iter_errors(dict(arguments)):
        raise InputError(f"{where}: a bundle cannot hold this: {error.message[:200]}")


def bundle_card(content: Mapping[str, Any], worth: str, networks: int) -> str:
    """Return the card of a bundle, as Markdown.

    Args:
        content: what `write_bundle` takes.
        worth: Markdown on the quality of its decisions.
        networks: number of CNNs in the bundle.
    """
    return markdown("bundle_card.md", content=content, worth=worth.rstrip(), networks=networks)


def worth_of_ensemble(honest: pd.DataFrame, score: str, *, part: bool) -> str:
    """Return Markdown on the quality of an ensemble's decisions.

    Args:
        honest: `estimate/summary.parquet`: the estimate of the whole ensemble.
        score: name of the F-beta.
        part: whether the bundle holds fewer members than that.
    """
    return markdown("bundle_worth.md", rows=honest.to_dict("records"), score=score, part=part)


def write_bundle(
    folder: Path,
    content: Mapping[str, Any],
    weights: Mapping[tuple[str, int, int], tuple[Path, str]],
    stackers: Mapping[str, Sequence[bytes]],
    card: str,
) -> None:
    """Write a bundle.

    Args:
        folder: to make; one that is there is replaced.
        content: what `SCHEMA` asks for, but for format, files and versions; of ``runs``, whole settings will do.
        weights: file of weights, and its digest, by run, fold and epoch, of every member (see `stored_weights`).
        stackers: each label's, one per fold, as their `to_bytes` gives them.
        card: Markdown that says what the bundle is.

    Raises:
        InputError: what was given makes no bundle; weights are not those that training wrote; there is a folder that
            holds something else.
    """
    if folder.exists() and not (folder / CONTENT).exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: holds something else than a bundle; expected a new folder")
    runs = {run: {key: setting[key] for key in (*USED, "labels")} for run, setting in content["runs"].items()}
    sources = {_weights(*one): path for one, (path, _) in weights.items()}
    for path in sources.values():
        if not path.is_file():
            raise InputError(f"{path}: missing. {TRAIN_AGAIN.format(path.parent)}")
    shutil.rmtree(folder, ignore_errors=True)
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / name)
    made = []
    for label, of_folds in stackers.items():
        for name, raw in zip(_stackers(label, len(of_folds)), of_folds, strict=True):
            write_sealed(raw, folder / name)
            made.append(name)
    (folder / CARD).write_text(card, encoding="utf-8")
    files = {name: file_sha256(folder / name) for name in [*sorted([*sources, *made]), CARD]}
    for one, (path, expected) in weights.items():
        if files[_weights(*one)] != expected:
            raise InputError(
                f"{path}: damaged (its checksum is not that in the run's history). {TRAIN_AGAIN.format(path.parent)}"
            )
    said = {**content, "runs": runs, "format": FORMAT, "files": files, "versions": _versions()}
    # Last: what a killed job leaves is no bundle.
    write_json(said, folder / CONTENT)
    open_bundle(folder)


def open_bundle(folder: Path) -> Bundle:
    """Return a bundle after all of it was held against its digests.

    Raises:
        InputError: it is none, or not as it was made.
    """
    path = folder / CONTENT
    if not path.is_file():
        raise InputError(f"{folder}: no bundle; expected a folder with the file {CONTENT}, found {describe_path(path)}")
    if (found := path.stat().st_size) > MOST_BYTES:
        raise InputError(f"{path}: {found} bytes, expected at most {MOST_BYTES}")
    try:
        content = plain_numbers(read_json(path, REMEDY))
        if (made := content.get("format")) != FORMAT:
            raise InputError(f"{path}: a bundle of format {made!r}, expected {FORMAT}: another version made it")
        errors = sorted(Draft202012Validator(SCHEMA).iter_errors(content), key=lambda error: list(map(str, error.path)))
    except RecursionError as error:
        raise InputError(f"{path}: lists or mappings in hundreds of others; expected a bundle's few levels") from error
    if errors:
        where = ".".join(map(str, errors[0].absolute_path))
        raise InputError(f"{path}: {where or 'content'}: {errors[0].message[:200]}")
    bundle = Bundle(folder, content)
    if problems := list(_contradictions(bundle)):
        raise InputError(bullets(f"{path}: says what cannot be:", problems))
    if problems := list(_damages(folder, content["files"])):
        raise InputError(bullets(f"{folder}: damaged. {REMEDY}:", problems))
    return bundle


def _contradictions(bundle: Bundle) -> Iterator[str]:
    """Yield what is wrong between parts of a bundle that are each right by themselves."""
    content, labels = bundle.content, bundle.labels
    by_label = ["thresholds", "members", "features"] + ["precision_threshold"] * (
        content["precision_threshold"] is not None
    )
    for key in by_label:
        if sorted(content[key]) != sorted(labels):
            yield f"{key}: expected one for each label"
    for key in ("thresholds", "precision_threshold"):
        if not all(cut is None or math.isfinite(cut) for cut in (content[key] or {}).values()):
            yield f"{key}: expected finite numbers"
    if len({slug(label) for label in labels}) < len(labels):
        yield "labels: two would have the same files"
    for label, names in content["features"].items():
        if names[0] != label or not set(names) <= set(labels):
            yield f"features.{label}: expected labels, its own first"
    yield from _run_contradictions(content)
    if problems := set(content["files"]) ^ _needed(content):
        yield f"files: not those of its members and labels, such as {min(problems)[:200]!r}"


def _run_contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what members and runs of a bundle contradict."""
    for label, pairs in content["members"].items():
        for run, _ in pairs:
            if label not in content["runs"].get(run, {"labels": []})["labels"]:
                yield f"members.{label}: the run {run} does not predict it"
    for run, setting in content["runs"].items():
        if not set(setting["labels"]) <= set(content["labels"]):
            yield f"runs.{run}.labels: expected labels of the bundle"


def _needed(content: Mapping[str, Any]) -> set[str]:
    """Return the files that a bundle of this content has."""
    used = {(run, epoch) for pairs in content["members"].values() for run, epoch in pairs}
    weights = {_weights(run, fold, epoch) for run, epoch in used for fold in range(content["folds"])}
    return weights | {name for label in content["labels"] for name in _stackers(label, content["folds"])} | {CARD}


def _damages(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    """Yield which files are not as they were."""
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            yield f"{name}: found {describe_path(path)}"
        elif file_sha256(path) != expected:
            yield f"{name}: its checksum does not fit"


def _setting(run: Mapping[str, Any]) -> dict[str, Any]:
    return {key: run[key] for key in USED}


def _weights(run: str, fold: int, epoch: int) -> str:
    return f"weights/{run}/fold{fold}/epoch{epoch}.safetensors"


def _stackers(label: str, folds: int) -> list[str]:
    return [f"stackers/{slug(label)}/fold{fold}.stacker" for fold in range(folds)]


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # what the members do not use need not be there
            continue
    return found
