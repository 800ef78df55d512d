"""The plain mean of the members' scores."""

import json
from dataclasses import dataclass

import numpy as np

from stylevote.ensemble.stack import Stack, check_members, unsearched_stack
from stylevote.errors import InputError
from stylevote.metrics import BETA


@dataclass(frozen=True)
class Mean:
    """The mean over a label's ``members``, of which there are so many."""

    members: int

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the mean over the members: float32, shape (photos,).

        Args:
            features: the members' scores, float32, shape (photos, members).

        Raises:
            InputError: they are of another number of members.
        """
        check_members(features, self.members, "the mean was made of")
        return features.mean(axis=1, dtype=np.float64).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the number of members as JSON."""
        return (json.dumps({"members": self.members}) + "\n").encode()


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    beta: float = BETA,
    threads: int = 1,  # noqa: ARG001 (every combiner is fitted with the same)
) -> Stack:
    """Return the mean over the members as every fold's stacker.

    The second-place team of the JD AI Fashion Challenge 2018 fused its networks so, "on the probability layer" (their
    report, II.E). Nothing is fitted: no photo's score depends on any label.

    Args:
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0/1, shape (photos,); they only measure.
        folds: shape (photos,).
        beta: of the F-beta that is measured.
        threads: makes no difference here.

    Returns:
        a stacker a fold, all the same, and the mean of every photo's out-of-fold scores; the grid is one row with the
        columns f_beta, threshold, logloss and chosen.
    """
    stacker = Mean(features.shape[1])
    scores = stacker.scores(features)
    return unsearched_stack([stacker] * len(np.unique(folds)), scores, labels, beta)


def load(raw: bytes, threads: int = 1) -> Mean:  # noqa: ARG001 (every combiner is loaded with the same)
    """Return the stacker that `Mean.to_bytes` wrote; `InputError` where the bytes are something else."""
    try:
        return Mean(int(json.loads(raw)["members"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError('found no mean, expected {"members": N}') from error
