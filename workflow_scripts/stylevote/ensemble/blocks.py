"""Tables of a block of labels. The rows of one label follow those of another; the column ``label`` comes first."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table


def write_by_label(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Write the tables of several labels into one file, with a further column ``label``."""
    write_table(pd.concat(tables, names=["label"]).reset_index("label"), path)


def read_by_label(
    paths: Iterable[Path], labels: list[str], columns: list[str] | None = None
) -> dict[str, pd.DataFrame]:
    """Return each label's rows, in the order of ``labels`` and without the column ``label``.

    Args:
        paths: files of blocks, which may hold further labels.
        labels: labels to return.
        columns: columns to return; by default all.

    Raises:
        InputError: a table is damaged, or a label is in no table or in two.
    """
    tables: dict[str, pd.DataFrame] = {}
    wanted, paths = set(labels), list(paths)
    for path in paths:
        table = read_table(path, None if columns is None else ["label", *columns])
        for label, rows in table.groupby("label", sort=False):
            if label not in wanted:
                continue
            if label in tables:
                raise InputError(f"{path}: holds the label {label!r}, which another table holds, too")
            tables[label] = rows.drop(columns="label").reset_index(drop=True)
    missing = [label for label in labels if label not in tables]
    if missing:
        names = ", ".join(path.as_posix() for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
        raise InputError(f"{names}: found no rows of {len(missing)} labels, of which {missing[0]!r} is the first")
    return {label: tables[label] for label in labels}


def read_values(paths: Iterable[Path], labels: list[str], column: str) -> dict[str, Any]:
    """Return one value per label from tables with one row per label; missing values are None.

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


def read_thresholds(paths: Iterable[Path], labels: list[str]) -> dict[str, float | list[float]]:
    """Return each label's threshold, or the thresholds of its stackers, from tables of `search_thresholds`."""
    tables = read_by_label(paths, labels, ["threshold", "of_stackers"])
    first = {label: table.iloc[0] for label, table in tables.items()}
    return {
        label: float(row["threshold"]) if row["of_stackers"] is None else row["of_stackers"].tolist()
        for label, row in first.items()
    }


def feature_labels(labels: Iterable[str], common: Iterable[str]) -> list[str]:
    """Return the labels whose members the stackers of ``labels`` use: their own, then the ``common`` ones."""
    return list(dict.fromkeys([*labels, *common]))
