"""How many different CNNs an ensemble holds, and which labels lack members."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stylevote.ensemble.rank import ALL
from stylevote.ensemble.select import members_of

SHOWN_LABELS = 5  # of those that lack members


def count_cnns(members: pd.DataFrame, folds: int) -> int:
    """Return the number of different CNNs: combinations of run, epoch and fold.

    Args:
        members: columns run, epoch and fold (`ALL` stands for the CNNs of every fold); a row per member.
        folds: number of folds.
    """
    by_fold = [members[members["fold"].isin([ALL, fold])] for fold in range(folds)]
    return sum(len(of_fold[["run", "epoch"]].drop_duplicates()) for of_fold in by_fold)


def describe_ensemble(
    selections: Mapping[str, pd.DataFrame],
    folds: int,
    top_n: int | None = None,
    correlation: float = 1,
    backbones: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the size of an ensemble in CNNs, and what users are told about it.

    Args:
        selections: of each label, from `select.select_by_fold`.
        folds: number of folds.
        top_n: number of members that each label should have; None: any number is right.
        correlation: maximum correlation of two members' scores.
        backbones: the frozen backbone of each probe, by the run's id.

    Returns:
        JSON values: ``cnns`` (different CNNs), ``size`` (a sentence) and ``warnings`` (sentences).
    """
    chosen = {label: table[table["held_out_fold"] == ALL] for label, table in selections.items()}
    members = {label: members_of(table) for label, table in selections.items()}
    together = pd.concat(members.values())
    cnns, places = count_cnns(together, folds), sum(count_cnns(table, folds) for table in members.values())
    probes = together[together["run"].isin(backbones or {})]
    heads, frozen = count_cnns(probes, folds), probes["run"].map(backbones or {}).nunique()
    shared = f" ({heads:,} of them heads on {frozen:,} frozen backbone{'s'[: frozen != 1]})" if heads else ""
    runs = f"{together['run'].nunique():,} runs"
    size = f"{cnns:,} different CNNs{shared} of {runs}, in {places:,} places: one per label, member"
    available = {label: table["run"].nunique() for label, table in chosen.items()}
    expected = min(top_n or 0, max(available.values()))  # with fewer runs, no label can have `top_n`
    too_alike, all_taken = {}, {}
    for label, table in members.items():
        count = int(table.groupby("fold").size().min())
        if count < expected:
            (all_taken if count == available[label] else too_alike)[label] = count
    reasons = [
        (
            too_alike,
            f"other runs are too like a better member (a correlation above {correlation:g}), or all their scores are"
            " the same",
        ),
        (all_taken, "no other runs predict them"),
    ]
    warnings = [f"fewer than {expected} members for {_named(labels)}: {reason}" for labels, reason in reasons if labels]
    return {"cnns": cnns, "size": f"{size} and fold", "warnings": warnings}


def _named(counts: Mapping[str, int]) -> str:
    """Return labels with their numbers of members, the fewest first, and how many more there are."""
    ordered = sorted(counts, key=lambda label: counts[label])
    named = ", ".join(f"{label} ({counts[label]})" for label in ordered[:SHOWN_LABELS])
    return named + (f" and {len(ordered) - SHOWN_LABELS} more labels" if len(ordered) > SHOWN_LABELS else "")
