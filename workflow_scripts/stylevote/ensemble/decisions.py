"""Decisions of a photoset: as a matrix, with details, and as CSV."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.ensemble.threshold import apply_threshold
from stylevote.errors import InputError
from stylevote.files.tables import check_photos, label_matrix, read_table, replacing


def decision_matrix(
    votes: pd.DataFrame, image_ids: np.ndarray, labels: list[str], column: str = "decision"
) -> np.ndarray:
    """Return the decisions (uint8) or scores (float64) of a vote table, shape (photos, labels).

    Args:
        votes: columns image_id, label and ``column``.
        column: ``decision`` or ``score``.

    Raises:
        InputError: the table does not hold exactly these labels and, for each, these photos, both in this order.
    """
    same_labels = np.array_equal(votes["label"], np.repeat(labels, len(image_ids)))
    if not same_labels or not np.array_equal(votes["image_id"], np.tile(image_ids, len(labels))):
        raise InputError(
            f"the votes ({len(votes)} rows) are not those of {len(labels)} labels x {len(image_ids)} photos"
        )
    kind = np.uint8 if column == "decision" else np.float64
    return votes[column].to_numpy(dtype=kind).reshape(len(labels), len(image_ids)).T


def read_decisions(path: Path, image_ids: Sequence[str], labels: list[str]) -> np.ndarray:
    """Read the decisions of a nested estimate, a column per label: uint8, shape (photos, labels).

    Raises:
        InputError: the decisions are for other photos, or for photos in another order.
    """
    table = read_table(path, ["image_id", *labels])
    check_photos(table, image_ids, path)
    return label_matrix(table, labels)


def write_decisions(
    values: np.ndarray, image_ids: np.ndarray, labels: list[str], path: Path, form: str | Mapping[str, str] = "table"
) -> None:
    """Write decisions, or scores, as CSV, a row per photo that begins with its name.

    Args:
        values: 0/1 or, for the form ``probabilities``, scores in 0..1, shape (photos, labels).
        form: ``table`` (a header, 0 or 1 per label), ``challenge`` (the same without a header), ``probabilities`` (a
            header, the score per label), or {joined: separator}: a header, the labels in one cell.
    """
    joined = None if isinstance(form, str) else form["joined"]
    rows = [[f"{value:.6f}" for value in row] for row in values] if form == "probabilities" else values.tolist()
    if joined is not None:
        rows = [[joined.join(label for label, given in zip(labels, row, strict=True) if given)] for row in rows]
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if form != "challenge":
            writer.writerow(["image", *(labels if joined is None else ["labels"])])
        writer.writerows([name, *row] for name, row in zip(image_ids, rows, strict=True))


def decision_details(
    votes: pd.DataFrame, thresholds: Mapping[str, float], precision_thresholds: Mapping[str, float | None] | None = None
) -> pd.DataFrame:
    """Return each decision with its score, its threshold, and how reliable it is.

    Args:
        votes: a row per label and photo, from `vote.photoset_votes`.
        thresholds: of each label.
        precision_thresholds: of each label, from `threshold.precision_threshold`, if a precision was asked for.

    Returns:
        a row per photo and label, photo by photo: image_id, label, score, threshold, decision and agreement (share of
        the folds that decide alike by their own mean outputs). With ``precision_thresholds``, also abstain: 1 if the
        label is assigned by a score that is too low for the precision.
    """
    folds = [name for name in votes if name.startswith("fold")]
    threshold, decision = votes["label"].map(thresholds).to_numpy(), votes["decision"].to_numpy()
    table = votes[["image_id", "label", "score"]].assign(threshold=threshold, decision=decision)
    by_fold = apply_threshold(votes[folds].to_numpy(), threshold[:, None])
    table["agreement"] = (by_fold == decision[:, None]).mean(axis=1)
    if precision_thresholds is not None:
        minimum = {label: np.inf if value is None else value for label, value in precision_thresholds.items()}
        table["abstain"] = ((decision == 1) & (votes["score"] < votes["label"].map(minimum))).astype(np.uint8)
    photos = len(votes) // max(votes["label"].nunique(), 1)
    photo_by_photo = np.arange(len(votes)).reshape(-1, photos).T.ravel()
    return table.iloc[photo_by_photo].reset_index(drop=True)


def write_details(table: pd.DataFrame, path: Path) -> None:
    """Write the table of `decision_details` as CSV."""
    with replacing(path) as partial:
        table.rename(columns={"image_id": "image"}).to_csv(partial, index=False, lineterminator="\n")
