"""Inputs of the programs that work on a block of labels."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.ensemble.blocks import feature_labels, read_by_label
from stylevote.ensemble.features import member_scores, split_halves
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.scores import Candidates, open_candidates
from stylevote.files.tables import fold_numbers, label_matrix, read_table


@dataclass(frozen=True)
class BlockInputs:
    """The inputs of a block.

    Attributes:
        labels: labels of the block.
        common: labels whose members the stackers of every label use, besides the label's own members.
        image_ids: training photos in the manifest's order, shape (photos,).
        folds: folds of the photos, shape (photos,).
        groups: groups of photos that stay together, shape (photos,).
        candidates: candidates of ``labels`` and ``common``.
        selections: members of the same labels (see `select.select_by_fold`); empty if none were read.
    """

    labels: list[str]
    common: list[str]
    image_ids: np.ndarray
    folds: np.ndarray
    groups: np.ndarray
    candidates: Candidates
    selections: dict[str, pd.DataFrame]
    _truth: dict[str, np.ndarray]
    _halves: dict[str, np.ndarray] = field(default_factory=dict, init=False)

    def truth(self, label: str) -> np.ndarray:
        """Return 0, 1 or `UNKNOWN` for each photo, uint8, shape (photos,)."""
        return self._truth[label]

    def halves(self, label: str) -> np.ndarray:
        """Return the half of its fold for each photo, see `features.split_halves`."""
        if label not in self._halves:  # each fold of a nested estimate asks for them
            self._halves[label] = split_halves(self.truth(label), self.folds, self.groups)
        return self._halves[label]

    def features(
        self, label: str, held_out_fold: int = ALL, selections: dict[str, pd.DataFrame] | None = None
    ) -> np.ndarray:
        """Return the scores from which a label's stackers learn: float32, shape (photos, members).

        Args:
            label: label of the block.
            held_out_fold: fold without which the members were selected, or `rank.ALL`.
            selections: members, if others than the block's.
        """
        return self.features_of(feature_labels([label], self.common), held_out_fold, selections)

    def features_of(
        self, labels: list[str], held_out_fold: int = ALL, selections: dict[str, pd.DataFrame] | None = None
    ) -> np.ndarray:
        """Return the scores of the members of all ``labels``, one label's after another's; see `features`."""
        selections = selections or self.selections
        scores = [
            member_scores(
                partial(self.candidates.members, name), selections[name], self.folds, self.halves(name), held_out_fold
            )
            for name in labels
        ]
        return np.concatenate(scores).T


@contextmanager
def open_block(
    scores: list[Path],
    manifest: Path,
    folds: Path,
    labels: list[str],
    *,
    members: Sequence[Path] = (),
    common: Sequence[str] = (),
) -> Iterator[BlockInputs]:
    """Yield the inputs of a block.

    Args:
        scores: candidates of ``labels`` and ``common``.
        manifest: training photos.
        folds: folds of the photos.
        labels: labels of the block.
        members: selections of the same labels; none if the caller needs no members.
        common: labels whose members the stackers of every label use, too.
    """
    needed = feature_labels(labels, common)
    photos = read_table(manifest, ["image_id", "group", *needed])
    image_ids = photos["image_id"].to_numpy()
    truth = {label: photos[label].to_numpy(dtype=np.uint8, copy=True) for label in needed}
    selections = read_by_label(members, needed) if members else {}
    with open_candidates(scores, image_ids) as candidates:
        of_photos, groups = fold_numbers(photos, read_table(folds)), photos["group"].to_numpy()
        yield BlockInputs(labels, list(common), image_ids, of_photos, groups, candidates, selections, truth)


def read_stacked(
    stacked: Path, manifest: Path, labels: list[str]
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield each label with its truth (0, 1 or `UNKNOWN`), its out-of-fold stacked scores and their folds.

    The three arrays have the shape (photos,).
    """
    truth = label_matrix(read_table(manifest, labels), labels)
    for k, (label, table) in enumerate(read_by_label([stacked], labels, ["score", "fold"]).items()):
        yield label, truth[:, k], table["score"].to_numpy(), table["fold"].to_numpy()
