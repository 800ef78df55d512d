"""From a configuration as it is written to one that is checked, with defaults filled in and every run named."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from stylevote.config import backbones, checks, run_grid
from stylevote.config.configuration import Configuration
from stylevote.config.identity import plain_numbers, run_id, slug
from stylevote.config.messages import sentences
from stylevote.config.published import resolve_cells
from stylevote.config.reading import no_values, numbers_from_text, refusal
from stylevote.config.settings import Settings, kind_of, label_blocks

PRESETS = Path(__file__).with_name("presets.yaml")


def resolve(config: dict[str, Any]) -> Settings:
    """Check a configuration and fill in what it leaves out.

    Raises:
        InputError: lists everything that is wrong, each with its key, what was found and what was expected.
    """
    _refuse(no_values(config))
    typed, runs = _typed(_with_preset(plain_numbers(numbers_from_text(config))))
    values = plain_numbers(typed.model_dump())
    runs = [replace(run, setting=setting) for run, setting in zip(runs, values["runs"], strict=True)]
    _refuse(
        [
            *_simulate(values),
            *_lock_photos(values),
            *_complete_runs(values, runs),
            *checks.contradictions(values, runs),
            *checks.student_contradictions(
                values, typed.distillation.model_fields_set if typed.distillation else set()
            ),
        ]
    )
    cells, problems = _resolve_experiments(values)
    _refuse(problems)
    _put_folders(values)
    for recipe in values["recipes"].values():
        recipe["recolored"] = _recolored(recipe["recolored"], values["recolor"]["per_epoch"])
    settings = dict(sorted((run_id(setting), setting) for setting in values["runs"]))
    _refuse(checks.unknown_kinds(values["plan"]["epoch_seconds"], {kind_of(run) for run in settings}))
    folders = [folder.replace("{results}", values["results"]) for folder in values["members"]["external"]]
    external = dict(sorted((Path(folder).name, folder) for folder in folders))
    slugs = {label: slug(label) for label in values["labels"]}
    return Settings(values, settings, external, slugs, label_blocks(slugs, values["labels_per_job"]), cells)


def _refuse(problems: Iterable[str]) -> None:
    """Raise `InputError` if there are problems; each is told once."""
    if found := list(dict.fromkeys(problems)):
        raise refusal(found)


def _with_preset(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with what its preset says if it says nothing itself."""
    presets = yaml.safe_load(PRESETS.read_text(encoding="utf-8"))
    name = config.get("preset")
    return _filled(config, presets[name]) if isinstance(name, str) and name in presets else config


def _filled(given: Any, assumed: Any) -> Any:
    """Return ``given`` with the keys of ``assumed`` that it lacks, on every level."""
    if not isinstance(given, dict) or not isinstance(assumed, dict):
        return given
    return {**assumed, **{key: _filled(part, assumed.get(key)) for key, part in given.items()}}


def _typed(config: dict[str, Any]) -> tuple[Configuration, list[run_grid.Run]]:
    """Return a configuration of which every key is right by itself, and where each of its runs comes from.

    Raises:
        InputError: lists what is wrong with single keys, and with entries of ``runs``.
    """
    entries, labels = config.get("runs"), config.get("labels")
    runs, problems = [], []
    if isinstance(entries, list):
        runs, problems = run_grid.expand(entries, labels if isinstance(labels, list) else [])
        config = {**config, "runs": [run.setting for run in runs]}
    if "photosets" not in config and not isinstance(config.get("simulation"), dict):
        problems.append("'photosets' is a required property")
    try:
        typed = Configuration.model_validate(config)
    except ValidationError as error:
        raise refusal([*problems, *sentences(error, runs)]) from None
    _refuse(problems)
    return typed, runs


def _simulate(config: dict[str, Any]) -> Iterator[str]:
    """Put a simulated bank's photosets and members in their place, if there is one; yield what is wrong with it."""
    simulation = config["simulation"]
    if simulation is None:
        return
    for key in ("photosets", "runs"):
        if config[key]:
            yield f"simulation: takes the place of {key}; leave {key} out"
    yield from checks.unknown_labels("simulation.skills", list(simulation["skills"]), config["labels"])
    photos = dict.fromkeys(("photos", "labels", "masks", "mask_labels")) | {"download": False}
    config["photosets"] = config["photosets"] or {"train": photos, "test": dict(photos)}
    config["members"]["external"] += [f"{{results}}/simulated/member{k:03d}" for k in range(simulation["members"])]


def _lock_photos(config: dict[str, Any]) -> Iterator[str]:
    """Put the photoset of the holdout photos in its place, if there is one; yield what is wrong with it."""
    share, photosets = config["holdout"]["share"], config["photosets"]
    if not share:
        return
    if config["simulation"]:
        yield f"holdout.share: found {share}, expected 0: a simulation knows the labels of all its test photos"
    for name in ("labelled", "holdout"):
        if name in photosets:
            yield f"photosets.{name}: holdout.share takes this name for training photos; choose another"
    photosets["holdout"] = {**photosets["train"], "download": False, "masks": None, "mask_labels": None}


def _complete_runs(config: dict[str, Any], runs: list[run_grid.Run]) -> Iterator[str]:
    """Give each run, and the student, its backbone's own name, size and batch, and its labels in their one form; yield
    what is wrong."""
    for where, setting in checks.trained(config, runs):
        wrong = backbones.problem(setting["backbone"])
        if wrong:
            yield f"{where}.backbone: {wrong}"
        known = backbones.find(setting["backbone"])
        if known:
            setting["backbone"] = known.timm
        if setting["size"] is None:
            setting["size"] = known.size if known else backbones.SIZE
        if setting["batch"] is None:
            setting["batch"] = known.batch if known else backbones.BATCH
        if isinstance(setting["labels"], list):
            yield from checks.unknown_labels(f"{where}.labels", setting["labels"], config["labels"])
            ordered = [label for label in config["labels"] if label in setting["labels"]]
            setting["labels"] = "all" if ordered == config["labels"] else ordered


def _put_folders(config: dict[str, Any]) -> None:
    """Put the folder that photos and networks are made in into the paths of photosets."""
    root = config["networks"] or config["results"]
    for photoset in config["photosets"].values():
        for key in ("photos", "labels", "masks", "mask_labels"):
            if photoset[key] is not None:
                photoset[key] = photoset[key].replace("{results}", root)


def _resolve_experiments(config: dict[str, Any]) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Return the figures of the tables of runs with the runs that each stands for, and what is wrong with tables."""
    runs = {run_id(setting): setting for setting in config["runs"]}
    cells, problems = {}, []
    for name, table in config["experiments"].items():
        where = f"experiments.{name}"
        if (table["rows"] is None) == (table["sizes"] is None):
            problems.append(f"{where}: expected one of `rows` and `sizes`")
        elif table["rows"] is not None:
            cells[name], wrong = resolve_cells(where, table, runs, config["labels"])
            problems += wrong
    return cells, problems


def _recolored(setting: bool | dict, use: int) -> dict | None:
    """Return a recipe's use of recoloured photos in its one form: None, or labels and how many."""
    if isinstance(setting, bool):
        return {"labels": None, "per_epoch": use} if setting else None
    return {"labels": setting["labels"], "per_epoch": setting["per_epoch"] or use}
