"""The configuration, checked and resolved: defaults filled in, entries of runs expanded, every run named."""

import difflib
import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from stylevote import bank, catalog
from stylevote.digests import canonical, file_stem, plain_numbers, run_id
from stylevote.errors import InputError
from stylevote.experiments import predicted_labels, resolve_cells

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"
PRESETS = SCHEMA.with_name("presets.yaml")
# Names that tables use for their own columns.
RESERVED_LABELS = {"image_id", "path", "width", "height", "sha256", "group", "epoch", "fold", "url", "macro"}

MOST_BLOCKS = 16  # jobs of a rule of labels, unless the configuration says how many labels one has
LEAST_FOLDS_OF_AUTO = 4  # one is left out to judge, one to choose, and one of the others to fit
FITS_NOTHING = {"mean", "rank_mean"}

EXTERNAL_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"

# More than any configuration needs. In YAML, a few lines may stand for any number of values, and hold themselves.
MOST_VALUES = 100_000
DEEPEST = 20
LARGEST = 2**53  # up to this, every reader of JSON keeps whole numbers as they are
MOST_EPOCHS = 10_000
SHOWN = 200  # characters of a value, and problems of a list
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
LONGEST_NUMBER = 100  # characters; longer ones are left as text


@dataclass(frozen=True)
class Settings:
    """A resolved configuration.

    Attributes:
        config: every key of the schema, defaults filled in.
        runs: resolved setting of each run, by its id, in the order of the ids: how they were listed means nothing.
        external: folder of each external member, by its name.
        stems: file name stem of each label.
        blocks: the labels that one job works on, by the block's name, in the order of the labels.
        cells: what `experiments.resolve_cells` returns of each table of runs, by the table's name.
    """

    config: dict[str, Any]
    runs: dict[str, dict[str, Any]]
    external: dict[str, str]
    stems: dict[str, str]
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


def label_blocks(stems: dict[str, str], labels_per_job: int | None) -> dict[str, list[str]]:
    """Divide the labels into blocks of equal size, or nearly so; nothing but the list of labels decides which.

    Args:
        stems: file name stem of each label, in the configuration's order.
        labels_per_job: most labels of a block; None lets each rule have `MOST_BLOCKS` jobs at most.

    Returns:
        the labels of each block. A block of one label has the label's stem as its name, and one of several those of its
        first and its last label.
    """
    labels = list(stems)
    size = labels_per_job or -(-len(labels) // MOST_BLOCKS)
    count = -(-len(labels) // size)
    ends = [len(labels) * number // count for number in range(count + 1)]
    parts = [labels[start:end] for start, end in itertools.pairwise(ends)]
    # No stem holds an underscore, so that no two blocks have one name.
    return {"_to_".join(dict.fromkeys([stems[part[0]], stems[part[-1]]])): part for part in parts}


def kind_of(run: str) -> str:
    """Return the backbone and size of a run, as its id begins."""
    return run.rsplit("-", 2)[0]


def epochs_of(setting: dict[str, Any]) -> int:
    """Return how many epochs a run of this resolved setting has."""
    return sum(phase["epochs"] for phase in setting["phases"])


def refuse_repeated_keys(path: Path) -> None:
    """Raise `InputError` where a mapping in a configuration's file has a key twice: readers of YAML keep the last one.

    What is no YAML is left to Snakemake, which has read the file before.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, OSError, UnicodeError):
        return
    repeated: list[tuple[int, str]] = []
    seen, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # what an alias stands for
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            waiting += [value for _, value in node.value]
            first: dict[tuple[str, str], int] = {}
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                line = key.start_mark.line + 1
                if (key.tag, key.value) in first:
                    before = first[key.tag, key.value]
                    repeated.append((line, f"the key {_shown(key.value)} again; line {before} has it already"))
                else:
                    first[key.tag, key.value] = line
    if repeated:
        raise _refusal([f"{path}, line {line}: {problem}" for line, problem in sorted(repeated)])


def resolve(config: dict[str, Any]) -> Settings:
    """Check a configuration and fill in what it leaves out.

    Raises:
        InputError: lists everything that is wrong, each with its key, what was found and what was expected.
    """
    problems = list(_no_values(config))
    if problems:
        raise _refusal(problems)
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    config = _with_preset(plain_numbers(_numbers_from_text(config)))
    runs, problems = _expand_runs(config)
    if isinstance(config.get("distil"), str):
        config["distil"] = {"backbone": config["distil"]}
    _spell_out(config.get("distil"))
    errors = sorted(_DefaultsValidator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    if problems:
        # Entries that could not be expanded are missing: how many runs there are says nothing.
        errors = [error for error in errors if list(error.path) != ["runs"]]
    problems += _messages([leaf for error in errors for leaf in _leaves(error)], runs)
    if not problems:
        found = [
            *_simulate(config),
            *_lock_photos(config),
            *_complete_runs(config, runs),
            *_contradictions(config, runs),
            *_student_contradictions(config),
        ]
        problems = list(dict.fromkeys(found))
    if problems:
        raise _refusal(problems)
    cells, problems = _resolve_experiments(config)
    if problems:
        raise _refusal(problems)
    root = config["networks"] or config["results"]
    for photoset in config["photosets"].values():
        for key in ("photos", "labels", "masks", "mask_labels"):
            if photoset[key] is not None:
                photoset[key] = photoset[key].replace("{results}", root)
    for recipe in config["recipes"].values():
        recipe["recolored"] = _recolored(recipe["recolored"], config["recolor"]["use"])
    runs = dict(sorted((run_id(setting), setting) for setting in config["runs"]))
    if problems := list(_unknown_kinds(config["plan"]["epoch_seconds"], {kind_of(run) for run in runs})):
        raise _refusal(problems)
    folders = [folder.replace("{results}", config["results"]) for folder in config["members"]["external"]]
    external = dict(sorted((Path(folder).name, folder) for folder in folders))
    stems = {label: file_stem(label) for label in config["labels"]}
    return Settings(config, runs, external, stems, label_blocks(stems, config["labels_per_job"]), cells)


def _refusal(problems: list[str]) -> InputError:
    """Return the error that lists what is wrong."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return InputError("\n  ".join([f"{count} in the configuration:", *problems[:SHOWN], *more]))


def _no_values(config: dict[str, Any]) -> Iterator[str]:
    """Yield what in the configuration is none of the values that it is made of, or too much of them to go on with.

    Text that is a key or a value prints, numbers are moderate, and everything else is a list or a mapping of such.
    """
    waiting, count = [("", config, 0)], 0
    while waiting:
        where, value, depth = waiting.pop()
        count += 1
        if count > MOST_VALUES or depth > DEEPEST:
            yield (
                f"{where}: too many values, or too deep; expected at most {MOST_VALUES} values, {DEEPEST} deep (what an"
                " alias of YAML stands for counts each time)"
            )
            return
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    yield f"{where or 'configuration'}: the key {_shown(key)} is no text; put it into quotes"
                else:
                    yield from _unprintable(f"{where}: the key" if where else "the key", key)
            waiting += [(f"{where}.{key}".lstrip("."), part, depth + 1) for key, part in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(f"{where}[{k}]", part, depth + 1) for k, part in reversed(list(enumerate(value)))]
        elif isinstance(value, str):
            yield from _unprintable(where, value)
        elif isinstance(value, (int, float)):
            if not abs(value) <= LARGEST:
                yield f"{where}: found {_shown(value)}, expected a number within {LARGEST}"
        elif value is not None:
            yield f"{where}: found the {type(value).__name__} {_shown(value)}; put text that looks like one into quotes"


def _unprintable(where: str, text: str) -> Iterator[str]:
    """Yield that ``text`` holds a letter that stands for nothing on paper: a control character, half a character."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        yield f"{where} {_shown(text)} holds a control character"


def _shown(value: Any) -> str:
    """Return a value as it is written, or its beginning."""
    if isinstance(value, int) and value.bit_length() > SHOWN:
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _with_preset(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with what its preset says where it says nothing itself."""
    presets = yaml.safe_load(PRESETS.read_text(encoding="utf-8"))
    name = config.get("preset")
    return _filled(config, presets[name]) if isinstance(name, str) and name in presets else config


def _filled(given: Any, assumed: Any) -> Any:
    """Return ``given`` with the keys of ``assumed`` that it lacks, on every level."""
    if not isinstance(given, dict) or not isinstance(assumed, dict):
        return given
    return {**assumed, **{key: _filled(part, assumed.get(key)) for key, part in given.items()}}


def _expand_runs(config: dict[str, Any]) -> tuple[list[bank.Run], list[str]]:
    """Put the runs that entries of ``runs`` stand for in their place; return them, and what is wrong with entries."""
    entries, labels = config.get("runs"), config.get("labels")
    if not isinstance(entries, list):
        return [], []
    runs, problems = bank.expand(entries, labels if isinstance(labels, list) else [])
    for run in runs:
        _spell_out(run.setting)
    config["runs"] = [run.setting for run in runs]
    return runs, problems


def _spell_out(setting: Any) -> None:
    """Write a run's short forms in full: a loss that is given by its name alone, a single hidden layer."""
    if isinstance(setting, dict):
        if isinstance(setting.get("loss"), str):
            setting["loss"] = {setting["loss"]: {}}
        if isinstance(setting.get("hidden"), int):
            setting["hidden"] = [setting["hidden"]]


def _simulate(config: dict[str, Any]) -> Iterator[str]:
    """Put a simulated bank's photosets and members in their place, if there is one; yield what is wrong with it."""
    simulation = config["simulation"]
    if simulation is None:
        return
    for key in ("photosets", "runs"):
        if config.get(key):
            yield f"simulation: takes the place of {key}; leave {key} out"
    yield from _unknown_labels("simulation.skills", list(simulation["skills"]), config["labels"])
    photos = dict.fromkeys(("photos", "labels", "masks", "mask_labels")) | {"download": False}
    config.setdefault("photosets", {"train": photos, "test": dict(photos)})
    config["members"]["external"] += [f"{{results}}/simulated/member{k:03d}" for k in range(simulation["members"])]


def _lock_photos(config: dict[str, Any]) -> Iterator[str]:
    """Put the photoset of the locked photos in its place, if there is one; yield what is wrong with it."""
    share, photosets = config["honest"]["locked"], config["photosets"]
    if not share:
        return
    if config["simulation"]:
        yield f"honest.locked: found {share}, expected 0: a simulation knows the labels of all its test photos"
    for name in ("labelled", "locked"):
        if name in photosets:
            yield f"photosets.{name}: honest.locked takes this name for training photos; choose another"
    photosets["locked"] = {**photosets["train"], "download": False, "masks": None, "mask_labels": None}


def _complete_runs(config: dict[str, Any], runs: list[bank.Run]) -> Iterator[str]:
    """Give each run, and the student, its backbone's own name, size and batch, and its labels in their one form; yield
    what is wrong."""
    for where, setting in _trained(config, runs):
        wrong = catalog.problem(setting["backbone"])
        if wrong:
            yield f"{where}.backbone: {wrong}"
        known = catalog.find(setting["backbone"])
        if known:
            setting["backbone"] = known.timm
        if setting["size"] is None:
            setting["size"] = known.size if known else catalog.SIZE
        if setting["batch"] is None:
            setting["batch"] = known.batch if known else catalog.BATCH
        if isinstance(setting["labels"], list):
            yield from _unknown_labels(f"{where}.labels", setting["labels"], config["labels"])
            ordered = [label for label in config["labels"] if label in setting["labels"]]
            setting["labels"] = "all" if ordered == config["labels"] else ordered


def _trained(config: dict[str, Any], runs: list[bank.Run]) -> list[tuple[str, dict[str, Any]]]:
    """Return the setting of each run, and of the student if there is one, after the key where it stands."""
    student = config["distil"]
    return [(f"runs[{run.entry}]", run.setting) for run in runs] + ([("distil", student)] if student else [])


def _contradictions(config: dict[str, Any], runs: list[bank.Run]) -> Iterator[str]:
    """Yield what is wrong between keys that are each right by themselves."""
    stems = Counter(file_stem(label) for label in config["labels"])
    for label in config["labels"]:
        if label in RESERVED_LABELS:
            yield f"labels: {label!r} is a name that tables use themselves; call the label something else"
        elif stems[file_stem(label)] > 1:
            yield f"labels: {label!r} stands there more than once, or differs from another by too little"
    yield from _member_contradictions(config, runs)
    seen: dict[str, bank.Run] = {}
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
    least, most = config["votes"]["least"], config["votes"]["most"]
    if least > min(len(config["labels"]), most or len(config["labels"])):
        yield f"votes.least: found {least}, expected at most votes.most and the number of labels"
    yield from _recipe_contradictions(config)
    yield from _download_contradictions(config)
    yield from _mask_contradictions(config)


def _training_contradictions(config: dict[str, Any], runs: list[bank.Run]) -> Iterator[str]:
    """Yield what a training is told to see that is not there, or too much."""
    most = config["segmentation"]["size"]
    for where, setting in _trained(config, runs):
        name, size = setting["recipe"], setting["size"]
        if name not in config["recipes"]:
            yield f"{where}.recipe: {_shown(name)} is not among the recipes ({_listed(sorted(config['recipes']))})"
        elif config["recipes"][name]["recolored"] and size > most:
            yield f"{where}.size: {size}, but recoloured photos are made at segmentation.size, {most}; raise that"
        if (epochs := epochs_of(setting)) > MOST_EPOCHS:
            yield f"{where}.phases: {epochs} epochs in all, expected at most {MOST_EPOCHS}"


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


def _student_contradictions(config: dict[str, Any]) -> Iterator[str]:
    """Yield what keeps a student from learning the ensemble's scores."""
    student, stack = config["distil"], config["stack"]
    if student is None:
        return
    if config["simulation"]:
        yield "distil: found a backbone, expected null: a simulation has no photos to train on"
    if student["labels"] != "all":
        yield f"distil.labels: found {_shown(student['labels'])}, expected all: a student learns what the ensemble says"
    (loss,) = student["loss"]
    if loss != "bce":
        yield f"distil.loss: found {loss!r}, expected 'bce': the others need labels, and a student learns from scores"
    for key in ("draws", "draw_seed"):
        if key in student:
            yield f"distil.{key}: nothing is drawn here: there is one student; leave it out"
    used = stack["auto"]["among"] if stack["combiner"] == "auto" else [stack["combiner"]]
    if "rank_mean" in used:
        yield (
            "distil: a student learns scores that are probabilities, and the combiner rank_mean gives ranks; expected"
            " another `stack.combiner`" + (", and none such in `stack.auto.among`" if len(used) > 1 else "")
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
        yield from _unknown_labels(where, labels, config["labels"])


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


def _member_contradictions(config: dict[str, Any], runs: list[bank.Run]) -> Iterator[str]:
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


def _unknown_kinds(stated: dict[str, float], kinds: set[str]) -> Iterator[str]:
    """Yield for which backbones and sizes a time is stated, though no run has them."""
    for kind in sorted(stated.keys() - kinds):
        near = difflib.get_close_matches(kind, kinds, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield f"plan.epoch_seconds: {_shown(kind)} is not the backbone and size of a run{hint}"


def _unknown_labels(where: str, labels: list[str], known: list[str]) -> Iterator[str]:
    """Yield each of ``labels`` that is not known, with the nearest that is."""
    for label in labels[:SHOWN]:
        if label not in known:
            near = difflib.get_close_matches(label, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {_listed(known)}"
            yield f"{where}: {_shown(label)} is not among the labels; {hint}"


def _listed(names: list[str]) -> str:
    """Return names in a row, or the first of them."""
    return ", ".join(names[:SHOWN]) + ("..." if len(names) > SHOWN else "")


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


def _recolored(setting: bool | dict, use: int) -> dict | None:
    """Return a recipe's use of recoloured photos in its one form: None, or labels and how many."""
    if isinstance(setting, bool):
        return {"labels": None, "use": use} if setting else None
    return {"labels": setting["labels"], "use": setting["use"] or use}


def _numbers_from_text(value: Any) -> Any:
    """Turn text into the number that was meant: YAML reads ``1e-3`` as text, a command line gives nothing but text."""
    if isinstance(value, dict):
        names = ("labels", "label_sets", "photosets", "results", "external", "title", "notes", "row")
        return {key: part if key in names else _numbers_from_text(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_numbers_from_text(part) for part in value]
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER and re.fullmatch(NUMBER, value, re.ASCII):
        number = int(value) if re.fullmatch(r"[+-]?\d+", value) else float(value)
        return number if abs(number) <= LARGEST else value
    return value


_KINDS = ("type", "enum", "const")


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Yield the errors to tell of: of an alternative, those of the branch that was most likely meant."""
    branches: dict[int, list[ValidationError]] = {}
    for part in error.context:
        branches.setdefault(part.schema_path[0], []).append(part)
    # A branch of the right kind has no complaint about the value as a whole.
    meant = [parts for parts in branches.values() if all(part.path or part.validator not in _KINDS for part in parts)]
    if not meant:
        yield error
    for part in next(iter(meant), []):
        yield from _leaves(part)


def _messages(errors: list[ValidationError], runs: list[bank.Run]) -> list[str]:
    """Return a message for each error; those of runs name the entry as it was written, once for all its runs."""
    messages: dict[Any, str] = {}
    for error in errors:
        path = list(error.absolute_path)
        run = runs[path[1]] if path[:1] == ["runs"] and len(path) > 1 else None
        if run:
            path[1] = run.entry
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        message = _message(error, where)
        # One drawn value stands for all that are wrong in the same way.
        messages.setdefault((where, error.validator) if run and run.drawn else message, message)
    return list(messages.values())


def _message(error: ValidationError, where: str) -> str:
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        hints = [] if len(unknown) <= SHOWN else [f"{len(unknown)} unknown keys"]
        for key in unknown[:SHOWN]:
            near = difflib.get_close_matches(key, known, n=1)
            hints.append(
                f"unknown key {_shown(key)}; "
                + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}")
            )
        return (f"{where}: " if where else "") + "; ".join(hints)
    about = error.schema.get("description", "")
    if error.validator == "type":
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        return f"{where}: found {_shown(error.instance)}, expected {' or '.join(kinds)}" + (
            f" ({about})" if about else ""
        )
    if error.validator in ("anyOf", "enum", "pattern"):
        return (
            f"{where}: found {_shown(error.instance)}, expected {about or ', '.join(map(str, error.validator_value))}"
        )
    said = error.message if len(error.message) <= 2 * SHOWN else f"{error.message[:SHOWN]}...{error.message[-SHOWN:]}"
    return f"{where}: {said}" if where else said


def _set_defaults(validator: Any, properties: dict, instance: Any, schema: dict) -> Iterator[ValidationError]:
    """Fill in the schema's defaults while validating: one place says both what is allowed and what is assumed."""
    if isinstance(instance, dict):
        for key, part in properties.items():
            if isinstance(part, dict) and "default" in part and key not in instance:
                instance[key] = json.loads(json.dumps(part["default"]))
    yield from Draft202012Validator.VALIDATORS["properties"](validator, properties, instance, schema)


def _hold_once(validator: Any, wanted: bool, instance: Any, schema: dict) -> Iterator[ValidationError]:  # noqa: ARG001
    """Check for equal elements; jsonschema compares each two of them where they are of several types."""
    if wanted and isinstance(instance, list) and len({canonical(part) for part in instance}) < len(instance):
        yield ValidationError("an element stands there twice")


_DefaultsValidator = extend(Draft202012Validator, {"properties": _set_defaults, "uniqueItems": _hold_once})
