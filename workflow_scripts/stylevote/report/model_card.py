"""The model card (Mitchell et al. 2019): what the ensemble is, what it is for, what it is worth, and where it ends."""

import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pandas as pd
import yaml

from stylevote.estimate.summary import INTERVAL
from stylevote.report import markdown
from stylevote.report.runs import RunTable

PACKAGES = ("torch", "torchvision", "timm", "xgboost", "scikit-learn", "numpy", "pandas", "pillow", "snakemake")


def model_card(
    *,
    settings: Mapping[str, Any],
    runs: RunTable,
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
        runs: `runs.run_table`.
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
            f"An ensemble that decides which of {len(by_label)} labels a photo has; it may have any number of them."
            f" {len(used) * folds:,} networks ({len(used):,} epochs of {members['run'].nunique():,} runs or external"
            f" members, in each of {folds} folds) take part. For each label, `{settings['stack']['combiner']}` combines"
            " its members' scores into one, which is cut at a threshold.",
        ],
        "Data": [
            f"{kind}: {', '.join(f'{count:,} in `{name}`' for name, count in photos.items())}."
            f" Training photos are divided into {folds} folds, stratified over the labels; near-duplicates share a"
            " fold. The positives of each label are listed below.",
        ],
        "Intended use": [
            "Decisions for photos of the same kind as the training photos: the same subjects, the same sources, labels"
            f" understood in the same way. It is tuned for the mean over labels of {score}"
            + (", which favours recall over precision." if readily else ".")
            + " It is not meant to identify people, to judge them, or to decide anything about them.",
        ],
        f"Measures (macro {score})": [
            f"Intervals: {INTERVAL}.",
            "",
            markdown.table(["", score, "95 % interval"], _macro_rows(macro)),
        ],
        "Measures by label (honest estimate)": [
            markdown.table(*_label_rows(by_label, score, tested)),
            *_untested(by_label, score),
        ],
        "Limits": [
            f"- The naive figure exceeds the honest one by {gap['naive'] - gap['honest']:.3f}. Quote the honest one.",
            f"- The rarest label, {markdown.cell(rarest['label'])}, has {rarest['positives']:,} positives, and an"
            f" interval from {rarest['nested_low']:.2f} to {rarest['nested_high']:.2f}. Differences within such an"
            " interval may be due to chance.",
            "- Intervals cover only the sampling variation of photos: not that training again would give other"
            " networks, nor that new photos may be of another kind.",
            "- The labels are those of the table: its errors are learned, and count in the measures. The report shows"
            " the photos on which ensemble and table differ most.",
            "- Scores are not probabilities in general; the report shows how far they can be read as such.",
        ],
        "Settings": ["```yaml", yaml.safe_dump(dict(settings), sort_keys=True, allow_unicode=True).rstrip(), "```"],
        "Runs": _runs(runs),
        "Versions": [
            "When this card was written. Results may be older: another version computes nothing again.",
            "",
            f"- Python {platform.python_version()}",
            *_versions(),
        ],
        "Digests (SHA-256)": [f"- {what}: `{digest}`" for what, digest in digests.items()],
    }
    body = "\n\n".join(f"## {heading}\n\n" + "\n".join(lines) for heading, lines in sections.items())
    return f"# Model card\n\nHonest macro {score}: **{gap['honest']:.4f}**. Pictures are in `report.html`.\n\n{body}\n"


def _versions() -> list[str]:
    """Return a line for each package that is installed here: where programs have an environment of their own, it lacks
    Snakemake."""
    lines = []
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            lines.append(f"- {name} {version(name)}")
    return lines


def _runs(runs: RunTable) -> list[str]:
    if not runs.rows:
        return ["None was trained here."]
    rows = markdown.table(runs.head, runs.rows, words=len(runs.head), ids=True)
    return [rows, "", f"The same for all: {markdown.cell(runs.common)}."]


def _untested(by_label: pd.DataFrame, score: str) -> list[str]:
    """Return a note on labels that no test photo has."""
    if "test_positives" not in by_label or by_label["test_positives"].all():
        return []
    names = ", ".join(map(markdown.cell, by_label.loc[by_label["test_positives"] == 0, "label"]))
    return ["", f"No test photo has {names}: the test {score} of such a label is counted as 0, and lowers the mean."]


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
            f"{row['nested_precision']:.4f}",
            f"{row['nested_recall']:.4f}",
            f"{row['nested_f_beta']:.4f}",
            f"{row['nested_low']:.4f} to {row['nested_high']:.4f}",
            f"{row['threshold']:.6f}",
            f"{row['members']}",
            *(
                [
                    f"{row['test_positives']}",
                    f"{row['test_f_beta']:.4f}",
                    f"{row['test_low']:.4f} to {row['test_high']:.4f}",
                ]
                if tested
                else []
            ),
        ]
        for _, row in by_label.iterrows()
    ]
    return [*head, *(["Test positives", f"Test {score}", "95 % interval"] if tested else [])], rows
