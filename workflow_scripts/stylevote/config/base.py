"""What all settings are made of, and how a class of settings describes itself to people and to editors."""

import inspect
import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue

from stylevote.config.identity import plain_numbers

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=100)]
Seed = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]


class Model(BaseModel):
    """Be the base of a class of settings, whose docstring describes it and, below ``Attributes:``, its keys.

    A default is written as a configuration would write it, and checked as one: ``{}`` stands for a class of settings
    with all its defaults.
    """

    model_config = ConfigDict(extra="forbid", strict=True, validate_default=True, defer_build=True)

    def used(self) -> dict[str, Any]:
        """Return the settings that have an effect, as JSON values: all of them, unless one chooses among others."""
        return self.only(*type(self).model_fields)

    def only(self, *keys: str) -> dict[str, Any]:
        """Return the settings with these keys, as JSON values."""
        return plain_numbers(self.model_dump(include=set(keys)))

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON Schema with the docstring's descriptions."""
        schema = handler(core_schema)
        node = handler.resolve_ref_schema(schema)
        node["description"], of_keys = described(cls.__doc__)
        for key, text in of_keys.items():
            node["properties"][key]["description"] = text
        return schema


class OneOf(Model):
    """Be the base of settings of which exactly one key has a value; only that key is kept."""

    @model_validator(mode="after")
    def have_one(self) -> "OneOf":
        """Refuse none, and several."""
        if len(self.given(dict(self))) != 1:
            keys = type(self).model_fields
            found = ", ".join(key for key in keys if key in self.model_fields_set)
            raise ValueError(f"found {found or 'none'}, expected one of {', '.join(keys)}")
        return self

    @model_serializer(mode="wrap")
    def dump_one(self, handler: Any) -> dict[str, Any]:
        """Return the key that has a value."""
        return self.given(handler(self))

    @staticmethod
    def given(values: dict[str, Any]) -> dict[str, Any]:
        """Return the keys that have a value."""
        return {key: value for key, value in values.items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON Schema, in which no key may be null."""
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        node = handler.resolve_ref_schema(schema)
        for part in node["properties"].values():
            value, _ = part.pop("anyOf")
            del part["default"]
            part.update(value)
        node.update(minProperties=1, maxProperties=1)
        return schema


def described(docstring: str) -> tuple[str, dict[str, str]]:
    """Return what a docstring says of a class, and of each key, without full stops at their ends."""
    about, _, keys = inspect.cleandoc(docstring).partition("Attributes:")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", keys, re.MULTILINE)
    about = _line(about)
    return about[:1].lower() + about[1:], {key: _line(text) for key, text in found}


def _line(text: str) -> str:
    return " ".join(text.split()).removesuffix(".")


def json_type(value: Any) -> str | None:
    """Return what JSON calls the type of a value that has alternatives of several types."""
    if isinstance(value, (dict, BaseModel)):
        return "object"
    return {bool: "boolean", str: "string", list: "array"}.get(type(value))


def refuse_equal(values: list[Any]) -> list[Any]:
    """Refuse a list that holds a value twice."""
    if len(set(values)) < len(values):
        raise ValueError("an element stands there twice")
    return values
