"""Ready sets of runs: names that stand for entries of ``runs``."""

from pathlib import Path
from typing import Any

import yaml

from stylevote.config.identity import plain_numbers
from stylevote.wording import join, nearest, quote

SETS: dict[str, list[Any]] = plain_numbers(
    yaml.safe_load(Path(__file__).with_name("run_sets.yaml").read_text(encoding="utf-8"))
)


def with_sets(runs: Any) -> tuple[Any, list[str]]:
    """Return ``runs`` with alternatives in the place of each name of a set, and the problems of unknown names.

    The key's value is the name of a set, or a list of entries and names. Other values are returned.
    """
    entries = [runs] if isinstance(runs, str) else runs
    if not isinstance(entries, list):
        return runs, []
    known = f"known: {join(list(SETS))}"
    unknown = [entry for entry in entries if isinstance(entry, str) and entry not in SETS]
    problems = [f"runs: {quote(name)} is no ready set{nearest(name, SETS, known)}" for name in unknown]
    # One entry in the place of a name: messages have an entry's number.
    named = {name: {"each": entries_of(name)} for name in SETS}
    return [named.get(entry) if isinstance(entry, str) else entry for entry in entries], problems


def entries_of(name: str) -> list[dict[str, Any]]:
    """Return the entries of a set, with those of the sets that it names."""
    entries = []
    for entry in SETS[name]:
        entries += entries_of(entry) if isinstance(entry, str) else [entry]
    return entries
