"""The photos that train a head."""

from dataclasses import dataclass, replace

import numpy as np

from stylevote.probe.rows import Rows


@dataclass(frozen=True)
class Training:
    """The photos of a fit.

    Attributes:
        rows: features.
        positions: of the photos in ``rows``, shape (photos,).
        counts: how often each photo counts, float32, shape (photos,).
        targets: 0/1 (0 if unknown), float32, shape (photos, labels).
        loss: a run's loss, {"bce": {}} or {"weighted_bce": {"power": ..., "cap": ...}}.
        known: bool, in the shape of the targets; None if all are known.
    """

    rows: Rows
    positions: np.ndarray
    counts: np.ndarray
    targets: np.ndarray
    loss: dict[str, dict[str, float]]
    known: np.ndarray | None = None

    def photos(self) -> np.ndarray:
        """Return the number of photos with a known label, float64, shape (labels,)."""
        if self.known is None:
            return np.full(self.targets.shape[1], self.counts.sum(dtype=np.float64))
        return self.counts.astype(np.float64) @ self.known

    def positives(self) -> np.ndarray:
        """Return each label's positives, float64, shape (labels,)."""
        return self.counts.astype(np.float64) @ self.targets

    def class_weights(self) -> np.ndarray:
        """Return the weights of negatives and positives, float32, shape (2, labels).

        They are those of `stylevote.cnn.losses.weighted_bce`.
        """
        photos, positives = self.photos(), self.positives()
        if "weighted_bce" not in self.loss:
            return np.ones((2, len(positives)), np.float32)
        power, cap = self.loss["weighted_bce"]["power"], self.loss["weighted_bce"]["cap"]
        with np.errstate(divide="ignore"):
            ratio = (photos - positives) / positives
            return np.clip([ratio**-power, ratio**power], 1, cap).astype(np.float32)

    def only(self, counts: np.ndarray) -> "Training":
        """Return the rows that ``counts`` (shape (photos,)) has, as often as it says."""
        here = np.flatnonzero(counts)
        known = None if self.known is None else self.known[here]
        return replace(
            self, positions=self.positions[here], counts=counts[here], targets=self.targets[here], known=known
        )

    def cell_weights(self, part: slice, labels: np.ndarray, class_weights: np.ndarray) -> np.ndarray:
        """Return how much the targets of some photos count: 0 if unknown; float32, shape (photos, pairs).

        Args:
            part: of the photos.
            labels: number of each pair's label, shape (pairs,).
            class_weights: of negatives and positives, float32, shape (2, pairs).
        """
        weights = np.where(self.targets[part][:, labels] > 0, class_weights[1], class_weights[0])
        return weights if self.known is None else weights * self.known[part][:, labels]


def standardize(training: Training) -> tuple[np.ndarray, np.ndarray]:
    """Return the features' means and scales (the inverse of their deviations), float32, shape (width,).

    Deviations below their median count as the median: features that hardly vary would otherwise be enlarged, and
    matter as much as those that tell photos apart. Features that are equal for all photos have a scale of 0.
    """
    photos = training.counts.sum(dtype=np.float64)
    total, squares, largest = (np.zeros(len(training.rows.center)) for _ in range(3))
    for part, block in training.rows.blocks(training.positions):
        total += training.counts[part] @ block
    mean = (total / photos).astype(np.float32)
    for part, block in training.rows.blocks(training.positions):
        squares += training.counts[part] @ (block - mean) ** 2
        largest = np.maximum(largest, np.abs(block).max(axis=0))
    deviation = np.sqrt(squares / photos)
    varies = deviation > 1e-5 * largest  # rounding makes equal features differ
    least = np.median(deviation[varies]) if varies.any() else 1
    return mean, np.where(varies, 1 / np.maximum(deviation, least), 0).astype(np.float32)
