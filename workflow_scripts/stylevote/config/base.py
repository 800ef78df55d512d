"""Base classes and types of all settings."""

import os
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from stylevote.config.identity import plain_numbers
from stylevote.config.messages import described, worded

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=100)]
Seed = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]
# In a path, `~` is the user's home folder.
WITH_HOME = AfterValidator(os.path.expanduser)
UserPath = Annotated[str, Field(min_length=1), WITH_HOME]


class Model(BaseModel):
    """Base of a class of settings. Its docstring describes it and, below ``Attributes:``, its keys.

    A default is written as in a configuration and checked: ``{}`` stands for a class with all its defaults.
    """

    model_config = ConfigDict(extra="forbid", strict=True, validate_default=True, defer_build=True)

    @model_validator(mode="wrap")
    @classmethod
    def word_errors(cls, value: Any, handler: Any) -> "Model":
        """Check a value, and word its errors as our sentences."""
        try:
            return handler(value)
        except ValidationError as error:
            raise ValidationError.from_exception_data(cls.__name__, worded(cls, error)) from None

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
    """Base of settings of which exactly one key has a value. Only that key is kept."""

    @model_validator(mode="after")
    def have_one(self) -> "OneOf":
        """Refuse settings in which no key, or more than one, has a value."""
        if len(self.given(dict(self))) != 1:
            keys = type(self).model_fields
            given = ", ".join(key for key in keys if key in self.model_fields_set)
            raise ValueError(f"found {given or 'none'}, expected one of {', '.join(keys)}")
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


def json_type(value: Any) -> str | None:
    """Return the JSON type of a value, for fields with alternatives of several types."""
    if isinstance(value, (dict, BaseModel)):
        return "object"
    return {str: "string", list: "array"}.get(type(value))


def refuse_equal(values: list[Any]) -> list[Any]:
    """Refuse a list that holds a value twice."""
    if len(set(values)) < len(values):
        raise ValueError("an element occurs twice")
    return values
