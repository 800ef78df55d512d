"""The mean of the members' ranks: where a photo's score stands among the scores of the training photos."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np

from stylevote.ensemble.stack import FittedStack, check_members, out_of_fold_scores, unsearched_stack
from stylevote.errors import InputError
from stylevote.metrics import BETA

# Neighbouring knots are apart by a hundredth of their distance from the nearer end. The highest hundred ranks are then
# exact. A rare label's threshold is among them, and evenly spaced quantiles could not tell them apart.
PRECISION = 0.01


@dataclass(frozen=True)
class RankMean:
    """A stacker whose score is the mean of the members' ranks, which it looks up in tables.

    Attributes:
        knots: some of each member's training scores, ascending: float32, shape (members, knots).
        below: share of the training scores below a score, by the number of knots below it: float64, shape (knots + 1,).
    """

    knots: np.ndarray
    below: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the mean rank for ``features`` (photos, members): float32 in 0..1, shape (photos,).

        The rank of a score is the share of the training scores that are lower; equal ones count half.

        Raises:
            InputError: the features are of another number of members.
        """
        check_members(features, len(self.knots), "there are tables of ranks")
        ranks = np.zeros(len(features))
        for scores, knots in zip(features.T, self.knots, strict=True):
            ranks += self.below[np.searchsorted(knots, scores, "left")]
            ranks += self.below[np.searchsorted(knots, scores, "right")]
        return (ranks / (2 * len(self.knots))).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the tables, one after the other in numpy's own format, which holds no code."""
        file = BytesIO()
        for table in (self.knots, self.below):
            np.lib.format.write_array(file, table, allow_pickle=False)
        return file.getvalue()


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    beta: float = BETA,
    threads: int = 1,  # noqa: ARG001 (all combiners are fitted with the same)
) -> FittedStack:
    """Make one stacker per fold from the ranks of the other folds' photos.

    Networks that were trained differently differ in how bold their probabilities are, but ranks do not (the Borda
    count). No score depends on any label. All photos with a rare label rank near 1, so use ``exact`` thresholds and not
    a few even steps.
    """
    stackers = [_fit(features[folds != fold]) for fold in np.unique(folds)]
    return unsearched_stack(stackers, out_of_fold_scores(stackers, features, folds), labels, beta)


def load(raw: bytes, threads: int = 1) -> RankMean:  # noqa: ARG001 (all combiners are loaded with the same)
    """Return the stacker that `RankMean.to_bytes` wrote; raise `InputError` for other bytes."""
    file = BytesIO(raw)
    try:
        knots, below = (np.lib.format.read_array(file, allow_pickle=False) for _ in range(2))
        if (knots.ndim, knots.dtype.kind, below.dtype.kind) != (2, "f", "f") or len(below) != knots.shape[1] + 1:
            raise ValueError(f"arrays of the shapes {knots.shape} and {below.shape}")
    except ValueError as error:
        raise InputError("found no tables of ranks, expected two arrays in numpy's format") from error
    return RankMean(knots, below)


def _fit(features: np.ndarray) -> RankMean:
    photos = len(features)
    positions = _knot_positions(photos)
    # Of the scores between two knots only the number is known. The middle rank is nearest to all of them.
    lower, upper = np.append(-1, positions) + 1, np.append(positions, photos)
    return RankMean(np.sort(features, axis=0)[positions].T.copy(), (lower + upper) / (2 * photos))


def _knot_positions(photos: int) -> np.ndarray:
    """Return which of ``photos`` sorted scores to keep: the further from both ends, the fewer."""
    steps = np.arange(np.log(photos) / np.log1p(PRECISION) + 1)
    ranks = np.unique(np.floor((1 + PRECISION) ** steps)).astype(int) - 1
    ranks = ranks[ranks <= photos // 2]
    return np.union1d(ranks, photos - 1 - ranks)
