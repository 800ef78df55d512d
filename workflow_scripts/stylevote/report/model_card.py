"""The model card (Mitchell et al. 2019): what the ensemble is, what it is for, what it is worth, and where it ends."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import yaml

from stylevote import markdown

PACKAGES = ("torch", "torchvision", "timm", "xgboost", "scikit-learn", "numpy", "pandas", "pillow", "snakemake")


def model_card(
    *,
    settings: Mapping[str, Any],
    runs: Sequence[str],
    macro: pd.DataFrame,
    by_label: pd.DataFrame,
    members: pd.DataFrame,
    photos: Mapping[str, int],
    digests: Mapping[str, str],
    score: str,
    drawn: bool,
) -> str:
    """Return the model card as Markdown.

    Args:
        settings: the resolved configuration, without runs, photosets, and what changes nothing that is decided.
        runs: ids of the runs: a digest of a run's whole setting is part of its id.
        macro: `overview.macro_figures`.
        by_label: `overview.label_figures`.
        members: `ensemble/members.parquet`.
        photos: how many there are, by photoset.
        digests: SHA-256 of files, by what they are.
        score: name of the F-beta.
        drawn: whether the photos are the demo's.
    """
    simulated = settings.get("simulation") is not None
    used = members[["run", "epoch"]].drop_duplicates()
    folds, tested = settings["folds"]["count"], "test_f_beta" in by_label
    rarest = by_label.loc[by_label["positives"].idxmin()]
    gap = macro.set_index("key")["value"]
    if simulated:
        kind = "Scores that were drawn by a known law; no photo was seen"
    else:
        kind = "Photos that a program drew, with their labels" if drawn else "Photos, with the labels of a table"
    readily = settings["beta"] > 1
    sections = {
        "What it is": [
            f"An ensemble that decides, for a photo, which of {len(by_label)} labels it has, any number of them."
            f" {len(used) * folds:,} networks ({len(used):,} epochs of {members['run'].nunique():,} runs or external"
            f" members, each of {folds} folds) are joined for each label by `{settings['stack']['combiner']}`, and cut"
            " at a threshold.",
        ],
        "Data": [
            f"{kind}: {', '.join(f'{count:,} in `{name}`' for name, count in photos.items())}."
            f" Training photos are divided into {folds} folds in which every label has its share, and near-duplicates"
            " share a fold. Positives of each label are below.",
        ],
        "Intended use": [
            "Decisions for photos of the same kind as the training photos: same subjects, same sources, labels"
            f" understood in the same way. It was made to be measured by the mean over labels of {score}"
            + (", which counts a photo that is missed more than one too many: it says yes readily." if readily else ".")
            + " It is not made to identify people, to judge them, or to decide anything about them.",
        ],
        f"Measures (macro {score})": [markdown.table(["", score, "95 % interval"], _macro_rows(macro))],
        "Measures by label (honest estimate)": [markdown.table(*_label_rows(by_label, score, tested))],
        "Limits": [
            f"- The naive figure exceeds the honest one by {gap['naive'] - gap['honest']:.3f}. Quote the honest one.",
            f"- The rarest label, {markdown.cell(rarest['label'])}, has {rarest['positives']:,} positives, and an"
            f" interval from {rarest['honest_low']:.2f} to {rarest['honest_high']:.2f}. Differences of rare labels"
            " within their intervals mean nothing.",
            "- Intervals hold what the chance of which photos were there may do. That new photos are of another kind"
            " is not in them.",
            "- The labels are those of the table: what it gets wrong, the ensemble learns, and is measured by. The"
            " report shows the photos on which both differ most.",
            "- Scores are not probabilities in general; the report compares both.",
        ],
        "Settings": ["```yaml", yaml.safe_dump(dict(settings), sort_keys=True, allow_unicode=True).rstrip(), "```"],
        "Runs": [f"- `{run}`" for run in runs] or ["None was trained here."],
        "Versions": [f"- Python {platform.python_version()}", *(f"- {name} {version(name)}" for name in PACKAGES)],
        "Digests (SHA-256)": [f"- {what}: `{digest}`" for what, digest in digests.items()],
    }
    body = "\n\n".join(f"## {heading}\n\n" + "\n".join(lines) for heading, lines in sections.items())
    return f"# Model card\n\nHonest macro {score}: **{gap['honest']:.4f}**. Pictures are in `report.html`.\n\n{body}\n"


def _macro_rows(macro: pd.DataFrame) -> list[list[str]]:
    return [
        [row.text, f"{row.value:.4f}", "" if np.isnan(row.low) else f"{row.low:.4f} to {row.high:.4f}"]
        for row in macro.itertuples()
    ]


def _label_rows(by_label: pd.DataFrame, score: str, tested: bool) -> tuple[list[str], list[list[str]]]:
    head = ["Label", "Positives", "Precision", "Recall", score, "95 % interval", "Threshold", "Members"]
    rows = [
        [
            row["label"],
            f"{row['positives']}",
            f"{row['honest_precision']:.4f}",
            f"{row['honest_recall']:.4f}",
            f"{row['honest_f_beta']:.4f}",
            f"{row['honest_low']:.4f} to {row['honest_high']:.4f}",
            f"{row['threshold']:.6f}",
            f"{row['members']}",
            *([f"{row['test_f_beta']:.4f}", f"{row['test_low']:.4f} to {row['test_high']:.4f}"] if tested else []),
        ]
        for _, row in by_label.iterrows()
    ]
    return [*head, *([f"Test {score}", "95 % interval"] if tested else [])], rows
