"""What the programs of a block of labels read: the photos, their labels and folds, candidates and members."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.ensemble.blocks import feature_labels, read_by_label
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.scores import Candidates, open_candidates
from stylevote.files.tables import fold_numbers, label_matrix, read_table


@dataclass(frozen=True)
class BlockInputs:
    """The inputs of a block's programs.

    Attributes:
        labels: of the block.
        others: labels whose members the stackers of every label take, too.
        image_ids: the training photos, in the manifest's order, shape (photos,).
        folds: shape (photos,).
        candidates: of the block's labels and of ``others``.
        selections: what `select.select_by_fold` returns, of the same labels; empty if no members are given.
    """

    labels: list[str]
    others: list[str]
    image_ids: np.ndarray
    folds: np.ndarray
    candidates: Candidates
    selections: dict[str, pd.DataFrame]
    _truth: dict[str, np.ndarray]

    def truth(self, label: str) -> np.ndarray:
        """Return 0/1 for each photo, uint8, shape (photos,)."""
        return self._truth[label]

    def feature_labels(self, label: str) -> list[str]:
        """Return the labels whose members a label's stackers take, its own first."""
        return feature_labels([label], self.others)

    def stack_features(self, label: str, held_out_fold: int = ALL) -> np.ndarray:
        """Return the scores that a label's stackers learn from; see `Candidates.stack_features`."""
        return self.candidates.stack_features(self.feature_labels(label), self.selections, held_out_fold)


@contextmanager
def open_block(
    scores: list[Path],
    manifest: Path,
    folds: Path,
    labels: list[str],
    *,
    members: Sequence[Path] = (),
    others: Sequence[str] = (),
) -> Iterator[BlockInputs]:
    """Yield the inputs of a block.

    Args:
        scores: files of candidates that hold the labels and ``others``.
        manifest: of the training photos.
        folds: their folds.
        labels: of the block.
        members: selections of the same labels; none if it does not matter who is a member.
        others: labels whose members the stackers of every label take, too.
    """
    needed = feature_labels(labels, others)
    photos = read_table(manifest, ["image_id", *needed])
    image_ids, truth = photos["image_id"].to_numpy(), label_matrix(photos, needed)
    by_photo = fold_numbers(photos, read_table(folds))
    selections = read_by_label(members, needed) if members else {}
    by_label = {label: truth[:, k].copy() for k, label in enumerate(needed)}
    with open_candidates(scores, image_ids) as candidates:
        yield BlockInputs(labels, list(others), image_ids, by_photo, candidates, selections, by_label)
