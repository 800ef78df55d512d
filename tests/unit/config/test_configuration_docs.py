"""docs/configuration.md, and the JSON Schema for editors, say what the configuration's models say."""

import json
import subprocess
import sys

import pytest
import yaml
from jsonschema import Draft202012Validator

from places import REPOSITORY
from stylevote.config.configuration import Configuration

PAGE, SCHEMA = (REPOSITORY / "docs" / f"configuration.{suffix}" for suffix in ("md", "schema.json"))


def parts(schema):
    """Yield every key of a schema's classes, with its name."""
    for node in [schema, *schema["$defs"].values()]:
        yield from node.get("properties", {}).items()


@pytest.mark.parametrize(("what", "path"), [("page", PAGE), ("schema", SCHEMA)])
def test_what_is_made_of_the_models_is_up_to_date(what, path):
    made = subprocess.run(
        [sys.executable, REPOSITORY / "docs" / "configuration.py", what], capture_output=True, text=True, check=True
    ).stdout
    assert path.read_text(encoding="utf-8") == made, "run `make docs`"


def test_every_key_is_described_on_the_page():
    page = PAGE.read_text(encoding="utf-8").replace("\\|", "|")
    schema = Configuration.model_json_schema()
    for name, part in parts(schema):
        forms = [part, *part.get("anyOf", [])]
        of_classes = [schema["$defs"][form["$ref"].rpartition("/")[2]] for form in forms if "$ref" in form]
        message = [form["description"] for form in [*forms, *of_classes] if form.get("description")]
        assert message, name
        assert message[0][1:].replace("<", "&lt;") in page, name
        assert f"{name}`" in page or f"## {name}\n" in page
    assert page.count("\n## ") == len(schema["properties"]) + 1  # and the presets


@pytest.fixture(scope="module")
def editor():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("path", [REPOSITORY / "config.yaml", *sorted((REPOSITORY / "config").glob("*.yaml"))])
def test_editors_find_no_mistake_in_ready_configurations(editor, path):
    config = {"labels": ["red"], **yaml.safe_load(path.read_text())}
    assert [error.message for error in editor.iter_errors(config)] == []


@pytest.mark.parametrize(
    "run",
    [
        {
            "backbone": "r",
            "size": {"each": [96, 128]},
            "hidden_units": {"layers": [1, 3], "units": 8},
            "labels": {"each": ["all", "each"]},
        },
        {
            "backbone": {"choose": ["r", "s"]},
            "loss": "focal",
            "hidden_units": 64,
            "gradient_clip": {"uniform": [1, 2]},
            "draws": 3,
        },
        {
            "backbone": "r",
            "phases": [
                {
                    "epochs": {"each": [1, 2]},
                    "lr": {"log_uniform": [0.1, 1]},
                    "train": {"last": {"each": [0.1, 1]}},
                }
            ],
        },
        {"backbone": "r", "loss": {"each": [{"focal": {"gamma": {"each": [1, 2]}}}, "bce"]}},
    ],
)
def test_editors_find_no_mistake_in_alternatives_and_draws(editor, run):
    assert editor.is_valid({"labels": ["red"], "runs": [run]})


@pytest.mark.parametrize(
    "change",
    [
        {"fold": 3},
        {"folds": {"count": 2}},
        {"runs": [{"backbone": "r", "sise": 96}]},
        {"runs": [{"backbone": "r", "size": 7}]},
        {"runs": [{"size": 96}]},
        {"runs": [{"backbone": "r", "size": [96, 128]}]},
        {"bundle": {}},
        {"bundle": {"members": 1, "tolerance": 0.1}},
        {"recipes": {"Plain": {}}},
        {"target": {"tolerance": "little"}},
    ],
)
def test_editors_find_mistakes(editor, change):
    assert not editor.is_valid({"labels": ["red"], **change})
