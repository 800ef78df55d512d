"""The plain mean of the members' scores."""

import json
from dataclasses import dataclass

import numpy as np

from stylevote.ensemble.stack import FittedStack, check_members, unsearched_stack
from stylevote.errors import InputError
from stylevote.metrics import BETA


@dataclass(frozen=True)
class Mean:
    """A stacker whose score is the mean over ``members``, the number of a label's members."""

    members: int

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the mean of ``features`` (photos, members) over the members: float32, shape (photos,).

        Raises:
            InputError: the features are of another number of members.
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
    threads: int = 1,  # noqa: ARG001 (all combiners are fitted with the same)
) -> FittedStack:
    """Return the mean over the members as the stacker of every fold.

    The second-place team of the JD AI Fashion Challenge 2018 combined its networks so, "on the probability layer"
    (their report, II.E). Nothing is fitted: no score depends on any label.
    """
    stacker = Mean(features.shape[1])
    return unsearched_stack([stacker] * len(np.unique(folds)), stacker.scores(features), labels, beta)


def load(raw: bytes, threads: int = 1) -> Mean:  # noqa: ARG001 (all combiners are loaded with the same)
    """Return the stacker that `Mean.to_bytes` wrote; raise `InputError` for other bytes."""
    try:
        return Mean(int(json.loads(raw)["members"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError('found no mean, expected {"members": N}') from error
