"""What the results cost: the time of jobs, by Snakemake's benchmark files, and the disk."""

import os
import stat
from collections.abc import Collection, Mapping, Set
from contextlib import suppress
from pathlib import Path

import pandas as pd

from stylevote.errors import InputError


def job_costs(
    folder: Path, known: Set[str], idle: Collection[str] = (), elsewhere: Mapping[str, Path] | None = None
) -> pd.DataFrame:
    """Return what the jobs of each rule took, the last time that each ran.

    Args:
        folder: of the benchmark files: ``RULE.tsv``, or ``RULE/.../WILDCARD.tsv``.
        known: what a wildcard stands for in the present configuration (runs, labels, folds, sizes, ...): files of
            others are left over, and do not count.
        idle: rules of which the present configuration uses nothing.
        elsewhere: rules whose benchmark files are in another folder.

    Returns:
        a row per rule, the longest first: rule, jobs, hours, gigabytes (most memory of one job; nan where it was too
        short to be measured).

    Raises:
        InputError: a file is no benchmark.
    """
    rows = []
    elsewhere = elsewhere or {}
    for place in sorted({folder, *elsewhere.values()}):
        for path in sorted(place.rglob("*.tsv")):
            rule, *wildcards = path.relative_to(place).with_suffix("").parts
            if elsewhere.get(rule, folder) == place and rule not in idle and known.issuperset(wildcards):
                rows.append({"rule": rule, **_measured(path)})
    table = pd.DataFrame(rows, columns=["rule", "seconds", "megabytes"]).astype({"seconds": float, "megabytes": float})
    grouped = table.groupby("rule")
    costs = pd.DataFrame(
        {
            "jobs": grouped.size(),
            "hours": grouped["seconds"].sum() / 3600,
            "gigabytes": grouped["megabytes"].max() / 1e3,
        }
    )
    return costs.sort_values("hours", ascending=False).reset_index()


def _measured(path: Path) -> dict[str, float]:
    """Return the seconds and the megabytes of a benchmark file."""
    try:
        measured = pd.read_csv(path, sep="\t", na_values=["-"])
        return {"seconds": measured["s"].sum(), "megabytes": measured["max_rss"].max()}
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: not a benchmark file of Snakemake ({error})") from error


def disk_use(folder: Path) -> pd.Series:
    """Return the bytes of each part of the results folder, the largest first; links are not followed.

    Hidden folders are left out: they hold further names of files that jobs are replacing, and go with the call. A file
    that vanishes meanwhile counts nothing.
    """
    sizes = {}
    for parent, folders, names in os.walk(folder):
        part = Path(parent).relative_to(folder).parts
        if not part:
            folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            with suppress(FileNotFoundError):
                found = os.lstat(Path(parent) / name)
                if not stat.S_ISLNK(found.st_mode):
                    where = part[0] if part else name
                    sizes[where] = sizes.get(where, 0) + found.st_size
    return pd.Series(sizes, dtype=float).sort_values(ascending=False)
