"""Comparison of two ensembles by the decisions in their results folders."""

from pathlib import Path

import numpy as np

from stylevote.bootstrap import RESAMPLES, compare_decisions
from stylevote.ensemble.decisions import decision_matrix, read_decisions
from stylevote.errors import InputError
from stylevote.files.tables import MANIFEST_COLUMNS, label_matrix, read_table
from stylevote.metrics import BETA


def compare_folders(
    first: Path, second: Path, photoset: str | None = None, *, resamples: int = RESAMPLES, beta: float = BETA
) -> str:
    """Return a table as text: each label's F-beta by both ensembles, the difference and its interval, and the means.

    Args:
        first, second: results folders.
        photoset: photoset to compare; None for the nested decisions for the training photos.
        resamples: of the bootstrap.

    Raises:
        InputError: the labels are unknown, or the folders hold different photos or labels.
    """
    name = photoset or "train"
    manifests = [read_table(folder / "photos" / name / "manifest.parquet") for folder in (first, second)]
    labels, other_labels = ([column for column in table if column not in MANIFEST_COLUMNS] for table in manifests)
    if not labels:
        raise InputError(f"{first}: the labels of the photoset {name!r} are not known")
    if other_labels != labels:
        raise InputError(f"{second}: has other labels for the photoset {name!r} than {first}")
    truth, other_truth = (table[["image_id", *labels]] for table in manifests)
    if not truth.equals(other_truth):
        raise InputError(f"{second}: has other photos in {name!r}, or other labels for them, than {first}")
    image_ids = truth["image_id"].to_numpy()
    decisions = [_read_decisions(folder, photoset, image_ids, labels) for folder in (first, second)]
    groups = manifests[0]["group"].to_numpy()
    table = compare_decisions(label_matrix(truth, labels), *decisions, labels, groups, resamples=resamples, beta=beta)
    head = f"first: {first}, second: {second}, {len(image_ids)} photos; low and high hold 95 % of the differences"
    return f"{head}\n{table.to_string(index=False, float_format='%.4f')}"


def _read_decisions(folder: Path, photoset: str | None, image_ids: np.ndarray, labels: list[str]) -> np.ndarray:
    """Return the decisions for a photoset, or else the nested ones: uint8, shape (photos, labels)."""
    if photoset:
        return decision_matrix(read_table(folder / "predictions" / photoset / "votes.parquet"), image_ids, labels)
    return read_decisions(folder / "estimate" / "nested_decisions.parquet", image_ids, labels)
