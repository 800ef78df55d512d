"""Tables of decisions, and how they are written."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.ensemble.threshold import apply_threshold
from stylevote.errors import InputError
from stylevote.files.tables import label_matrix, read_table, replacing


def decision_matrix(votes: pd.DataFrame, image_ids: np.ndarray, labels: list[str]) -> np.ndarray:
    """Return the decisions of a vote table as uint8 of shape (photos, labels).

    `InputError` unless the table holds exactly these labels, in this order, and for each these photos, in this order.
    """
    expected = (np.repeat(labels, len(image_ids)), np.tile(image_ids, len(labels)))
    found = (votes["label"].to_numpy(), votes["image_id"].to_numpy())
    if not all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True)):
        raise InputError(
            f"the votes ({len(votes)} rows) are not those of {len(labels)} labels x {len(image_ids)} photos"
        )
    return votes["decision"].to_numpy(dtype=np.uint8).reshape(len(labels), len(image_ids)).T


def read_decisions(path: Path, image_ids: Sequence[str], labels: list[str]) -> np.ndarray:
    """Return the decisions that an ensemble's honest estimate is made of, uint8 of shape (photos, labels).

    Raises:
        InputError: they are of other photos, or in another order.
    """
    table = read_table(path, ["image_id", *labels])
    if table["image_id"].tolist() != list(image_ids):
        raise InputError(f"{path}: its {len(table)} photos are not the manifest's {len(image_ids)}")
    return label_matrix(table, labels)


def write_decisions(
    decisions: np.ndarray, image_ids: np.ndarray, labels: list[str], path: Path, *, header: bool = True
) -> None:
    """Write decisions as CSV, a row per photo: its name, and 0 or 1 for each label.

    Args:
        decisions: 0/1, shape (photos, labels).
        image_ids: the photos' names.
        labels: their names stand in the header.
        path: the file.
        header: whether there is one.
    """
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if header:
            writer.writerow(["image", *labels])
        writer.writerows([name, *row] for name, row in zip(image_ids, decisions.tolist(), strict=True))


def decision_details(
    votes: pd.DataFrame, thresholds: Mapping[str, float], precision_threshold: Mapping[str, float | None] | None = None
) -> pd.DataFrame:
    """Say of every decision how it came about, and how far it can be relied on.

    Args:
        votes: a row per label and photo, as `combine_folds` makes them: image_id, label, fold0, fold1, ..., score,
            decision.
        thresholds: of each label.
        precision_threshold: of each label, what `threshold.precision_threshold` found, if a precision was chosen.

    Returns:
        a row per photo and label, photo by photo: image_id, label, score, threshold, decision, agreement (the share of
        folds whose own mean output, cut at the threshold, is the decision) and, where a precision was chosen, abstain:
        1 where the label is given, but by a score from which it is not given with that precision.
    """
    folds = [name for name in votes if name.startswith("fold")]
    threshold, decision = votes["label"].map(thresholds).to_numpy(), votes["decision"].to_numpy()
    table = votes[["image_id", "label", "score"]].assign(threshold=threshold, decision=decision)
    table["agreement"] = (apply_threshold(votes[folds].to_numpy(), threshold[:, None]) == decision[:, None]).mean(
        axis=1
    )
    if precision_threshold is not None:
        least = votes["label"].map(
            {label: np.inf if cut is None else cut for label, cut in precision_threshold.items()}
        )
        table["abstain"] = ((decision == 1) & (votes["score"] < least)).astype(np.uint8)
    photos = len(votes) // max(votes["label"].nunique(), 1)
    order = np.arange(len(votes)).reshape(-1, photos).T.ravel()
    return table.iloc[order].reset_index(drop=True)


def write_details(table: pd.DataFrame, path: Path) -> None:
    """Write what `decision_details` returns as CSV."""
    with replacing(path) as partial:
        table.rename(columns={"image_id": "image"}).to_csv(partial, index=False, lineterminator="\n")
