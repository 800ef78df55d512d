"""What the programs of a block of labels read: the photos, their labels and folds, candidates and members."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stylevote.ensemble.blocks import features_of, read_by_label
from stylevote.ensemble.rank import NONE
from stylevote.ensemble.scores import Candidates, open_candidates
from stylevote.tables import fold_numbers, label_matrix, read_table

# The arguments of these programs, with their help texts. A program takes those that it needs.
BLOCK_FILES = {
    "scores": "candidates: a file per block that holds the labels, or others whose members are features, too...",
    "members": "selections, in the same order...",
    "manifest": "the training photos",
    "fold_table": "their folds",
}


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
        return features_of(label, self.others)

    def stack_features(self, label: str, without: int = NONE) -> np.ndarray:
        """Return the scores that a label's stackers learn from; see `Candidates.stack_features`."""
        return self.candidates.stack_features(self.feature_labels(label), self.selections, without)


@contextmanager
def open_block(arguments: argparse.Namespace, *, selected: bool = True) -> Iterator[BlockInputs]:
    """Yield what the programs of a block read.

    Args:
        arguments: of the program: those of `BLOCK_FILES` that it takes, and ``spec``, whose ``labels`` are those of the
            block, and whose ``features``, if there are any, are labels whose members every stacker takes, too.
        selected: whether the program reads who is a member.
    """
    labels, others = arguments.spec["labels"], arguments.spec.get("features", [])
    needed = list(dict.fromkeys([*labels, *others]))
    photos = read_table(arguments.manifest, ["image_id", *needed])
    image_ids, truth = photos["image_id"].to_numpy(), label_matrix(photos, needed)
    folds = fold_numbers(photos, read_table(arguments.fold_table))
    selections = read_by_label(arguments.members, needed) if selected else {}
    by_label = {label: truth[:, k].copy() for k, label in enumerate(needed)}
    with open_candidates(arguments.scores, image_ids) as candidates:
        yield BlockInputs(labels, others, image_ids, folds, candidates, selections, by_label)
