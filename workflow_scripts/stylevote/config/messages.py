"""Sentences about wrong settings: the key, the value found, and the value expected."""

import inspect
import re
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator, Discriminator, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from stylevote.config.identity import plain_numbers
from stylevote.wording import SHOWN, join, nearest, quote

# The problem with a number or a length, and the fact of the error that holds the limit.
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
# How YAML reads some words without quotes, by the type that they become.
READ_AS = {
    bool: "YAML reads yes, no, on, off, true and false as truth values",
    int: "YAML reads it as a number",
    float: "YAML reads it as a number",
    type(None): "YAML reads null, ~ and nothing as no value",
}
TYPES = {"int": "integer", "float": "number", "bool": "true or false", "string": "text", "list": "a list"}
TYPES |= {"dict": "keys with values", "model": "keys with values"}


def described(docstring: str) -> tuple[str, dict[str, str]]:
    """Return the descriptions of a class and of its keys, without full stops at their ends."""
    about, _, keys = inspect.cleandoc(docstring).partition("Attributes:")
    about = _line(about)
    described_keys = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", keys, re.MULTILINE)
    return about[:1].lower() + about[1:], {key: _line(text) for key, text in described_keys}


def worded(model: type[BaseModel], error: ValidationError) -> list[InitErrorDetails]:
    """Replace the texts of a class's errors by our sentences; return the errors.

    Errors in its fields' classes already have them. The class that has a field for this value words errors about the
    value as a whole.
    """
    unknown, result = [], []
    for details in error.errors(include_url=False):
        location, facts = details["loc"], details.get("ctx", {})
        if location and _chosen_by_type(model, location[0]):
            location = (*location[:1], *location[2:])  # pydantic names the chosen type there, which is no key
        if not location and "text" not in facts:
            result.append(InitErrorDetails(type=details["type"], input=details["input"], ctx=facts))
        elif details["type"] == "extra_forbidden" and "text" not in facts:
            unknown.append(location[0])
        else:
            location, text = (location, facts["text"]) if "text" in facts else _sentence(model, location, details)
            kind = PydanticCustomError(details["type"], "{text}", {"text": text})
            result.append(InitErrorDetails(type=kind, loc=location, input=details["input"]))
    if unknown:
        text = {"text": _unknown_keys(sorted(unknown), sorted(model.model_fields))}
        result.append(InitErrorDetails(type=PydanticCustomError("extra_forbidden", "{text}", text), input=None))
    return result


def needs_quotes(value: Any) -> str:
    """Return a remark on a value in the place of a text that YAML read as something else, else nothing."""
    read_as = READ_AS.get(type(value))
    return f" ({read_as}: put text into quotes)" if read_as else ""


def _sentence(model: type[BaseModel], location: tuple, details: Any) -> tuple[tuple, str]:
    """Return the location of a wrong value in a class of settings, and the problem."""
    key, *rest = location
    kind, value, facts = details["type"], quote(details["input"]), details.get("ctx", {})
    if kind == "missing":
        return (), f"{key!r} is a required property"
    if rest[-1:] == ["[key]"] and kind.startswith(("string_", "literal_")):
        expected = facts.get("expected") or facts.get("pattern") or details["msg"]
        return location[:-2], f"found the key {value}, expected {expected}"
    if kind in LIMITS:
        problem, limit = LIMITS[kind]
        return location, f"{value} is {problem} {plain_numbers(facts[limit])}"
    if kind == "value_error":
        return location, str(facts["error"])
    field = model.model_fields[key]
    about = "" if rest else described(model.__doc__)[1].get(key, "")
    if not about and kind == "model_type":
        about = described(_class_in(field.annotation).__doc__)[0]
    expected = TYPES.get(kind.removesuffix("_type"))
    if expected == "text" or (expected is None and isinstance(details["input"], bool)):
        value += needs_quotes(details["input"])
    several = (BeforeValidator, Discriminator)
    if not expected or (not rest and any(isinstance(part, several) for part in field.metadata)):
        # A value of several types, or one of several words, has a description that names them.
        about = about or facts.get("expected", details["msg"]).replace("'", "")
        return location, f"found {value}, expected {about}"
    null = " or null" if not rest and type(None) in get_args(field.annotation) else ""
    return location, f"found {value}, expected {expected}{null}" + (f" ({about})" if about else "")


def _unknown_keys(unknown: list[str], known: list[str]) -> str:
    count = [f"{len(unknown)} unknown keys"] if len(unknown) > SHOWN else []
    otherwise = f"known: {join(known) or 'none'}"
    return "; ".join(
        [*count, *(f"unknown key {quote(key)}{nearest(key, known, otherwise)}" for key in unknown[:SHOWN])]
    )


def _chosen_by_type(model: type[BaseModel], key: str | int) -> bool:
    """Return whether a field has alternatives of several types."""
    return key in model.model_fields and any(isinstance(p, Discriminator) for p in model.model_fields[key].metadata)


def _class_in(annotation: Any) -> type[BaseModel] | None:
    """Return the class of settings in an annotation."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next(filter(None, map(_class_in, get_args(annotation))), None)


def _line(text: str) -> str:
    return " ".join(text.split()).removesuffix(".")
