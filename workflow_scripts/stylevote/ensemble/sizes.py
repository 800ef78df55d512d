"""Sizes of an ensemble: those that are compared, and the table of chosen ones."""

from pathlib import Path

import numpy as np

from stylevote.ensemble.rank import held_out_folds
from stylevote.errors import InputError
from stylevote.files.tables import read_table

# Maximum numbers of members per label to try, some of them those of Ding & Wan (2018, Table VII); "all" is every run.
SIZES = ("1", "2", "5", "10", "20", "40", "all")


def parse_size(size: str) -> int | None:
    """Return a size of `SIZES` as a number; None for every run."""
    return None if size == "all" else int(size)


def read_sizes(path: Path, folds: np.ndarray) -> dict[int, int | None]:
    """Read a table of `choose_sizes`; return the size by held-out fold, as `select.select_by_fold` takes it.

    Raises:
        InputError: the table holds an unknown size, or not one size for `rank.ALL` and each of ``folds``, shape
            (photos,).
    """
    table = read_table(path, ["held_out_fold", "size"])
    unknown = table.loc[~table["size"].isin(SIZES), "size"]
    if len(unknown):
        raise InputError(f"{path}: size: found {unknown.iloc[0]!r}, expected one of {', '.join(SIZES)}")
    held_out, expected = sorted(table["held_out_fold"]), held_out_folds(folds)
    if held_out != expected:
        raise InputError(f"{path}: held_out_fold: found {held_out}, expected each of {expected} once")
    return {fold: parse_size(size) for fold, size in zip(table["held_out_fold"], table["size"], strict=True)}
