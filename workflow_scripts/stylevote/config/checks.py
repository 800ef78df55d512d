"""Contradictions between keys of a configuration, each of which is valid by itself."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stylevote.config.configuration import Configuration
from stylevote.config.identity import slug
from stylevote.config.run_grid import Run as Origin
from stylevote.config.runs import PROBE_KEYS, Run
from stylevote.wording import SHOWN, join, nearest, quote

# Names that tables use for their own columns.
RESERVED_LABELS = {"image_id", "path", "width", "height", "sha256", "group", "epoch", "fold", "url", "macro"}
MIN_FOLDS_OF_AUTO = 4  # one to judge, one to choose, and at least one to fit
EXTERNAL_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
MAX_EPOCHS = 10_000


def trained(config: Configuration, runs: list[Origin]) -> list[tuple[str, Run]]:
    """Return the setting of each run, and of the student if there is one, each after its key."""
    entries = [(f"runs[{run.entry}]", setting) for run, setting in zip(runs, config.runs, strict=True)]
    return entries + ([("distillation", config.distillation)] if config.distillation else [])


def contradictions(config: Configuration, runs: list[Origin], ids: list[str]) -> Iterator[str]:
    """Yield the contradictions of a configuration with complete runs, given the origin and the id of each run."""
    slugs = Counter(slug(label) for label in config.labels)
    for label in config.labels:
        if label in RESERVED_LABELS:
            yield f"labels: {label!r} is a column name of tables; rename the label"
        elif slugs[slug(label)] > 1:
            yield f"labels: {label!r} occurs more than once, or is too similar to another label"
    yield from _member_problems(config, ids)
    yield from _equal_runs(runs, ids)
    yield from _training_problems(config, runs)
    if not config.members.external:
        learned = {label for run in config.runs for label in (config.labels if run.labels == "all" else run.labels)}
        for label in config.labels:
            if label not in learned:
                yield f"runs: no run learns the label {label!r}; add it to the `labels` of one"
    yield from _stack_problems(config)
    votes, count = config.votes, len(config.labels)
    if votes.min_labels > min(count, votes.max_labels or count):
        yield f"votes.min_labels: found {votes.min_labels}, expected at most votes.max_labels and the number of labels"
    yield from _recipe_problems(config)
    yield from _submission_problems(config)
    yield from _download_problems(config)
    yield from _mask_problems(config)
    if config.distillation:
        yield from _student_problems(config, config.distillation)


def probe_problems(where: str, setting: Run) -> Iterator[str]:
    """Yield the keys of a probe that would have no effect, and a loss that it cannot minimize."""
    keys = [*(setting.model_fields_set - PROBE_KEYS - {"draws", "draw_seed", "augment"})]
    keys += [f"augment.{key}" for key in setting.augment.model_fields_set - {"mirror"}]
    for key in sorted(keys):
        yield f"{where}.{key}: has no effect on a probe; leave it out"
    if loss := {"focal", "asymmetric"} & setting.loss.model_fields_set:
        yield f"{where}.loss: found {min(loss)}, expected bce or weighted_bce: a probe minimizes no other"


def head_problems(where: str, setting: Run) -> Iterator[str]:
    """Yield the keys of a run with which its head cannot start from a probe's."""
    (loss,) = setting.loss.used()
    needed = f"`head_from: {setting.head_from}` starts from the head of a probe, which"
    if setting.hidden_units:
        yield f"{where}.hidden_units: found {setting.hidden_units}, expected []: {needed} is one layer"
    if setting.weights == "none":
        yield f"{where}.weights: found 'none', expected others: {needed} fits one backbone"
    if loss not in ("bce", "weighted_bce"):
        yield f"{where}.loss: found {loss!r}, expected bce or weighted_bce: {needed} minimizes no other"


def augment_problems(where: str, setting: Run) -> Iterator[str]:
    """Yield views of a run that mirror photos, although its labels do not stay the same in a mirror."""
    if not setting.augment.mirror and "tta" in setting.model_fields_set and setting.tta != "none":
        yield (
            f"{where}.tta: found {setting.tta}, which mirrors photos, and augment.mirror false; expected none, or no"
            " `tta`"
        )


def _equal_runs(runs: list[Origin], ids: list[str]) -> Iterator[str]:
    first: dict[str, Origin] = {}
    for run, name in zip(runs, ids, strict=True):
        twin = first.setdefault(name, run)
        # A drawn run may equal another run by chance; it counts once.
        if twin is run or run.drawn or twin.drawn:
            continue
        if twin.entry == run.entry:
            yield f"runs[{run.entry}]: two of its alternatives are the same setting; leave one out"
        else:
            yield f"runs[{run.entry}]: the same setting as runs[{twin.entry}]; change its seed or leave it out"


def _training_problems(config: Configuration, runs: list[Origin]) -> Iterator[str]:
    for where, setting in trained(config, runs):
        if setting.recipe not in config.recipes:
            yield f"{where}.recipe: {quote(setting.recipe)} is not among the recipes ({join(sorted(config.recipes))})"
        if (epochs := sum(phase.epochs for phase in setting.phases)) > MAX_EPOCHS:
            yield f"{where}.phases: {epochs} epochs in all, expected at most {MAX_EPOCHS}"
        for number, phase in enumerate(setting.phases):
            if phase.warm_up and phase.policy != "cosine":
                yield f"{where}.phases[{number}].warm_up: has no effect with policy {phase.policy}; leave it out"
        if setting.soup > 1 and setting.ema:
            yield f"{where}.soup: found {setting.soup}, and `ema`, which averages weights too; leave one of them out"


def _stack_problems(config: Configuration) -> Iterator[str]:
    stack, folds = config.stack, config.folds.count
    if stack.combiner == "auto" and folds < MIN_FOLDS_OF_AUTO:
        yield (
            f"stack.combiner: auto compares combiners by folds within folds; found folds.count {folds}, expected at"
            f" least {MIN_FOLDS_OF_AUTO}"
        )
    if config.threshold.by == "fold" and config.votes.aggregation != "stackers_vote":
        yield (
            "threshold.by: found fold, a threshold for each stacker; expected label, or votes.aggregation:"
            " stackers_vote"
        )
    if config.selection.by == "fold" and config.selection.method == "greedy":
        yield (
            "selection.by: found fold, expected photos for method greedy: its members count differently often, so that"
            " those of the folds do not match"
        )
    for name in stack.combiners if stack.features == "all" else []:
        if name in ("mean", "rank_mean"):
            yield (
                f"stack.features: found all, but {name} would give every label the same score; expected own, or only"
                " xgboost, logistic and ridge"
            )


def _student_problems(config: Configuration, student: Run) -> Iterator[str]:
    if config.simulation:
        yield "distillation: found a backbone, expected null: a simulation has no photos to train on"
    if student.labels != "all":
        yield f"distillation.labels: found {quote(student.labels)}, expected all: a student learns all scores"
    if student.head_from != "random":
        yield f"distillation.head_from: found {student.head_from}, expected random: a probe learns labels, not scores"
    if student.probe:
        yield "distillation.probe: found a probe, expected null: a student learns scores, and a probe learns labels"
    (loss,) = student.loss.used()
    if loss != "bce":
        yield f"distillation.loss: found {loss!r}, expected 'bce': the others need labels; a student learns scores"
    for key in ("draws", "draw_seed"):
        if key in student.model_fields_set:
            yield f"distillation.{key}: nothing is drawn here: there is one student; leave it out"
    if "rank_mean" in config.stack.combiners:
        yield (
            "distillation: a student learns scores that are probabilities, and the combiner rank_mean gives ranks;"
            " choose another `stack.combiner`, and leave rank_mean out of `stack.auto.among`"
        )


def _recipe_problems(config: Configuration) -> Iterator[str]:
    named = [("recolor.labels", config.recolor.labels)]
    for name, recipe in config.recipes.items():
        where = f"recipes.{name}"
        if recipe.recolored:
            named.append((f"{where}.recolored.labels", recipe.recolored.labels))
            if config.segmentation.model == "none":
                yield f"{where}.recolored: needs masks; set segmentation.model to maskrcnn, smp or given (found none)"
        if recipe.repeat:
            named.append((f"{where}.repeat.labels", recipe.repeat.labels))
        if drop := recipe.drop:
            named += [(f"{where}.drop.label_sets[{k}]", labels) for k, labels in enumerate(drop.label_sets or [])]
            if (drop.label_sets is None) == (drop.largest is None):
                yield f"{where}.drop: expected one of `label_sets` and `largest`"
    low, high = config.recolor.saturation
    if low > high:
        yield f"recolor.saturation: found {[low, high]}, expected the lower bound first"
    for where, labels in named:
        yield from unknown_labels(where, labels or [], config.labels)


def _submission_problems(config: Configuration) -> Iterator[str]:
    separator = getattr(config.submission, "joined", None)
    if separator and (within := [label for label in config.labels if separator in label]):
        yield (
            f"submission.joined: found {quote(separator)}, which is in the label {quote(within[0])}; expected a text"
            " that is in no label"
        )


def _download_problems(config: Configuration) -> Iterator[str]:
    for name, photoset in config.photosets.items():
        if not photoset.download:
            continue
        if photoset.labels is None:
            yield f"photosets.{name}.download: needs a table with URLs; found no photosets.{name}.labels"
        if Path(photoset.photos.replace("{results}", config.results)).is_relative_to(config.results):
            yield (
                f"photosets.{name}.photos: found {photoset.photos!r}, expected a folder of their own for photos that"
                " are downloaded: the results folder holds only files that can be made again"
            )


def _member_problems(config: Configuration, ids: list[str]) -> Iterator[str]:
    folders = config.members.external
    names = Counter(Path(folder).name for folder in folders) + Counter(set(ids))
    for folder in folders:
        name = Path(folder).name
        if names[name] > 1 or not re.fullmatch(EXTERNAL_NAME, name):
            yield (
                f"members.external: {folder!r}: the folder's name is the member's; expected letters, digits and -_. in"
                " it, and no other member or run of that name"
            )
    if not ids and not folders:
        yield "`runs` and `members.external` are both empty: add at least one"


def _mask_problems(config: Configuration) -> Iterator[str]:
    model, region = config.segmentation.model, config.segmentation.region
    train = config.photosets["train"]
    if model == "maskrcnn" and region != "person":
        yield f"segmentation.region: found {region!r}, expected 'person': Mask R-CNN has no class of clothes"
    if model in ("smp", "given"):
        if train.masks is None:
            yield f"photosets.train.masks: segmentation.model {model!r} needs a folder of masks"
        if region == "clothing" and train.mask_labels is None:
            yield "photosets.train.mask_labels: region 'clothing' needs the table that names the masks' classes"
    for name, photoset in config.photosets.items():
        if name != "train" and (photoset.masks or photoset.mask_labels):
            yield f"photosets.{name}.masks: only the masks of the training photos are used; leave these out"


def unknown_kinds(stated: dict[str, float], kinds: set[str]) -> Iterator[str]:
    """Yield a problem for each backbone and size with a stated time that no run has."""
    for kind in sorted(stated.keys() - kinds):
        hint = nearest(kind, kinds, f"runs have {join(sorted(kinds))}")
        yield f"plan.epoch_seconds: {quote(kind)} is not the backbone and size of a run{hint}"


def unknown_labels(where: str, labels: list[str], known: list[str]) -> Iterator[str]:
    """Yield a problem for each of the first ``labels`` that is not known."""
    for label in labels[:SHOWN]:
        if label not in known:
            hint = nearest(label, known, f"known: {join(known)}")
            yield f"{where}: {quote(label)} is not among the labels{hint}"
