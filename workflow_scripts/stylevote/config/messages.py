"""Sentences about what a configuration's models refuse: the key, what was found, what was expected."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from stylevote.config.configuration import Configuration
from stylevote.config.identity import plain_numbers
from stylevote.config.run_grid import Run
from stylevote.wording import SHOWN, KeyPath, key_path, nearest, quote

Schema = dict[str, Any]
# What is wrong with a number or a length, and which fact of the error says the limit.
LIMITS = {
    "greater_than": ("less than or equal to the minimum of", "gt"),
    "greater_than_equal": ("less than the minimum of", "ge"),
    "less_than": ("greater than or equal to the maximum of", "lt"),
    "less_than_equal": ("greater than the maximum of", "le"),
    "multiple_of": ("not a multiple of", "multiple_of"),
    "too_short": ("too short: the least length is", "min_length"),
    "too_long": ("too long: the greatest length is", "max_length"),
    "string_too_short": ("too short: the least length is", "min_length"),
    "string_too_long": ("too long: the greatest length is", "max_length"),
}


def sentences(error: ValidationError, runs: Sequence[Run]) -> list[str]:
    """Return a sentence for each problem; those of runs name the entry as it was written, once for all its runs.

    Args:
        error: what `Configuration` says of a configuration whose runs are expanded.
        runs: the expanded runs, in the same order.
    """
    schema = Configuration.model_json_schema()
    found: dict[Any, str] = {}
    unknown: dict[KeyPath, tuple[set[str], Schema]] = {}
    for details in error.errors(include_url=False):
        path, node = _find(schema, _told_of(details))
        where = _as_written(path, runs)
        if details["type"] == "extra_forbidden":
            unknown.setdefault(where, (set(), node))[0].add(details["loc"][-1])
            continue
        sentence = _at(where) + _sentence(schema, node, details)
        # One drawn value stands for all that are wrong in the same way.
        is_drawn = len(where) > 1 and where[0] == "runs" and runs[path[1]].drawn
        found.setdefault((where, details["type"]) if is_drawn else sentence, sentence)
    hints = (
        _at(where) + _unknown_keys(sorted(keys), sorted(_of_forms(schema, node, "properties", {})))
        for where, (keys, node) in unknown.items()
    )
    return [*found.values(), *hints]


def _told_of(details: Any) -> KeyPath:
    """Return the place of the value that is wrong: of keys, that of the mapping."""
    place = details["loc"]
    if details["type"] in ("missing", "extra_forbidden"):
        return place[:-1]
    return place[:-2] if _is_of_a_key(details) else place


def _is_of_a_key(details: Any) -> bool:
    """Whether a key of a mapping is wrong, and not its value: that is no text in mappings whose keys are checked."""
    return details["loc"][-1:] == ("[key]",) and details["type"].startswith(("string_", "literal_"))


def _as_written(path: KeyPath, runs: Sequence[Run]) -> KeyPath:
    """Return a path in which a run has the number of its entry."""
    return ("runs", runs[path[1]].entry, *path[2:]) if len(path) > 1 and path[0] == "runs" else path


def _at(where: KeyPath) -> str:
    """Return the beginning of a sentence about this place."""
    return f"{key_path(where)}: " if where else ""


def _unknown_keys(unknown: Sequence[str], known: Sequence[str]) -> str:
    """Return for each of these keys that it is not known, and the nearest that is."""
    many = [f"{len(unknown)} unknown keys"] if len(unknown) > SHOWN else []
    names = ", ".join(known) or "none"
    return "; ".join(
        [*many, *(f"unknown key {quote(key)}{nearest(key, known, f'known: {names}')}" for key in unknown[:SHOWN])]
    )


def _sentence(schema: Schema, node: Schema, details: Any) -> str:
    """Return what is wrong with a value, of which the JSON Schema says this."""
    kind, value, facts = details["type"], quote(details["input"]), details.get("ctx", {})
    if _is_of_a_key(details):
        return f"found the key {value}, expected {facts.get('expected') or facts.get('pattern') or details['msg']}"
    if kind == "missing":
        return f"{details['loc'][-1]!r} is a required property"
    if kind in LIMITS:
        wrong, limit = LIMITS[kind]
        return f"{value} is {wrong} {plain_numbers(facts[limit])}"
    if kind == "value_error":
        return str(facts["error"])
    about, types = _of_forms(schema, node, "description", ""), _types(schema, node)
    if kind.endswith("_type") and len({*types} - {"null"}) == 1:
        return f"found {value}, expected {' or '.join(types)}" + (f" ({about})" if about else "")
    # What may be of several types, or is one of several words, has a description that says which.
    return f"found {value}, expected {about or ', '.join(map(str, node.get('enum', types)))}"


def _find(schema: Schema, place: KeyPath) -> tuple[KeyPath, Schema]:
    """Return the keys and positions of a place of pydantic's, and the JSON Schema of what stands there.

    A place names, besides, the type that was chosen of several, which is no key.
    """
    node, path = schema, []
    for part in place:
        if "oneOf" in node:
            chosen = next(form for form in node["oneOf"] if part in _types(schema, form))
            node = {"description": node.get("description", ""), **chosen}
        else:
            node = next(filter(None, (_part(form, part) for form in _forms(schema, node))), {})
            path.append(part)
    return tuple(path), node


def _part(node: Schema, part: str | int) -> Schema | None:
    """Return the JSON Schema of a part of a value."""
    if isinstance(part, int):
        return node.get("items")
    return node.get("properties", {}).get(part) or next(
        iter(node.get("patternProperties", {}).values()), node.get("additionalProperties")
    )


def _forms(schema: Schema, node: Schema) -> list[Schema]:
    """Return the JSON Schemas of the forms that a value may have, each with what it refers to."""
    if "$ref" in node:
        node = {**schema["$defs"][node["$ref"].rpartition("/")[2]], **node}
    return [node, *(part for form in node.get("anyOf", node.get("oneOf", [])) for part in _forms(schema, form))]


def _types(schema: Schema, node: Schema) -> list[str]:
    """Return the types that a value may have."""
    return list(dict.fromkeys(form["type"] for form in _forms(schema, node) if "type" in form))


def _of_forms(schema: Schema, node: Schema, keyword: str, default: Any) -> Any:
    """Return what the first form says that says this of a value."""
    return next((form[keyword] for form in _forms(schema, node) if keyword in form), default)
