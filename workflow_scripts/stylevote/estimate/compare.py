"""Compare two ensembles' decisions for the same photos, as their results folders hold them."""

from pathlib import Path

import numpy as np

from stylevote.ensemble.decisions import decision_matrix, read_decisions
from stylevote.errors import InputError
from stylevote.estimate.bootstrap import RESAMPLES, compare_decisions
from stylevote.files.tables import MANIFEST_COLUMNS, label_matrix, read_table
from stylevote.metrics import BETA


def compare_folders(
    one: Path, other: Path, photoset: str | None = None, *, resamples: int = RESAMPLES, beta: float = BETA
) -> str:
    """Return a table as text: each label's F-beta by both ensembles, how far chance reaches, and the means.

    Args:
        one, other: results folders.
        photoset: whose decisions are compared; None for the honest decisions for the training photos.
        resamples: of the bootstrap.
        beta: weight of recall against precision.

    Raises:
        InputError: the labels are not known, or the ensembles differ in photos or labels.
    """
    name = photoset or "train"
    ours, theirs = (read_table(folder / "photos" / name / "manifest.parquet") for folder in (one, other))
    labels = [column for column in ours if column not in MANIFEST_COLUMNS]
    if not labels:
        raise InputError(f"{one}: the labels of the photoset {name!r} are not known")
    if [column for column in theirs if column not in MANIFEST_COLUMNS] != labels:
        raise InputError(f"{other}: has other labels for the photoset {name!r} than {one}")
    if not theirs[["image_id", *labels]].equals(ours[["image_id", *labels]]):
        raise InputError(f"{other}: has other photos in {name!r}, or other labels for them, than {one}")
    image_ids = ours["image_id"].to_numpy()
    decisions = [_read_decisions(folder, photoset, image_ids, labels) for folder in (one, other)]
    table = compare_decisions(label_matrix(ours, labels), *decisions, labels, resamples=resamples, beta=beta)
    head = f"first: {one}, second: {other}, {len(image_ids)} photos; low and high hold 95 % of the differences"
    return f"{head}\n{table.to_string(index=False, float_format='%.4f')}"


def _read_decisions(folder: Path, photoset: str | None, image_ids: np.ndarray, labels: list[str]) -> np.ndarray:
    """Return an ensemble's decisions as uint8 of shape (photos, labels): for a photoset, or else the honest ones."""
    if photoset:
        return decision_matrix(read_table(folder / "predictions" / photoset / "votes.parquet"), image_ids, labels)
    return read_decisions(folder / "estimate" / "nested_decisions.parquet", image_ids, labels)
