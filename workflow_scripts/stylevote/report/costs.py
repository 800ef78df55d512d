"""Measure the cost of the results: job times from Snakemake's benchmark files, and disk space."""

import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pandas as pd

from stylevote.errors import InputError


def job_costs(benchmarks: Iterable[Path], wildcards: Iterable[str]) -> pd.DataFrame:
    """Return the costs of each rule's jobs, by their last runs.

    Args:
        benchmarks: ``FOLDER/RULE`` of each rule that the present configuration uses. Its benchmark files are
            ``FOLDER/RULE.tsv``, or ``FOLDER/RULE/.../WILDCARD.tsv``.
        wildcards: regular expressions for the values of wildcards in the present configuration. Files with other names
            are left over from former configurations, and do not count.

    Returns:
        a row per rule, the longest first: rule, jobs, hours, gigabytes (most memory of one job; nan if all jobs were
        too short to be measured).

    Raises:
        InputError: a file is no benchmark.
    """
    present = re.compile("|".join(f"(?:fold)?(?:{pattern})" for pattern in wildcards))
    rows = []
    for rule in benchmarks:
        paths = [rule.with_name(f"{rule.name}.tsv"), *sorted(rule.rglob("*.tsv"))]
        for path in paths[not paths[0].is_file() :]:
            values = path.with_suffix("").relative_to(rule.parent).parts[1:]
            if all(present.fullmatch(value) for value in values):
                rows.append({"rule": rule.name, **_measured(path)})
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
        raise InputError(
            f"{path}: not a benchmark file of Snakemake ({error}); delete it, or run its job again"
        ) from error


def disk_use(folder: Path) -> pd.DataFrame:
    """Return the bytes of each part of the results folder, the largest first: columns folder, size.

    Links are not followed. Hidden folders do not count: they hold further names of files that jobs are replacing. A
    file that vanishes meanwhile does not count either.
    """
    sizes: dict[str, int] = {}
    for parent, folders, names in os.walk(folder):
        folders_above = Path(parent).relative_to(folder).parts
        if not folders_above:
            folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            with suppress(FileNotFoundError):
                status = os.lstat(Path(parent) / name)
                if not stat.S_ISLNK(status.st_mode):
                    key = folders_above[0] if folders_above else name
                    sizes[key] = sizes.get(key, 0) + status.st_size
    return pd.DataFrame(sorted(sizes.items(), key=lambda item: -item[1]), columns=["folder", "size"])
