"""Choose the photos that somebody should look at: the ensemble and the table disagree on them, or the folds do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.files.tables import label_matrix
from stylevote.report.measures import confident_mistakes, disagreements
from stylevote.report.thumbnails import thumbnail

PHOTOS = 12  # of each kind that are shown


@dataclass(frozen=True)
class Shown:
    """A photo that is worth a look.

    Attributes:
        picture: its address of itself (`thumbnails.thumbnail`).
        name: its image_id.
        label: what it is about.
        note: why it is here.
        given: its labels as the table has them, or None where they are not known.
        decided: its labels as decided.
    """

    picture: str
    name: str
    label: str
    note: str
    given: Sequence[str] | None
    decided: Sequence[str]


def mistaken_photos(
    folder: Path,
    manifest: pd.DataFrame,
    labels: list[str],
    decided: np.ndarray,
    scores: np.ndarray,
    thresholds: np.ndarray,
) -> tuple[list[Shown], list[Shown]]:
    """Return training photos on which the ensemble is confident and the table says otherwise.

    Args:
        folder: of the photos.
        manifest: of the photos.
        labels: all of them.
        decided: honest decisions, 0/1, shape (photos, labels).
        scores, thresholds: of these decisions, in the same shape.

    Returns:
        those that were given a label which the table lacks; and those that were not given one which the table has.
    """
    truth = label_matrix(manifest, labels)
    mistakes = confident_mistakes(truth, decided, scores, thresholds, PHOTOS)
    mistakes["note"] = [
        f"score {scores[row.photo, row.label]:.3f}, threshold {thresholds[row.photo, row.label]:.3f}"
        for row in mistakes.itertuples()
    ]
    added, missed = (
        _shown(mistakes[mistakes["kind"] == kind], folder, manifest, labels=labels, given=truth, decided=decided)
        for kind in ("added", "missed")
    )
    return added, missed


def disputed_photos(
    folder: Path, manifest: pd.DataFrame, labels: list[str], votes: pd.DataFrame, thresholds: np.ndarray
) -> list[Shown]:
    """Return test photos on which the folds disagree.

    Args:
        folder: of the photos.
        manifest: of the photos.
        labels: all of them.
        votes: on these photos, all photos of a label together: columns decision, and a column ``fold...`` per fold.
        thresholds: of the labels.
    """
    shape = (len(labels), len(manifest))
    folds = [name for name in votes if name.startswith("fold")]
    by_fold = votes[folds].to_numpy().reshape(*shape, len(folds)).transpose(1, 0, 2)
    split = disagreements(by_fold, thresholds, PHOTOS)
    split["note"] = [
        "folds: "
        + ", ".join(f"{value:.2f}" for value in by_fold[row.photo, row.label])
        + f"; threshold {thresholds[row.label]:.2f}"
        for row in split.itertuples()
    ]
    known = label_matrix(manifest, labels) if set(labels) <= set(manifest) else None
    decided = votes["decision"].to_numpy().reshape(shape).T
    return _shown(split, folder, manifest, labels=labels, given=known, decided=decided)


def _shown(
    found: pd.DataFrame,
    folder: Path,
    manifest: pd.DataFrame,
    *,
    labels: list[str],
    given: np.ndarray | None,
    decided: np.ndarray,
) -> list[Shown]:
    """Return the photos of ``found``, whose columns are photo, label (numbers) and note, with their labels."""

    def names(row: np.ndarray) -> list[str]:
        return [labels[k] for k in np.flatnonzero(row)]

    return [
        Shown(
            thumbnail(folder, manifest["path"].iloc[row.photo], manifest["sha256"].iloc[row.photo]),
            manifest["image_id"].iloc[row.photo],
            labels[row.label],
            row.note,
            None if given is None else names(given[row.photo]),
            names(decided[row.photo]),
        )
        for row in found.itertuples()
    ]
