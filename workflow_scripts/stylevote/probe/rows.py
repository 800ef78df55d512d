"""Features of the photos that train probes, in blocks: from memory if they fit into it, else from their files."""

from collections.abc import Iterator

import numpy as np

from stylevote.probe.features import Features

BLOCK = 4096  # rows
MEMORY = 2**31  # bytes


class Rows:
    """Centred features of some rows. They are kept in memory as float32 if they fit.

    Args:
        features: of all photos.
        order: numbers of the rows, shape (rows,). A row's place in it is its position here.
        memory: most bytes that features may take; larger ones are read for each pass.

    Attributes:
        center: means that are subtracted from the features, float32, shape (width,).
    """

    def __init__(self, features: Features, order: np.ndarray, memory: int = MEMORY) -> None:
        self.features, self.order = features, order
        self.center = np.zeros(features.width, np.float32)
        self.kept: np.ndarray | None = None
        kept = np.empty((len(order), features.width), np.float32) if order.size * features.width * 4 <= memory else None
        total = np.zeros(features.width)
        for part, block in self.blocks(np.arange(len(order))):
            total += block.sum(axis=0, dtype=np.float64)
            if kept is not None:
                kept[part] = block
        self.center = (total / max(len(order), 1)).astype(np.float32)
        if kept is not None:
            kept -= self.center
            self.kept = kept

    def blocks(self, positions: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the centred features at ``positions``, block by block: which of the positions, and their features."""
        for start in range(0, len(positions), BLOCK):
            part = slice(start, start + BLOCK)
            yield part, self.at(positions[part])

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Return the centred features at ``positions`` (at least one), float32, shape (positions, width)."""
        if self.kept is None:
            return self.features.take(self.order[positions]) - self.center
        if positions[-1] - positions[0] == len(positions) - 1 and (np.diff(positions) == 1).all():
            return self.kept[positions[0] : positions[-1] + 1]
        return self.kept[positions]
