"""Tables of a block of labels: the rows of each label, one label below the other, with the column ``label`` first.

One job works on a block, and imports once for all of its labels.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table


def write_by_label(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Write the table of each label, one below the other, with a further column ``label``."""
    parts = []
    for label, table in tables.items():
        part = table.copy()
        part.insert(0, "label", label)
        parts.append(part)
    write_table(pd.concat(parts, ignore_index=True), path)


def read_by_label(
    paths: Iterable[Path], labels: list[str], columns: list[str] | None = None
) -> dict[str, pd.DataFrame]:
    """Read tables of blocks; return the rows of each of ``labels``, in this order, without the column ``label``.

    Args:
        paths: the tables, which may hold further labels.
        labels: those that are wanted.
        columns: those that are wanted; by default all.

    Raises:
        InputError: a table is damaged, a label is in none of them, or in two.
    """
    found: dict[str, pd.DataFrame] = {}
    wanted, paths = set(labels), list(paths)
    for path in paths:
        table = read_table(path, None if columns is None else ["label", *columns])
        for label, part in table.groupby("label", sort=False):
            if label not in wanted:
                continue
            if label in found:
                raise InputError(f"{path}: holds the label {label!r}, which another table holds, too")
            found[label] = part.drop(columns="label").reset_index(drop=True)
    missing = [label for label in labels if label not in found]
    if missing:
        names = ", ".join(path.as_posix() for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
        raise InputError(f"{names}: found no rows of the label {missing[0]!r} ({len(missing)} such labels)")
    return {label: found[label] for label in labels}


def read_values(paths: Iterable[Path], labels: list[str], column: str) -> dict[str, Any]:
    """Return one value per label from tables of blocks with one row per label; missing values are None.

    Raises:
        InputError: see `read_by_label`; a label has several rows.
    """
    values = {}
    for label, table in read_by_label(paths, labels, [column]).items():
        if len(table) != 1:
            raise InputError(f"found {len(table)} rows of the label {label!r} with {column}, expected one")
        value = table[column].iloc[0]
        values[label] = None if not isinstance(value, str) and pd.isna(value) else value
    return values


def feature_labels(labels: Iterable[str], others: Iterable[str]) -> list[str]:
    """Return the labels whose members the stackers of ``labels`` take: their own, then ``others``."""
    return list(dict.fromkeys([*labels, *others]))
