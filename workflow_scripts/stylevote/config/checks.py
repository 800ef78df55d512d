"""What is wrong between keys of a configuration that are each right by themselves."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stylevote.config.identity import run_id, slug
from stylevote.config.run_grid import Run
from stylevote.config.settings import epochs_of
from stylevote.wording import SHOWN, join, nearest, quote

# Names that tables use for their own columns.
RESERVED_LABELS = {"image_id", "path", "width", "height", "sha256", "group", "epoch", "fold", "url", "macro"}
LEAST_FOLDS_OF_AUTO = 4  # one is left out to judge, one to choose, and one of the others to fit
FITS_NOTHING = {"mean", "rank_mean"}
EXTERNAL_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
MAX_EPOCHS = 10_000


def trained(config: dict[str, Any], runs: list[Run]) -> list[tuple[str, dict[str, Any]]]:
    """Return the setting of each run, and of the student if there is one, after the key where it stands."""
    student = config["distillation"]
    return [(f"runs[{run.entry}]", run.setting) for run in runs] + ([("distillation", student)] if student else [])


def contradictions(config: dict[str, Any], runs: list[Run]) -> Iterator[str]:
    """Yield what is wrong between keys that are each right by themselves."""
    slugs = Counter(slug(label) for label in config["labels"])
    for label in config["labels"]:
        if label in RESERVED_LABELS:
            yield f"labels: {label!r} is a name that tables use themselves; call the label something else"
        elif slugs[slug(label)] > 1:
            yield f"labels: {label!r} stands there more than once, or differs from another by too little"
    yield from _member_contradictions(config, runs)
    seen: dict[str, Run] = {}
    for run in runs:
        twin = seen.setdefault(run_id(run.setting), run)
        # What was drawn may meet another run by chance; it counts once.
        if twin is not run and not (run.drawn or twin.drawn):
            if twin.entry == run.entry:
                yield f"runs[{run.entry}]: two of its alternatives are the same setting; leave one out"
            else:
                yield f"runs[{run.entry}]: the same setting as runs[{twin.entry}]; change its seed or leave it out"
    yield from _training_contradictions(config, runs)
    learned = {
        label
        for run in runs
        for label in (config["labels"] if run.setting["labels"] == "all" else run.setting["labels"])
    }
    for label in config["labels"]:
        if label not in learned and not config["members"]["external"]:
            yield f"runs: none learns the label {label!r}; let the `labels` of one hold it"
    yield from _stack_contradictions(config)
    least, most = config["votes"]["min_labels"], config["votes"]["max_labels"]
    if least > min(len(config["labels"]), most or len(config["labels"])):
        yield f"votes.min_labels: found {least}, expected at most votes.max_labels and the number of labels"
    yield from _recipe_contradictions(config)
    yield from _download_contradictions(config)
    yield from _mask_contradictions(config)


def _training_contradictions(config: dict[str, Any], runs: list[Run]) -> Iterator[str]:
    """Yield what a training is told to see that is not there, or too much."""
    most = config["segmentation"]["size"]
    for where, setting in trained(config, runs):
        name, size = setting["recipe"], setting["size"]
        if name not in config["recipes"]:
            yield f"{where}.recipe: {quote(name)} is not among the recipes ({join(sorted(config['recipes']))})"
        elif config["recipes"][name]["recolored"] and size > most:
            yield f"{where}.size: {size}, but recoloured photos are made at segmentation.size, {most}; raise that"
        if (epochs := epochs_of(setting)) > MAX_EPOCHS:
            yield f"{where}.phases: {epochs} epochs in all, expected at most {MAX_EPOCHS}"


def _stack_contradictions(config: dict[str, Any]) -> Iterator[str]:
    """Yield what the combiner contradicts."""
    stack, folds = config["stack"], config["folds"]["count"]
    if stack["combiner"] == "auto" and folds < LEAST_FOLDS_OF_AUTO:
        yield (
            f"stack.combiner: auto compares combiners by folds within folds; found folds.count {folds}, expected at"
            f" least {LEAST_FOLDS_OF_AUTO}"
        )
    used = stack["auto"]["among"] if stack["combiner"] == "auto" else [stack["combiner"]]
    for name in used if stack["features"] == "all" else []:
        if name in FITS_NOTHING:
            yield (
                f"stack.features: found all, but {name} would give every label the same score; expected own, or only"
                " xgboost, logistic and ridge"
            )


def student_contradictions(config: dict[str, Any], given: set[str]) -> Iterator[str]:
    """Yield what keeps a student, of which these keys were given, from learning the ensemble's scores."""
    student, stack = config["distillation"], config["stack"]
    if student is None:
        return
    if config["simulation"]:
        yield "distillation: found a backbone, expected null: a simulation has no photos to train on"
    if student["labels"] != "all":
        yield f"distillation.labels: found {quote(student['labels'])}, expected all: a student learns all scores"
    (loss,) = student["loss"]
    if loss != "bce":
        yield f"distillation.loss: found {loss!r}, expected 'bce': the others need labels; a student learns scores"
    for key in ("draws", "draw_seed"):
        if key in given:
            yield f"distillation.{key}: nothing is drawn here: there is one student; leave it out"
    used = stack["auto"]["among"] if stack["combiner"] == "auto" else [stack["combiner"]]
    if "rank_mean" in used:
        yield (
            "distillation: a student learns scores that are probabilities, and the combiner rank_mean gives ranks;"
            " expected another `stack.combiner`" + (", and none such in `stack.auto.among`" if len(used) > 1 else "")
        )


def _recipe_contradictions(config: dict[str, Any]) -> Iterator[str]:
    """Yield what recipes and recolouring name that is not there."""
    named = [("recolor.labels", config["recolor"]["labels"] or [])]
    for name, recipe in config["recipes"].items():
        where = f"recipes.{name}"
        if isinstance(recipe["recolored"], dict):
            named.append((f"{where}.recolored.labels", recipe["recolored"]["labels"] or []))
        if recipe["repeat"]:
            named.append((f"{where}.repeat.labels", recipe["repeat"]["labels"]))
        if recipe["drop"]:
            sets = recipe["drop"]["label_sets"]
            named += [(f"{where}.drop.label_sets[{k}]", labels) for k, labels in enumerate(sets or [])]
            if (sets is None) == (recipe["drop"]["largest"] is None):
                yield f"{where}.drop: expected one of `label_sets` and `largest`"
        if recipe["recolored"] and config["segmentation"]["model"] == "none":
            yield f"{where}.recolored: needs masks; set segmentation.model to maskrcnn, smp or given (found none)"
    low, high = config["recolor"]["saturation"]
    if low > high:
        yield f"recolor.saturation: found {[low, high]}, expected the lower bound first"
    for where, labels in named:
        yield from unknown_labels(where, labels, config["labels"])


def _download_contradictions(config: dict[str, Any]) -> Iterator[str]:
    """Yield what keeps photos from being downloaded."""
    results = config["results"]
    for name, photoset in config["photosets"].items():
        if photoset["download"] and photoset["labels"] is None:
            yield f"photosets.{name}.download: needs a table with URLs; found no photosets.{name}.labels"
        if photoset["download"] and Path(photoset["photos"].replace("{results}", results)).is_relative_to(results):
            yield (
                f"photosets.{name}.photos: found {photoset['photos']!r}, expected a folder of their own for photos that"
                " are downloaded: the results folder holds what can be made again"
            )


def _member_contradictions(config: dict[str, Any], runs: list[Run]) -> Iterator[str]:
    """Yield what external members' names contradict, and that there is nobody to decide."""
    folders = config["members"]["external"]
    names = Counter(Path(folder).name for folder in folders) + Counter({run_id(run.setting) for run in runs})
    for folder in folders:
        name = Path(folder).name
        if names[name] > 1 or not re.fullmatch(EXTERNAL_NAME, name):
            yield (
                f"members.external: {folder!r}: the folder's name is the member's; expected letters, digits and -_. in"
                " it, and no other member or run of that name"
            )
    if not runs and not folders:
        yield "runs: found none, and no members.external: there is nothing to decide with"


def _mask_contradictions(config: dict[str, Any]) -> Iterator[str]:
    """Yield what masks, and recoloured photos made with them, contradict."""
    model, region = config["segmentation"]["model"], config["segmentation"]["region"]
    train = config["photosets"]["train"]
    if model == "maskrcnn" and region != "person":
        yield f"segmentation.region: found {region!r}, expected 'person': Mask R-CNN knows no clothes"
    if model in ("smp", "given"):
        if train["masks"] is None:
            yield f"photosets.train.masks: segmentation.model {model!r} needs a folder of masks"
        if region == "clothing" and train["mask_labels"] is None:
            yield "photosets.train.mask_labels: region 'clothing' needs the table that names the masks' classes"
    for name, photoset in config["photosets"].items():
        if name != "train" and (photoset["masks"] or photoset["mask_labels"]):
            yield f"photosets.{name}.masks: only the masks of the training photos are used; leave these out"


def unknown_kinds(stated: dict[str, float], kinds: set[str]) -> Iterator[str]:
    """Yield for which backbones and sizes a time is stated, though no run has them."""
    for kind in sorted(stated.keys() - kinds):
        hint = nearest(kind, kinds, f"runs have {join(sorted(kinds))}")
        yield f"plan.epoch_seconds: {quote(kind)} is not the backbone and size of a run{hint}"


def unknown_labels(where: str, labels: list[str], known: list[str]) -> Iterator[str]:
    """Yield each of ``labels`` that is not known, with the nearest that is."""
    for label in labels[:SHOWN]:
        if label not in known:
            hint = nearest(label, known, f"known: {join(known)}")
            yield f"{where}: {quote(label)} is not among the labels{hint}"
