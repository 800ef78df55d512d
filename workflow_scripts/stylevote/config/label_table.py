"""The description of a table of photos and labels."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_serializer, model_validator

from stylevote.config.base import Model, Text, UserPath, json_type

# Words that YAML reads as a truth value, by this value.
TRUTH = {True: ("true", "yes", "on"), False: ("false", "no", "off")}


class Cell(Model):
    """A column whose cells hold all labels of a photo.

    Attributes:
        column: name of the column.
        separator: text between two labels, as `" "`, `","` or `"|"`; or list, for cells like ['coat', 'hat'].
    """

    column: Text
    separator: str = Field(" ", min_length=1, max_length=10)


class Long(Model):
    """A table with a row per photo and label.

    Attributes:
        label: column of the labels.
        value: column that tells whether the photo has the label, or null: it has the labels of its rows.
        absent: value of a label that a photo has no row for, 0 or unknown; null: 0, unless `value` has a 0 somewhere.
    """

    label: Text
    value: Text | None = None
    absent: Literal[0, "unknown"] | None = None


def texts_of_cells(values: Any) -> Any:
    """Return the mapping of cells with texts as keys, and 0, 1 or unknown as values.

    YAML reads `yes` and `on` as true, `no` and `off` as false, and `-1` as a number.
    """
    if not isinstance(values, Mapping):
        return values
    texts: dict[Any, Any] = {}
    for key, value in values.items():
        keys = TRUTH[key] if isinstance(key, bool) else ("",) if key is None else (str(key),)
        texts |= dict.fromkeys(keys, int(value) if isinstance(value, bool) else value)
    return texts


class LabelTable(Model):
    """A table of photos and their labels. At most one of `columns`, `cell`, `long` and `coco` tells where labels are.

    Without them, they are in columns that are named as the labels.

    Attributes:
        file: path of the table: .csv, .tsv, .txt (also with .gz), .parquet, .xlsx or, for `coco`, .json. {results}
            stands for the results folder.
        photo: column of the photos' names or paths, or null: the first one.
        url: column of URLs, or null: the column `url`, if there is one.
        group: column of groups of photos that stay together, or null: the column `group`, if there is one.
        columns: columns of the labels, as a list in the order of `labels`, or as {label: column}; null: they are named
            as the labels.
        cell: {column, separator}: one column holds all labels of a photo.
        long: {label, value, absent}: a row per photo and label.
        coco: the file has the form of COCO's annotations: a photo has the labels (categories) of its objects.
        values: the meaning of cells: 0, 1 or unknown. Case does not matter. 0, 1, 0.0, 1.0, true and false need none.
        ignore: columns to leave out, and labels in cells, rows or categories; all leaves out all that are not used.
        sheet: name of the sheet of an .xlsx file, or null: the first one.
    """

    file: UserPath
    photo: Text | None = None
    url: Text | None = None
    group: Text | None = None
    columns: (
        Annotated[
            Annotated[list[Text], Tag("array"), Field(min_length=1)]
            | Annotated[dict[str, Text], Tag("object"), Field(min_length=1)],
            Discriminator(json_type),
        ]
        | None
    ) = None
    cell: Cell | None = None
    long: Long | None = None
    coco: bool = False
    values: Annotated[dict[str, Literal[0, 1, "unknown"]], BeforeValidator(texts_of_cells)] = Field({})
    ignore: Annotated[
        Annotated[list[str], Tag("array")] | Annotated[Literal["all"], Tag("string")], Discriminator(json_type)
    ] = Field([])
    sheet: Text | None = None

    @model_validator(mode="after")
    def have_one_form(self) -> "LabelTable":
        """Refuse two statements about the place of labels."""
        given = [key for key in ("columns", "cell", "long", "coco") if getattr(self, key)]
        if len(given) > 1:
            raise ValueError(f"found {' and '.join(given)}, expected one of columns, cell, long and coco")
        return self

    @model_serializer(mode="wrap")
    def dump_path(self, handler: Any) -> Any:
        """Return the path, if there is nothing else to say, or the keys that are not at their defaults."""
        fields = type(self).model_fields
        changed = [key for key in fields if key == "file" or getattr(self, key) != fields[key].default]
        given = {key: value for key, value in handler(self).items() if key in changed}
        return given["file"] if len(given) == 1 else given


def spelt_out_table(value: Any) -> Any:
    """Return the description of a table, also if the configuration has its path."""
    return {"file": value} if isinstance(value, str) else value


def as_option(table: LabelTable | None) -> str:
    """Return a description as a word of a command line: the path, or JSON; an empty word stands for no table."""
    described = table.model_dump() if table else ""
    return described if isinstance(described, str) else json.dumps(described)


def table_option(word: str | None) -> LabelTable | None:
    """Return the description that `as_option` wrote."""
    if not word:
        return None
    return LabelTable.model_validate(json.loads(word) if word.startswith('{"') else {"file": word})
