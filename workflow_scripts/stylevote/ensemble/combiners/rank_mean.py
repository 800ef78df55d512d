"""The mean over the members of the rank that a photo's score has among the training photos'."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np

from stylevote.ensemble.stack import Stack, check_members, out_of_fold_scores, unsearched_stack
from stylevote.errors import InputError
from stylevote.metrics import BETA

# Kept ranks are a hundredth of their distance from the nearer end apart, so that the highest hundred are exact: a rare
# label's threshold lies among them, where a table of evenly spaced quantiles would tell apart nothing.
PRECISION = 0.01


@dataclass(frozen=True)
class RankMean:
    """The mean of the members' ranks, each read off a table.

    Attributes:
        knots: some of each member's training scores, ascending: float32, shape (members, knots).
        below: the share of the training scores that is below a score, by how many knots are: float64, (knots + 1,).
    """

    knots: np.ndarray
    below: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the mean rank: float32 in 0..1, shape (photos,).

        A score's rank is the share of the training scores that are lower, equal ones counting half.

        Args:
            features: the members' scores, float32, shape (photos, members).

        Raises:
            InputError: they are of another number of members.
        """
        check_members(features, len(self.knots), "there are tables of ranks")
        ranks = np.zeros(len(features))
        for scores, knots in zip(features.T, self.knots, strict=True):
            ranks += self.below[np.searchsorted(knots, scores, "left")]
            ranks += self.below[np.searchsorted(knots, scores, "right")]
        return (ranks / (2 * len(self.knots))).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the tables, one after the other in numpy's own form, which holds no code."""
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
    threads: int = 1,  # noqa: ARG001 (every combiner is fitted with the same)
) -> Stack:
    """Make one table of ranks a fold, of the other folds' photos.

    Members of differently trained networks differ in how bold their probabilities are; ranks do not (the Borda count,
    on the training photos' scores). No photo's score depends on any label. A rare label's photos all rank near 1: cut
    them with ``exact`` thresholds, and not with few even steps.

    Args:
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0/1, shape (photos,); they only measure.
        folds: shape (photos,); at least two different ones.
        beta: of the F-beta that is measured.
        threads: makes no difference here.

    Returns:
        a stacker a fold, and each photo's mean rank among the photos of the other folds; the grid is one row with the
        columns f_beta, threshold, logloss and chosen.
    """
    stackers = [_fit(features[folds != fold]) for fold in np.unique(folds)]
    scores = out_of_fold_scores(stackers, features, folds)
    return unsearched_stack(stackers, scores, labels, beta)


def load(raw: bytes, threads: int = 1) -> RankMean:  # noqa: ARG001 (every combiner is loaded with the same)
    """Return the stacker that `RankMean.to_bytes` wrote; `InputError` where the bytes are something else."""
    file = BytesIO(raw)
    try:
        knots, below = (np.lib.format.read_array(file, allow_pickle=False) for _ in range(2))
        if (knots.ndim, knots.dtype.kind, below.dtype.kind) != (2, "f", "f") or len(below) != knots.shape[1] + 1:
            raise ValueError(f"arrays of the shapes {knots.shape} and {below.shape}")
    except ValueError as error:
        raise InputError("found no tables of ranks, expected two arrays in numpy's form") from error
    return RankMean(knots, below)


def _fit(features: np.ndarray) -> RankMean:
    photos = len(features)
    positions = _knot_positions(photos)
    # Between two knots lie as many scores as their positions say; the middle is nearest to all of them.
    above, upto = np.append(-1, positions) + 1, np.append(positions, photos)
    return RankMean(np.sort(features, axis=0)[positions].T.copy(), (above + upto) / (2 * photos))


def _knot_positions(photos: int) -> np.ndarray:
    """Return which of ``photos`` sorted scores are kept: of large numbers ever fewer, the further from both ends."""
    steps = np.arange(np.log(photos) / np.log1p(PRECISION) + 1)
    ranks = np.unique(np.floor((1 + PRECISION) ** steps)).astype(int) - 1
    ranks = ranks[ranks <= photos // 2]
    return np.union1d(ranks, photos - 1 - ranks)
