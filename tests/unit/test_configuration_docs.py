"""docs/configuration.md says what the schema says."""

import subprocess
import sys

import yaml

from places import REPOSITORY

SCHEMA = REPOSITORY / "workflow_scripts" / "schemas" / "config.schema.yaml"
PAGE = REPOSITORY / "docs" / "configuration.md"
HOLDERS = {"properties"}  # below these stand names of keys, and no keywords
KEYWORDS = {"$schema", "title", "description", "type", "default", "enum", "const", "pattern", "if", "else", "required"}
KEYWORDS |= {"properties", "additionalProperties", "propertyNames", "minProperties", "maxProperties", "items", "anyOf"}
KEYWORDS |= {"minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "multipleOf"}
KEYWORDS |= {"$ref", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}


def nodes(schema, place=()):
    """Yield every schema within a schema, and where it stands."""
    yield place, schema
    for key, part in schema.items():
        if key in HOLDERS:
            for name, inner in part.items():
                yield from nodes(inner, (*place, name))
        elif key in ("items", "additionalProperties") and isinstance(part, dict):
            yield from nodes(part, (*place, key))
        elif key == "anyOf":
            for form in part:
                yield from nodes(form, (*place, key))


def test_the_page_is_what_the_schema_makes_of_it():
    made = subprocess.run(
        [sys.executable, REPOSITORY / "docs" / "configuration.py"], capture_output=True, text=True, check=True
    ).stdout
    assert PAGE.read_text(encoding="utf-8") == made, "run `make docs`"


def test_every_key_is_described_on_the_page_with_its_default():
    page = PAGE.read_text(encoding="utf-8")
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    for place, node in nodes(schema):
        if place and place[-1] not in ("items", "additionalProperties", "anyOf"):
            text = " ".join(node["description"].split())
            assert text[1:].replace("<", "&lt;") in page.replace("\\|", "|"), place
    assert page.count("\n## ") == len(schema["properties"]) + 1  # and the presets


def test_the_schema_holds_no_word_that_schemas_do_not_have():
    """A comma in a description without quotes makes a keyword of what follows it, which nobody reads."""
    for place, node in nodes(yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))):
        assert node.keys() <= KEYWORDS, (place, node.keys() - KEYWORDS)
