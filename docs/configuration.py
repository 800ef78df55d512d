"""Write the documentation and the JSON Schema of the configuration's models: `make docs`.

``page`` writes docs/configuration.md, ``schema`` the JSON Schema docs/configuration.schema.json.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from stylevote.config.configuration import Configuration  # noqa: E402
from stylevote.config.resolve import PRESETS  # noqa: E402
from stylevote.config.run_grid import DRAWS, EACH  # noqa: E402

BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
BOUNDS |= {"multipleOf": "a multiple of"}
WORDS = {"string": "text", "object": "keys", "boolean": "true or false"}
HEAD = """# Every key of the configuration

`make docs` writes this page from the models in `workflow_scripts/stylevote/config/`. Do not edit it. A configuration is
checked first of all. An unknown key is an error, which names the nearest known key. Missing keys have their defaults.
`config.yaml` is the drawn demo, with a comment per key. `config/` holds ready configurations. An editor checks a
configuration if its first line is `# yaml-language-server: $schema=` and the path of `docs/configuration.schema.json`.
"""
SEVERAL = "SeveralValues"
Schema = dict[str, Any]


def page() -> str:
    """Return the text of docs/configuration.md."""
    schema = Configuration.model_json_schema()
    parts, told = [HEAD], set()
    for key, part in schema["properties"].items():
        classes = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(part)))
        rows = list(_rows(schema, "", part)) if classes - told else []
        told |= classes
        parts.append(f"\n## {key}\n\n{_capital(_text(schema, part))}.\n")
        if not rows:
            parts.append(f"\n{_capital(_values(schema, part))}.{_default(' Default: {}.', part)}\n")
        else:
            parts.append("\n| key | meaning | value | default |\n|---|---|---|---|\n")
            parts += [f"| {' | '.join(map(_cell, row))} |\n" for row in rows]
    parts.append("\n## Presets\n\nKeys of a configuration override those of its preset.\n")
    for name, preset in yaml.safe_load(PRESETS.read_text(encoding="utf-8")).items():
        text = yaml.safe_dump(preset, sort_keys=False, default_flow_style=None, width=100).strip()
        parts.append(f"\n`preset: {name}`\n\n```yaml\n{text}\n```\n")
    return "".join(parts)


def editors_schema() -> str:
    """Return the JSON Schema for editors, in which an entry of ``runs`` may have alternatives and draws."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_strict(Configuration.model_json_schema())}
    parts = schema["$defs"]
    names, waiting = set(), ["Run"]
    while waiting:
        name = waiting.pop()
        names.add(name)
        waiting += {text for text in parts if f'"#/$defs/{text}"' in json.dumps(parts[name])} - names
    for name in names:
        for key, part in parts[name].get("properties", {}).items():
            texts = {word: part.pop(word) for word in ("description", "default") if word in part}
            parts[name]["properties"][key] = {**texts, "anyOf": [part, {"$ref": f"#/$defs/{SEVERAL}"}]}
    marks = [{"required": [key]} for key in (EACH, *DRAWS)]
    parts[SEVERAL] = {"description": "alternatives, or a draw", "type": "object", "anyOf": marks}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _strict(part: Any) -> Any:
    """Return a part of a schema that refuses names of another pattern, without titles that pydantic makes of names."""
    if isinstance(part, list):
        return [_strict(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    # A key may be called `title` itself.
    strict = {key: _strict(inner) for key, inner in part.items() if key != "title" or not isinstance(inner, str)}
    return {**strict, "additionalProperties": False} if "patternProperties" in part else strict


def _forms(schema: Schema, part: Schema) -> Iterator[Schema]:
    """Yield the alternatives of a value, with resolved references."""
    if "$ref" in part:
        part = {**schema["$defs"][part["$ref"].rpartition("/")[2]], **part}
    forms = part.get("anyOf", part.get("oneOf"))
    for form in forms or []:
        yield from _forms(schema, form)
    if not forms:
        yield part


def _rows(schema: Schema, place: str, part: Schema) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row per key below a part of the schema: its name, meaning, values and default."""
    for form in _forms(schema, part):
        for further in [*form.get("patternProperties", {}).values(), form.get("additionalProperties")]:
            if isinstance(further, dict):
                yield from _rows(schema, f"{place}NAME.", further)
        if "items" in form:
            yield from _rows(schema, place, form["items"])
        for key, inner in form.get("properties", {}).items():
            is_branch = "$ref" in inner and inner.get("default") == {}
            default = "(must be given)" if key in form.get("required", []) else _default("{}", inner)
            facts = ("", "") if is_branch else (_values(schema, inner), default)
            yield f"`{place}{key}`", _text(schema, inner), *facts
            yield from _rows(schema, f"{place}{key}.", inner)


def _values(schema: Schema, part: Schema) -> str:
    """Return the allowed values of a key in words."""
    forms = list(_forms(schema, part))
    names = dict.fromkeys(filter(None, (_name(schema, form) for form in forms)))
    bounds = [f"{word} {form[key]}" for form in forms for key, word in BOUNDS.items() if key in form]
    return ", ".join([" or ".join(names), *bounds])


def _name(schema: Schema, form: Schema) -> str:
    """Return the values of a form without their bounds."""
    if "enum" in form:
        return ", ".join(map(_code, form["enum"]))
    if form.get("type") == "array":
        return f"list of {_values(schema, form['items'])}"
    return WORDS.get(form.get("type"), form.get("type", ""))


def _text(schema: Schema, part: Schema) -> str:
    """Return the description of a key, or of the class of its value."""
    return next((form["description"] for form in [part, *_forms(schema, part)] if "description" in form), "")


def _default(sentence: str, part: Schema) -> str:
    return sentence.format(_code(part["default"])) if "default" in part else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _code(value: Any) -> str:
    return f"`{json.dumps(value) if not isinstance(value, str) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write({"page": page, "schema": editors_schema}[sys.argv[1]]())
