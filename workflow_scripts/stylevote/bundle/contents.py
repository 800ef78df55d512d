"""A bundle: all that decisions need, in one folder. `stylevote.bundle.decide` decides with it.

It contains the members' weights, the stackers, and ``bundle.json``: labels, thresholds, members, descriptions of the
networks, and a digest of every file. The weights of a probe are its heads. Their backbone is there once, for all folds
and probes that share it. A bundle may come from anywhere. Its description becomes names of files and arguments of a
network, so `open_bundle` checks it first.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field, Strict, ValidationError

from stylevote.bundle.backbones import check_arguments, described, refuse_hub
from stylevote.cnn.outputs import check_weights, read_digests, weights_path
from stylevote.cnn.settings import NetworkSetting
from stylevote.config.base import Model, refuse_equal
from stylevote.config.configuration import MAX_LABELS
from stylevote.config.ensemble import Combiner, Votes
from stylevote.config.identity import features_id, features_setting, file_sha256, plain_numbers, score_size, slug
from stylevote.config.photos import rise
from stylevote.config.runs import MAX_LAYERS, Probe, Tta, Units
from stylevote.ensemble.stack import Stacker, load_combiner
from stylevote.errors import InputError
from stylevote.files.tables import read_json, read_sealed, write_json, write_sealed
from stylevote.wording import bullets, describe_path, key_path, quote

CONTENT, CARD = "bundle.json", "card.md"
FORMAT = 1
MAX_BYTES = 50_000_000  # of `bundle.json`: about 100 bytes per file
REMEDY = "Copy the bundle again from its source"
PACKAGES = ("torch", "onnxruntime", "timm", "segmentation-models-pytorch", "xgboost", "scikit-learn", "numpy", "pillow")


def _check_votes(votes: Votes) -> Votes:
    if missing := Votes.model_fields.keys() - votes.model_fields_set:
        raise ValueError(f"{min(missing)} is missing")
    return votes


Text = Annotated[str, Field(min_length=1, max_length=150)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Value = Annotated[float, Field(allow_inf_nan=False)]
ValueRange = Annotated[tuple[Value, Value], Strict(False), AfterValidator(rise)]
Labels = Annotated[list[Text], Field(min_length=1, max_length=MAX_LABELS), AfterValidator(refuse_equal)]
RunId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+-\d+-[a-z][a-z0-9_]*-[0-9a-f]{8}$")]
FeaturesId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+-\d+-[0-9a-f]{8}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Epoch = Annotated[int, Field(ge=0, le=32767)]
# A list in JSON: run and epoch, for the CNNs of all folds; or run, epoch and fold, for the CNN of a fold. The n-th
# member of each fold goes into the n-th column of a stacker's input.
Member = (
    Annotated[tuple[Text, Epoch], Strict(False)]
    | Annotated[tuple[Text, Epoch, Annotated[int, Field(ge=0, le=19)]], Strict(False)]
)


class BundledRun(Model):
    """A run whose networks are in a bundle: the part of its setting that predictions need.

    Of a probe, this includes the id of its features, which names the file of its backbone.
    """

    backbone: Annotated[Text, AfterValidator(refuse_hub)]
    backbone_args: Annotated[dict[str, Any], AfterValidator(check_arguments)]
    size: int = Field(ge=32, le=1024)
    batch: int = Field(ge=1, le=4096)
    hidden_units: list[Units] = Field(max_length=MAX_LAYERS)
    batch_norm: bool = True
    probe: Probe | None = None
    features: FeaturesId | None = None
    tta: Tta
    labels: Labels


class Content(Model):
    """``bundle.json``."""

    format: Literal[1]  # as `FORMAT`
    labels: Labels
    beta: float = Field(gt=0, le=10, allow_inf_nan=False)
    folds: int = Field(ge=1, le=20)
    votes: Annotated[Votes, AfterValidator(_check_votes)]
    combiner: Literal[Combiner, "auto"]
    features: dict[str, Labels]
    thresholds: dict[str, Share | list[Share]]  # of each label, or of each of its stackers
    precision_threshold: dict[str, Share | None] | None
    members: dict[str, Annotated[list[Member], Field(min_length=1, max_length=100_000)]]
    ranges: dict[Literal["8 bits", "16 bits", "32 bits", "floats"], ValueRange] = Field({})
    runs: dict[RunId, BundledRun]
    files: dict[str, Sha256]
    versions: dict[str, Text]


@dataclass(frozen=True)
class BundledNetwork:
    """A CNN of a bundle.

    Attributes:
        run: id of its run.
        fold: fold that was held out.
        epoch: epoch after which its weights were stored.
        setting: see `stylevote.cnn.frozen.make_network`.
        labels: labels of its logits.
        path: file of its weights; of a probe, those of its head.
        backbone: file of a probe's backbone.
    """

    run: str
    fold: int
    epoch: int
    setting: NetworkSetting
    labels: list[str]
    path: Path
    backbone: Path | None = None


@dataclass(frozen=True)
class Bundle:
    """A checked bundle: its folder, and the content of its ``bundle.json``."""

    folder: Path
    content: Content

    @property
    def labels(self) -> list[str]:
        """The labels that it decides."""
        return self.content.labels

    @property
    def thresholds(self) -> dict[str, float]:
        """The lowest score at which each label is assigned; if its stackers have their own, their mean."""
        return {label: float(np.mean(threshold)) for label, threshold in self.content.thresholds.items()}

    def members(self, label: str, fold: int = 0) -> list[tuple[str, int]]:
        """Return run and epoch of a label's members in a fold, in the order of its stackers' inputs."""
        return _members_in(self.content, label, fold)

    @cached_property
    def networks(self) -> list[BundledNetwork]:
        """Its CNNs, sorted by run, fold and epoch."""
        networks = []
        for run, fold, epoch in sorted(_networks(self.content)):
            setting = self.content.runs[run].model_dump()
            labels, features = setting.pop("labels"), setting.pop("features")
            path = self.folder / _weights(run, fold, epoch)
            backbone = self.folder / _backbone(features) if features else None
            networks.append(BundledNetwork(run, fold, epoch, setting, labels, path, backbone))
        return networks

    @property
    def other_versions(self) -> list[str]:
        """Packages that are installed in another version than the bundle was made with, as text."""
        made, installed = self.content.versions, _versions()
        return [
            f"{name} {installed.get(name, 'missing')} (made with {made[name]})"
            for name in PACKAGES
            if name in made and installed.get(name) != made[name]
        ]

    def stackers(self, threads: int = 1) -> dict[str, list[Stacker]]:
        """Return each label's stackers, one per fold; raise `InputError` if a file is no stacker."""
        load = load_combiner(self.content.combiner).load
        stackers: dict[str, list[Stacker]] = {label: [] for label in self.labels}
        for label, loaded in stackers.items():
            for name in _stackers(label, self.content.folds):
                path = self.folder / name
                try:
                    loaded.append(load(read_sealed(path), threads))
                except InputError as error:
                    raise InputError(f"{path}: {error}") from error
        return stackers


def stored_weights(history: Path, weights: Path, epoch: int) -> tuple[Path, str]:
    """Return the file of an epoch in a training's folder of weights, and its digest in the history."""
    return weights_path(weights, epoch), read_digests(history)[epoch]


def write_bundle(
    folder: Path,
    content: Mapping[str, Any],
    weights: Mapping[tuple[str, int, int], tuple[Path, str]],
    stackers: Mapping[str, Sequence[bytes]],
    card: str,
    backbones: Sequence[Path] = (),
) -> None:
    """Write a bundle.

    Args:
        folder: to write; an old bundle there is replaced.
        content: keys of `Content` except format, files and versions. Its ``runs`` may be whole settings.
        weights: file of weights and its digest (see `stored_weights`) by run, fold and epoch, for every member.
        stackers: each label's stackers, one per fold, from their `to_bytes`.
        card: Markdown about the bundle.
        backbones: files of the probes' backbones, each named by the id of its features.

    Raises:
        InputError: the content is no bundle; weights are not those that training wrote; a backbone is damaged; the
            folder contains something else.
    """
    if folder.exists() and not (folder / CONTENT).exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: found something else than a bundle, expected a new folder")
    for path, expected in weights.values():
        check_weights(path, expected)
    if backbones:
        from stylevote.files.weights import read_weights  # noqa: PLC0415 (imports torch)

        for path in backbones:
            read_weights(path)
    shutil.rmtree(folder, ignore_errors=True)
    for network, (path, _) in weights.items():
        target = folder / _weights(*network)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for path in backbones:
        target = folder / _backbone(path.stem)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
    for label, of_folds in stackers.items():
        for name, data in zip(_stackers(label, len(of_folds)), of_folds, strict=True):
            write_sealed(data, folder / name)
    (folder / CARD).write_text(card, encoding="utf-8")
    files = {
        path.relative_to(folder).as_posix(): file_sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    runs = {
        run: {key: setting[key] for key in BundledRun.model_fields if key in setting}
        | described(setting)
        | {"size": score_size(setting)}
        | ({"features": features_id(setting)} if setting.get("probe") else {})
        for run, setting in content["runs"].items()
    }
    # Last: a job that was killed leaves no bundle.
    write_json({**content, "runs": runs, "format": FORMAT, "files": files, "versions": _versions()}, folder / CONTENT)
    open_bundle(folder)


def open_bundle(folder: Path) -> Bundle:
    """Return a bundle after a check of its description and of every file's digest.

    Raises:
        InputError: it is no bundle, or has changed.
    """
    path = folder / CONTENT
    if not path.is_file():
        raise InputError(f"{folder}: no bundle; expected a folder with the file {CONTENT}, found {describe_path(path)}")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise InputError(f"{path}: {size} bytes, expected at most {MAX_BYTES}")
    try:
        values = plain_numbers(read_json(path, REMEDY))
        if (made := values.get("format")) != FORMAT:
            raise InputError(f"{path}: a bundle of format {made!r}, expected {FORMAT}: another version made it")
        content = Content.model_validate(values)
    except RecursionError as error:
        raise InputError(f"{path}: lists or mappings in hundreds of others; expected a bundle's few levels") from error
    except ValidationError as error:
        first = error.errors()[0]
        location = f"{key_path(first['loc'])}: " if first["loc"] else ""
        raise InputError(f"{path}: {location}{first['msg']}") from error
    if problems := list(_contradictions(content)):
        raise InputError(bullets(f"{path}: contradictions:", problems))
    if problems := list(_damages(folder, content.files)):
        raise InputError(bullets(f"{folder}: damaged. {REMEDY}:", problems))
    return Bundle(folder, content)


def _contradictions(content: Content) -> Iterator[str]:
    """Yield problems between parts of a description that are each valid."""
    labels = content.labels
    for key in ("thresholds", "members", "features", "precision_threshold"):
        values = getattr(content, key)
        if values is not None and sorted(values) != sorted(labels):
            yield f"{key}: expected one for each label"
    if len({slug(label) for label in labels}) < len(labels):
        yield "labels: two would have the same files"
    for label, names in content.features.items():
        if names[0] != label or not set(names) <= set(labels):
            yield f"features.{label}: expected labels, its own first"
    for label, members in content.members.items():
        for run, *_ in members:
            if run not in content.runs or label not in content.runs[run].labels:
                yield f"members.{label}: the run {run} does not predict it"
    for run, setting in content.runs.items():
        if not set(setting.labels) <= set(labels):
            yield f"runs.{run}.labels: expected labels of the bundle"
    yield from _wrong_features(content)
    yield from _uneven_folds(content)
    if problems := content.files.keys() ^ _expected_files(content):
        yield f"files: not those of its members and labels, such as {quote(min(problems))}"


def _wrong_features(content: Content) -> Iterator[str]:
    """Yield problems of probes: those that share features share a backbone, and see photos alike."""
    described: dict[str, Any] = {}
    for run, setting in content.runs.items():
        if (setting.probe is None) != (setting.features is None):
            yield f"runs.{run}: expected both of probe and features, or neither"
        elif setting.probe and setting.features:
            own = features_setting({**setting.used(), "weights": setting.features})
            if described.setdefault(setting.features, own) != own:
                yield f"runs.{run}: other features than another run's of the same id"


def _members_in(content: Content, label: str, fold: int) -> list[tuple[str, int]]:
    """Return run and epoch of a label's members in a fold."""
    return [(run, epoch) for run, epoch, *of_fold in content.members[label] if of_fold in ([], [fold])]


def _networks(content: Content) -> set[tuple[str, int, int]]:
    """Return run, fold and epoch of each CNN of a bundle with this content."""
    return {
        (run, fold, epoch)
        for label in content.members
        for fold in range(content.folds)
        for run, epoch in _members_in(content, label, fold)
    }


def _uneven_folds(content: Content) -> Iterator[str]:
    """Yield problems of labels with thresholds or members of single folds."""
    for label, threshold in content.thresholds.items():
        if isinstance(threshold, list) and len(threshold) != content.folds:
            yield f"thresholds.{label}: expected one for each fold"
    for label in content.members:
        if len({len(_members_in(content, label, fold)) for fold in range(content.folds)}) > 1:
            yield f"members.{label}: expected as many for each fold"


def _expected_files(content: Content) -> set[str]:
    """Return the names of the files of a bundle with this content."""
    weights = {_weights(*network) for network in _networks(content)}
    weights |= {_backbone(setting.features) for setting in content.runs.values() if setting.features}
    return weights | {name for label in content.labels for name in _stackers(label, content.folds)} | {CARD}


def _damages(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    """Yield the problems of changed files."""
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            yield f"{name}: found {describe_path(path)}"
        elif file_sha256(path) != expected:
            yield f"{name}: its checksum does not fit"


def _weights(run: str, fold: int, epoch: int) -> str:
    return f"weights/{run}/fold{fold}/epoch{epoch}.safetensors"


def _backbone(features: str) -> str:
    return f"backbones/{features}.safetensors"


def _stackers(label: str, folds: int) -> list[str]:
    return [f"stackers/{slug(label)}/fold{fold}.stacker" for fold in range(folds)]


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # packages that the members do not need may be missing
            continue
    return versions
