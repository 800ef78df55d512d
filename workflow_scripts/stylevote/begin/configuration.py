"""Write a configuration with comments, and read it as the workflow does before it is kept."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stylevote.begin.choice import UNLEARNABLE, Choice, backbones_of
from stylevote.begin.survey import Survey
from stylevote.begin.words import block, comment
from stylevote.config.label_table import LabelTable
from stylevote.config.resolve import resolve
from stylevote.config.writing import as_yaml
from stylevote.errors import InputError
from stylevote.photos.label_tables import read_label_table
from stylevote.wording import SHOWN, plural, quote, quote_all

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
TEMPLATES.filters |= {"value": as_yaml, "block": block, "comment": comment}


def refuse_fixed_form(found: Survey, config: dict[str, Any], left_out: list[int]) -> None:
    """Raise `InputError` if a table's form has no way to leave out labels that cannot be learnt."""
    labels = config["photosets"]["train"]["labels"]
    described = LabelTable(**labels) if isinstance(labels, dict) else LabelTable(file=labels)
    if left_out and read_label_table(described, config["labels"], True, found.folder)[2]:
        names = [found.labels[k] for k in left_out]
        raise InputError(
            f"{found.table}: labels {UNLEARNABLE}: {quote_all(names)}; a table of this form cannot leave them out:"
            " merge them with others, or add photos"
        )


def make_settings(found: Survey, choice: Choice, test: Path | None, output: Path) -> dict[str, Any]:
    """Return the values of a configuration."""
    description = left_out_of(found.description, found.labels, choice.left_out)
    table = path_text(found.table)
    train: dict[str, Any] = {
        "photos": path_text(found.folder),
        "labels": {"file": table, **description} if description else table,
    }
    train |= {"download": True} if found.download else {}
    train |= {"links": "anywhere"} if found.links else {}
    return {
        "results": f"results_{re.sub('[^A-Za-z0-9_-]+', '_', output.stem)}",
        "labels": [found.labels[k] for k in choice.labels],
        "photosets": {"train": train, **({"test": {"photos": path_text(test), "labels": None}} if test else {})},
        "on_bad_photo": "skip" if found.bad or (found.missing and not found.download) else "fail",
        "folds": {"count": choice.folds},
        "holdout": {"share": 0},
        "runs": [choice.chosen],
        "weights_folder": None,
        "preset": "default",
    }


def left_out_of(description: dict[str, Any], labels: list[str], left_out: list[int]) -> dict[str, Any]:
    """Return the description of a table without some of its labels, by their positions."""
    description, names = dict(description), [labels[k] for k in left_out]
    columns = description.get("columns")
    if isinstance(columns, list):
        names = [columns[k] for k in left_out]
        description["columns"] = [column for k, column in enumerate(columns) if k not in left_out]
    elif isinstance(columns, dict):
        names = [columns[label] for label in names]
        description["columns"] = {label: column for label, column in columns.items() if column not in names}
    if names and description.get("ignore") != "all":
        description["ignore"] = [*description.get("ignore", []), *names]
    return description


def path_text(path: Path) -> str:
    """Return a path for a configuration; raise `InputError` if it is not UTF-8, or would stand for the results."""
    text = str(path)
    if not text.isprintable() or "{results}" in text:
        raise InputError(f"{quote(text)}: a configuration cannot hold this name; rename it")
    return text


def render(config: dict[str, Any], found: Survey, choice: Choice, *, basis: str, sets: list[str], command: str) -> str:
    """Return a configuration as YAML with comments.

    Raises:
        InputError: the workflow would refuse it, for example since a label has a name that it cannot take.
    """
    photos = [plural(int(count), "photo") for count in found.positives]
    rarest = min(choice.labels, key=lambda k: found.distinct[k])
    skipped = [*found.missing[:5], *found.bad[:5]] if config["on_bad_photo"] == "skip" else []
    count = len(found.missing) + len(found.bad)
    text = TEMPLATES.get_template("configuration.yaml").render(
        config=config,
        today=date.today().isoformat(),
        command=command,
        labels=[(found.labels[k], photos[k]) for k in choice.labels],
        labels_note="The labels, with the number of photos that have each.",
        left_out=[(quote(found.labels[k]), photos[k]) for k in choice.left_out[:SHOWN]],
        left_out_note=f"Left out: labels {UNLEARNABLE}.",
        findings=found.findings,
        test="test" in config["photosets"],
        skipped=[f"Left out, as far as it is known: {plural(count, 'photo')}, of which the first are:", *skipped]
        if skipped
        else [],
        folds_note=(
            f"The rarest label is on {plural(int(found.distinct[rarest]), 'photo')} (near-duplicates and groups count"
            " once)."
        ),
        sets=sets,
        basis=basis,
        backbones=backbones_of(choice.chosen),
    )
    read = yaml.load(text, Loader=yaml.CSafeLoader)  # as the workflow does
    if read != config:
        raise AssertionError(f"YAML reads other values than were written: {quote(read)}")
    resolve(read)
    return text
