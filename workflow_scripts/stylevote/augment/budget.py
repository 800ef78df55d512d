"""A budget of copies that is spent on the rarest labels first."""

import heapq
from enum import Enum

import numpy as np


class Outcome(Enum):
    """The result of an attempt to copy an item."""

    MADE = "made"  # there is another copy
    FAILED = "failed"  # another attempt at the item may succeed
    HOPELESS = "hopeless"  # no attempt at the item will succeed


class Budget:
    """The choice of items to copy.

    The label with the lowest count comes first (of equals, the first in order) if it has an item with attempts left. Of
    its items, the one with the fewest copies comes next; of these the one with the fewest attempts; then chance
    decides. An item without labels never comes.

    Args:
        positives: 0/1, shape (items, labels): the labels of each item.
        counts: shape (labels,): positives without copies. A copy counts for all labels of its item.
        capacity: int, shape (items,): most attempts at each item.
        rng: draws the order among equals.
    """

    def __init__(
        self, positives: np.ndarray, counts: np.ndarray, capacity: np.ndarray, rng: np.random.Generator
    ) -> None:
        order = rng.permutation(len(positives)).tolist()
        self.labels_of = [np.flatnonzero(row).tolist() for row in positives]
        self.counts, self.left = counts.tolist(), capacity.tolist()
        self.copies, self.attempts = [0] * len(order), [0] * len(order)
        # A heap per label of (copies, attempts, place in the random order, item). Sorted lists are heaps.
        self.heaps: list[list[tuple[int, int, int, int]]] = [[] for _ in self.counts]
        for place, item in enumerate(order):
            for label in self.labels_of[item]:
                self.heaps[label].append((0, 0, place, item))
        self.open_labels = [label for label, heap in enumerate(self.heaps) if heap]

    def choose(self) -> int | None:
        """Return the item to copy next; None if no attempts are left."""
        while self.open_labels:
            label = min(self.open_labels, key=self.counts.__getitem__)
            heap = self.heaps[label]
            _, attempts, place, item = heap[0]
            if not self.left[item]:
                heapq.heappop(heap)
                if not heap:
                    self.open_labels.remove(label)
            elif attempts < self.attempts[item]:  # copied since then, maybe for another label
                heapq.heapreplace(heap, (self.copies[item], self.attempts[item], place, item))
            else:
                return item
        return None

    def record(self, item: int, outcome: Outcome) -> None:
        """Count an attempt at an item."""
        self.attempts[item] += 1
        self.left[item] = 0 if outcome is Outcome.HOPELESS else self.left[item] - 1
        if outcome is Outcome.MADE:
            self.copies[item] += 1
            for label in self.labels_of[item]:
                self.counts[label] += 1

    def spend(self, amount: int) -> list[int]:
        """Choose up to ``amount`` items, as if every attempt succeeded; return them in their order."""
        items = []
        while len(items) < amount and (item := self.choose()) is not None:
            self.record(item, Outcome.MADE)
            items.append(item)
        return items
