"""Choose photos to look at: the ensemble and the table disagree on them, or the folds do."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.files.tables import UNKNOWN, label_matrix
from stylevote.report.measures import confident_mistakes, disagreements
from stylevote.report.thumbnails import thumbnail

PHOTOS = 12  # of each kind that are shown


@dataclass(frozen=True)
class Shown:
    """A photo to look at.

    Attributes:
        picture: a data URI (`thumbnails.thumbnail`).
        name: its image_id.
        label: the label in question.
        scores: for this label: one, or one per fold.
        threshold: of these scores.
        given: its labels in the table; None if they are not known.
        unknown: its labels that are unknown by the table.
        decided: its decided labels.
    """

    picture: str
    name: str
    label: str
    scores: Sequence[float]
    threshold: float
    given: Sequence[str] | None
    unknown: Sequence[str]
    decided: Sequence[str]


def mistaken_photos(
    folder: Path,
    manifest: pd.DataFrame,
    labels: list[str],
    decided: np.ndarray,
    scores: np.ndarray,
    thresholds: np.ndarray,
) -> dict[str, list[Shown]]:
    """Return training photos on which the ensemble is confident and the table disagrees.

    Args:
        folder, manifest: of the photos.
        decided: honest decisions, 0/1, shape (photos, labels).
        scores, thresholds: of these decisions, in the same shape.

    Returns:
        ``added``: photos with a decided label that the table lacks; ``missed``: photos without a label that the table
        has.
    """
    truth = label_matrix(manifest, labels)
    mistakes = confident_mistakes(truth, decided, scores, thresholds, PHOTOS)
    shown = partial(_shown, folder, manifest, labels, truth, decided, scores[..., None], thresholds)
    return {kind: shown(mistakes[mistakes["kind"] == kind]) for kind in ("added", "missed")}


def disputed_photos(
    folder: Path, manifest: pd.DataFrame, labels: list[str], votes: pd.DataFrame, thresholds: np.ndarray
) -> list[Shown]:
    """Return test photos on which the folds disagree.

    Args:
        folder, manifest: of the photos.
        votes: on these photos, all photos of a label together: the column decision, and a column ``fold...`` per fold.
        thresholds: of the labels.
    """
    shape = (len(labels), len(manifest))
    folds = [name for name in votes if name.startswith("fold")]
    scores = votes[folds].to_numpy().reshape(*shape, len(folds)).transpose(1, 0, 2)
    truth = label_matrix(manifest, labels) if set(labels) <= set(manifest) else None
    decided = votes["decision"].to_numpy().reshape(shape).T
    disputed = disagreements(scores, thresholds, PHOTOS)
    every_photo = np.broadcast_to(thresholds, shape[::-1])
    return _shown(folder, manifest, labels, truth, decided, scores, every_photo, disputed)


def _shown(
    folder: Path,
    manifest: pd.DataFrame,
    labels: list[str],
    truth: np.ndarray | None,
    decided: np.ndarray,
    scores: np.ndarray,
    thresholds: np.ndarray,
    chosen: pd.DataFrame,
) -> list[Shown]:
    """Return the photos of ``chosen``: the columns photo, and label in question, both as numbers.

    The other arrays have the shape (photos, labels), ``scores`` also those of each decision in a third axis.
    """

    def names(row: np.ndarray) -> list[str]:
        return [labels[k] for k in np.flatnonzero(row)]

    return [
        Shown(
            picture=thumbnail(folder, *manifest[["path", "sha256", "pixel_range"]].iloc[row.photo]),
            name=manifest["image_id"].iloc[row.photo],
            label=labels[row.label],
            scores=scores[row.photo, row.label].tolist(),
            threshold=float(thresholds[row.photo, row.label]),
            given=None if truth is None else names(truth[row.photo] == 1),
            unknown=[] if truth is None else names(truth[row.photo] == UNKNOWN),
            decided=names(decided[row.photo]),
        )
        for row in chosen.itertuples()
    ]
