"""Write docs/configuration.md from the schema of the configuration: `make docs`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "workflow_scripts" / "schemas" / "config.schema.yaml"
PRESETS = ROOT / "workflow_scripts" / "schemas" / "presets.yaml"
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
BOUNDS |= {"multipleOf": "a multiple of"}
HEAD = """# Every key of the configuration

Made from `workflow_scripts/schemas/config.schema.yaml` by `make docs`: not to be edited. A configuration is checked
against this schema before anything else happens; an unknown key is refused with the nearest known one. What it leaves
out has its default. `config.yaml` is the drawn demo, with a comment for every key it sets; `config/` holds ready
configurations.
"""


def reference() -> str:
    """Return the text of docs/configuration.md."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    parts = [HEAD]
    for key, part in schema["properties"].items():
        rows = list(_rows("", part))
        parts.append(f"\n## {key}\n\n{_sentence(part)}\n")
        if not rows:
            parts.append(f"\n{_facts(part)}\n")
        else:
            parts.append("\n| key | what it says | value | default |\n|---|---|---|---|\n")
            parts += [f"| {' | '.join(map(_cell, row))} |\n" for row in rows]
    parts.append("\n## What presets say\n\nSingle keys of a configuration override them.\n")
    for name, preset in yaml.safe_load(PRESETS.read_text(encoding="utf-8")).items():
        text = yaml.safe_dump(preset, sort_keys=False, default_flow_style=None, width=100).strip() if preset else "{}"
        parts.append(f"\n`preset: {name}`\n\n```yaml\n{text}\n```\n")
    return "".join(parts)


def _rows(place: str, part: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each key below a part of the schema: its name, what it says, its values, its default."""
    for form in part.get("anyOf", []):
        yield from _rows(place, form)
    if isinstance(further := part.get("additionalProperties"), dict):
        yield from _rows(f"{place}NAME.", further) if "properties" in further else ()
    if "properties" in (items := part.get("items", {})):
        yield from _rows(place, items)
    for key, inner in part.get("properties", {}).items():
        needed = key in part.get("required", [])
        default = "(must be given)" if needed else _code(inner["default"]) if "default" in inner else ""
        below = list(_rows(f"{place}{key}.", inner))
        is_branch = "properties" in inner and "default" in inner and inner["default"] == {}
        yield f"`{place}{key}`", _text(inner), "" if is_branch else _values(inner), "" if is_branch else default
        yield from below


def _values(part: dict[str, Any]) -> str:
    """Return in words which values a key may have."""
    if "enum" in part:
        return ", ".join(map(_code, part["enum"]))
    if "anyOf" in part and "type" not in part:
        return " or ".join(dict.fromkeys(_values(form) for form in part["anyOf"]))
    if "const" in part:
        return _code(part["const"])
    kinds = part.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    words = {"string": "text", "array": "list", "object": "keys", "boolean": "true or false", "null": "null"}
    named = " or ".join(words.get(kind, kind) for kind in kinds)
    if "array" in kinds and (inner := _values(part.get("items", {}))):
        named = named.replace("list", f"list of {inner}")
    bounds = [f"{word} {part[key]}" for key, word in BOUNDS.items() if key in part]
    return ", ".join([named, *bounds]) if named else ""


def _facts(part: dict[str, Any]) -> str:
    """Return in sentences which values a key may have, and its default."""
    values = _values(part)
    default = f" Default: {_code(part['default'])}." if "default" in part else ""
    return f"{values[:1].upper()}{values[1:]}.{default}"


def _sentence(part: dict[str, Any]) -> str:
    text = _text(part)
    return f"{text[:1].upper()}{text[1:]}."


def _text(part: dict[str, Any]) -> str:
    return " ".join(part.get("description", "").split())


def _code(value: Any) -> str:
    return f"`{json.dumps(value) if not isinstance(value, str) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(reference())
