"""From a configuration as it is written to a checked one with defaults and named runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from stylevote.config import backbones, checks, run_grid
from stylevote.config.configuration import Configuration
from stylevote.config.identity import plain_numbers, run_id, slug
from stylevote.config.photos import Photoset
from stylevote.config.published import resolve_cells
from stylevote.config.reading import numbers_from_text, refusal, value_problems
from stylevote.config.run_sets import with_sets
from stylevote.config.runs import Augment
from stylevote.config.settings import Settings, kind_of, label_blocks
from stylevote.wording import key_path

PRESETS = Path(__file__).with_name("presets.yaml")


def resolve(config: dict[str, Any]) -> Settings:
    """Check a configuration and fill in missing values.

    Raises:
        InputError: lists all problems, each with its key, the value found and the value expected.
    """
    _refuse(value_problems(config))
    typed, runs = _typed(_with_preset(plain_numbers(numbers_from_text(config))))
    problems = [*_simulate(typed), *_hold_out(typed), *_complete_runs(typed, runs)]
    settings = [run.used() for run in typed.runs]
    ids = [run_id(setting) for setting in settings]
    _refuse([*problems, *checks.contradictions(typed, runs, ids)])
    by_id = dict(sorted(zip(ids, settings, strict=True)))
    entries = {run: f"runs[{origin.entry}]" for run, origin in zip(ids, runs, strict=True)}
    cells, problems = _resolve_experiments(typed, by_id)
    _refuse([*problems, *checks.unknown_kinds(typed.plan.epoch_seconds, {kind_of(run) for run in by_id})])
    _put_folders(typed)
    for recipe in typed.recipes.values():
        if recipe.recolored:
            recipe.recolored.per_epoch = recipe.recolored.per_epoch or typed.recolor.per_epoch
    student = typed.distillation.used() if typed.distillation else None
    external = {Path(folder).name: folder.replace("{results}", typed.results) for folder in typed.members.external}
    slugs = {label: slug(label) for label in typed.labels}
    blocks = label_blocks(slugs, typed.labels_per_job)
    return Settings(typed, by_id, student, dict(sorted(external.items())), slugs, blocks, cells, entries)


def _refuse(problems: Iterable[str]) -> None:
    """Raise `InputError` if there are problems; each is listed once."""
    if found := list(dict.fromkeys(problems)):
        raise refusal(found)


def _with_preset(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with its preset's values for keys that it lacks."""
    presets = yaml.safe_load(PRESETS.read_text(encoding="utf-8"))
    name = config.get("preset")
    return _filled(config, presets[name]) if isinstance(name, str) and name in presets else config


def _filled(given: Any, assumed: Any) -> Any:
    """Return ``given`` with the keys of ``assumed`` that it lacks, on every level."""
    if not isinstance(given, dict) or not isinstance(assumed, dict):
        return given
    return {**assumed, **{key: _filled(part, assumed.get(key)) for key, part in given.items()}}


def _typed(config: dict[str, Any]) -> tuple[Configuration, list[run_grid.Run]]:
    """Check each key by itself; return the typed configuration, and the origin of each of its runs.

    Raises:
        InputError: lists the problems of single keys, and of entries of ``runs``.
    """
    (entries, problems), labels = with_sets(config.get("runs")), config.get("labels")
    _refuse(problems)
    runs = []
    if isinstance(entries, list):
        names = [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []
        runs, problems = run_grid.expand(entries, names)
        config = {**config, "runs": [run.setting for run in runs]}
    if "photosets" not in config and not isinstance(config.get("simulation"), dict):
        problems.append("'photosets' is a required property")
    try:
        typed = Configuration.model_validate(config)
    except ValidationError as error:
        raise refusal([*problems, *_sentences(error, runs)]) from None
    _refuse(problems)
    return typed, runs


def _sentences(error: ValidationError, runs: list[run_grid.Run]) -> list[str]:
    """Return a sentence per problem. Problems of runs name the entry, once for all its runs."""
    sentences: dict[Any, str] = {}
    for details in error.errors(include_url=False):
        path, kind, text = details["loc"], details["type"], details["msg"]
        run = runs[path[1]] if len(path) > 1 and path[0] == "runs" else None
        if run:
            path = ("runs", run.entry, *path[2:])
            if isinstance(details["input"], list) and kind not in ("too_short", "too_long", "value_error"):
                text += "; write alternatives as {each: [...]}"
        sentence = f"{key_path(path)}: {text}" if path else text
        # One drawn value stands for all with the same problem.
        sentences.setdefault((path, kind) if run and run.drawn else sentence, sentence)
    return list(sentences.values())


def _simulate(config: Configuration) -> Iterator[str]:
    """Put photosets and members of a simulation, if there is one, in their place; yield its problems."""
    simulation = config.simulation
    if simulation is None:
        return
    for key in ("photosets", "runs"):
        if getattr(config, key):
            yield f"simulation: takes the place of {key}; leave {key} out"
    yield from checks.unknown_labels("simulation.skills", list(simulation.skills), config.labels)
    if not config.photosets:
        config.photosets = {name: Photoset.model_construct(photos="") for name in ("train", "test")}
    config.members.external += [f"{{results}}/simulated/member{k:03d}" for k in range(simulation.members)]


def _hold_out(config: Configuration) -> Iterator[str]:
    """Put the photoset `holdout` in its place, if photos are held out; yield its problems."""
    share = config.holdout.share
    if not share:
        return
    if config.simulation:
        yield f"holdout.share: found {share}, expected 0: a simulation knows the labels of all its test photos"
    for name in ("labelled", "holdout"):
        if name in config.photosets:
            yield f"photosets.{name}: holdout.share takes this name for training photos; choose another"
    unused = {"download": False, "masks": None, "mask_labels": None}
    config.photosets["holdout"] = config.photosets["train"].model_copy(update=unused)


def _complete_runs(config: Configuration, runs: list[run_grid.Run]) -> Iterator[str]:
    """Give all runs and the student their backbone's name, size and batch, and their labels in one form; yield
    problems.
    """
    for where, setting in checks.trained(config, runs):
        if problem := backbones.problem(setting.backbone):
            yield f"{where}.backbone: {problem}"
        if problem := backbones.args_problem(setting.backbone, setting.backbone_args):
            yield f"{where}.backbone_args: {problem}"
        known = backbones.find(setting.backbone)
        setting.backbone = known.timm if known else setting.backbone
        setting.size = setting.size or backbones.own_size(setting.backbone)
        if not setting.size:
            yield f"{where}.size: {setting.backbone} states its own only in a file to download; set the size here"
            setting.size = backbones.SIZE
        if setting.test_size == setting.size:
            setting.test_size = None
        yield from checks.augment_problems(where, setting)
        if not setting.augment.mirror:
            setting.tta = "none"
        if setting.probe:
            yield from checks.probe_problems(where, setting)
            if "hidden_units" not in setting.model_fields_set:
                setting.hidden_units = []
            setting.phases = []
            setting.augment = Augment()
        if setting.head_from != "random":
            yield from checks.head_problems(where, setting)
        setting.batch = setting.batch or (known.batch if known else backbones.BATCH)
        if isinstance(setting.labels, list):
            if ("all" in setting.labels or "each" in setting.labels) and len(setting.labels) > 1:
                yield f"{where}.labels: found {setting.labels}; write alternatives as {{each: {setting.labels}}}"
            yield from checks.unknown_labels(f"{where}.labels", setting.labels, config.labels)
            ordered = [label for label in config.labels if label in setting.labels]
            setting.labels = "all" if ordered == config.labels else ordered


def _put_folders(config: Configuration) -> None:
    """Replace ``{results}`` in the paths of photosets by the folder of photos and networks."""
    root = config.networks or config.results
    for photoset in config.photosets.values():
        for key in ("photos", "masks", "mask_labels"):
            if path := getattr(photoset, key):
                setattr(photoset, key, path.replace("{results}", root))
        if photoset.labels:
            file = photoset.labels.file.replace("{results}", root)
            photoset.labels = photoset.labels.model_copy(update={"file": file})


def _resolve_experiments(
    config: Configuration, runs: dict[str, dict[str, Any]]
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Return the figures of the tables of runs with the runs that each stands for, and the problems of tables."""
    cells, problems = {}, []
    for name, table in config.experiments.items():
        where = f"experiments.{name}"
        if (table.rows is None) == (table.sizes is None):
            problems.append(f"{where}: expected one of `rows` and `sizes`")
        elif table.rows is not None:
            cells[name], wrong = resolve_cells(where, table, runs, config.labels)
            problems += wrong
    return cells, problems
