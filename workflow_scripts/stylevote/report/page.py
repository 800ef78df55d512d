"""Render the report's page, and compute the values of its sections."""

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from stylevote.ensemble.composition import count_cnns
from stylevote.ensemble.rank import ALL
from stylevote.estimate.summary import INTERVAL
from stylevote.report.drawing import COLORS, MAX_LINES
from stylevote.report.overview import DECIDED_BY
from stylevote.report.render import SHOWN_CARDS, html

CONSTANTS = {"colors": COLORS, "interval_method": INTERVAL, "max_lines": MAX_LINES, "decided_by": DECIDED_BY}


def render_section(template: str, **values: Any) -> str:
    """Render a section, or the whole page (``report.html``).

    Args:
        template: its file name.
        values: those that it names. A table becomes a list of rows.
    """
    rows = {key: value.to_dict("records") for key, value in values.items() if isinstance(value, pd.DataFrame)}
    return html(template, **CONSTANTS | values | rows)


def overall_figures(macro: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the rows of `overview.macro_figures` by their keys."""
    return macro.set_index("key").to_dict("index")


def order_cards(by_label: pd.DataFrame, drawn: Collection[str]) -> list[str]:
    """Return the labels that are drawn: a few in their own order, many from the lowest honest F-beta to the highest.

    Args:
        by_label: `overview.label_figures`.
        drawn: the labels that have pictures.
    """
    many = len(drawn) > SHOWN_CARDS
    ordered = by_label.sort_values("nested_f_beta", kind="stable") if many else by_label
    return [label for label in ordered["label"] if label in drawn]


def order_training(reached: pd.DataFrame, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return the runs' rows, the best first. Runs that predict fewer labels come last, label by label.

    Args:
        reached: a row per run: run, f_beta (the highest mean of its labels' naive F-beta at one epoch), labels (how
            many it predicts) and label (the first of them).
        labels: all labels in their order.
    """
    places = reached["label"].map({label: place for place, label in enumerate(labels)})
    ordered = reached.assign(place=places.where(reached["labels"] < len(labels), 0))
    ordered = ordered.sort_values(["labels", "place", "f_beta", "run"], ascending=[False, True, False, True])
    return ordered.to_dict("records")


def member_figures(members: pd.DataFrame, folds: int) -> dict[str, Any]:
    """Return the values of the sections on the ensemble and its members.

    Args:
        members: `ensemble/members.parquet`: columns label, run, epoch (from 0), fold, member (1 is the best).
        folds: number of folds.

    Returns:
        ``cnns`` of a label and fold, as text, and the number of different ``networks`` of all labels and folds.
        ``member_runs``, the runs that most labels use first: run, places (by label), first_places (how many labels it
        is the best member of) and epochs (from 1, as text). ``last_place`` of any member. ``members_of_folds``, whether
        each fold has its own. ``repeated_members``, whether a label uses a run several times.
    """
    firsts = members.sort_values("member").drop_duplicates(["label", "run"])
    epochs = members.groupby("run")["epoch"].agg(set)
    runs = [
        {
            "run": run,
            "places": dict(zip(rows["label"], rows["member"], strict=True)),
            "first_places": int((rows["member"] == 1).sum()),
            "epochs": ", ".join(str(epoch + 1) for epoch in sorted(epochs[run])),
        }
        for run, rows in firsts.groupby("run")
    ]
    sizes = members.groupby("label")["member"].max()
    return {
        "cnns": f"{sizes.max()}" if sizes.min() == sizes.max() else f"up to {sizes.max()}",
        "networks": count_cnns(members, folds),
        "member_runs": sorted(runs, key=lambda row: (-len(row["places"]), row["run"])),
        "last_place": max(firsts["member"]),
        "members_of_folds": bool((members["fold"] != ALL).any()),
        "repeated_members": bool(members.duplicated(["label", "run", "fold"]).any()),
    }


def decision_figures(votes: pd.DataFrame) -> dict[str, Any]:
    """Return how many photos were ``decided``, and their ``mean_labels``; ``votes`` has image_id and decision."""
    photos = votes["image_id"].nunique()
    return {"decided": photos, "mean_labels": votes["decision"].sum() / max(photos, 1)}
