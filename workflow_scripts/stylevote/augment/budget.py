"""Spending of a budget of copies on the rarest labels first."""

import heapq
from collections.abc import Generator
from enum import Enum

import numpy as np


class Outcome(Enum):
    """What became of an attempt to copy an item."""

    MADE = "made"  # there is one copy more
    FAILED = "failed"  # nothing came of it; another attempt may do better
    HOPELESS = "hopeless"  # no attempt at this item will do


def rarest_first(
    positives: np.ndarray, counts: np.ndarray, capacity: np.ndarray, rng: np.random.Generator
) -> Generator[int, Outcome | None, None]:
    """Yield the row of the item to copy next, until no item may be copied any more or the caller stops.

    Each time, the label of the lowest count is served that still has an item with capacity (of equals, the first). Of
    its items the one with the fewest copies comes next, then the one with the fewest attempts, then chance decides. An
    item without any of the labels never comes.

    The caller may tell what came of an item; without a word it was made::

        spending = rarest_first(positives, counts, capacity, rng)
        for row in islice(spending, attempts):
            spending.send(Outcome.MADE if copy(row) else Outcome.FAILED)

    Args:
        positives: 0/1, shape (items, labels): the labels that each item has.
        counts: shape (labels,): positives there are without copies. A copy that was made counts for all its labels.
        capacity: int, shape (items,): most attempts at each item. Each uses up one, `Outcome.HOPELESS` all.
        rng: draws the order among equals.
    """
    items = rng.permutation(len(positives)).tolist()
    labels_of = [np.flatnonzero(row).tolist() for row in positives]
    left, counts = capacity.tolist(), counts.tolist()
    attempts = [0] * len(items)
    # A heap a label of (copies, attempts, place in the random order). An item stands in the heaps of all its labels; an
    # entry that another label's turn left behind is put right when it comes up. Sorted lists are heaps.
    heaps: list[list[tuple[int, int, int]]] = [[] for _ in counts]
    for place, item in enumerate(items):
        for label in labels_of[item]:
            heaps[label].append((0, 0, place))
    copies = [0] * len(items)
    served = [label for label, heap in enumerate(heaps) if heap]
    while served:
        label = min(served, key=counts.__getitem__)
        heap = heaps[label]
        item = items[heap[0][2]]
        if left[item] == 0:
            heapq.heappop(heap)
            if not heap:
                served.remove(label)
            continue
        if heap[0][1] != attempts[item]:
            heapq.heapreplace(heap, (copies[item], attempts[item], heap[0][2]))
            continue
        outcome = yield item
        attempts[item] += 1
        left[item] = 0 if outcome is Outcome.HOPELESS else left[item] - 1
        if outcome in (None, Outcome.MADE):
            copies[item] += 1
            for other in labels_of[item]:
                counts[other] += 1
        if outcome is not None:
            yield item  # what `send` returns: the caller's loop asks for the next one
