"""Draw the report's pictures of all labels together."""

import numpy as np
import pandas as pd

from stylevote.report.drawing import SERIES
from stylevote.report.measures import co_occurrence
from stylevote.report.overview import DECIDED_BY
from stylevote.report.plots import dot_chart, heat_map, rank_curve


def overview_pictures(
    macro: pd.DataFrame,
    by_label: pd.DataFrame,
    gains: pd.DataFrame,
    truth: np.ndarray,
    drawn: list[str],
    *,
    max_pictures: int,
    beta: float,
) -> dict[str, str]:
    """Return the pictures that every report has, by the names of their files.

    Args:
        macro: `overview.macro_figures`.
        by_label: `overview.label_figures`.
        gains: `overview.compare_singles`.
        truth: 0, 1 or `UNKNOWN` for the training photos, shape (photos, labels).
        drawn: labels that have a row of their own (`overview.pictured_labels`).
        max_pictures: number of labels in the picture of labels that occur together.
        beta: of F-beta.
    """
    score, labels = f"F{beta:g}", list(by_label["label"])
    of_drawn = by_label.set_index("label").loc[drawn].reset_index()
    known = gains.dropna(subset="value")
    common = set(by_label.nlargest(max_pictures, "positives")["label"])
    paired = [place for place, label in enumerate(labels) if label in common]
    return {
        "scores": dot_chart(macro["text"], [macro], f"Macro {score}"),
        "labels": dot_chart(drawn, _series(of_drawn), f"{score} of every label", limits=(0, 1)),
        "distribution": _distribution(by_label, every=len(drawn) == len(labels)),
        "co_occurrence": heat_map(
            co_occurrence(truth[:, paired]), [labels[place] for place in paired], "Labels that occur together"
        ),
        "gains": dot_chart(
            known["name"].replace(DECIDED_BY), [known], f"Honest macro {score} of the ensemble and of single networks"
        ),
    }


def resampling_picture(counts: pd.DataFrame, drawn: list[str]) -> str:
    """Draw the number of photos per label in an epoch, for as many recipes as there are colours.

    Args:
        counts: a row per label, named by it; a column ``before`` and a column per recipe.
        drawn: labels that have a row.
    """
    shown = [counts.loc[drawn, [name]].rename(columns={name: "value"}) for name in list(counts)[: len(SERIES)]]
    return dot_chart(drawn, shown, "Photos per epoch, before and after", log=True, form="{:,.0f}")


def _distribution(by_label: pd.DataFrame, *, every: bool) -> str:
    """Draw the number of photos per label: a row per label if all have one, or else a curve over ranks."""
    title = "Training photos with each label"
    if not every:
        return rank_curve(by_label["positives"].to_numpy(), title)
    values = by_label[["positives"]].rename(columns={"positives": "value"})
    return dot_chart(by_label["label"], [values], title, log=True, form="{:,.0f}")


def _series(by_label: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the honest F-beta of every label and, if known, that of the test photos, with their intervals."""
    return [
        by_label[[f"{kind}_f_beta", f"{kind}_low", f"{kind}_high"]].set_axis(["value", "low", "high"], axis=1)
        for kind in ("nested", "test")
        if f"{kind}_f_beta" in by_label
    ]
