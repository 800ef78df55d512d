"""The budget: the rarest label is served first, items alike take turns, and none gets more than it may."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stylevote.augment.budget import Budget, Outcome


def spend(positives, counts, capacity, outcomes=(), seed=1):
    """Return the rows that come, with the outcome of each (`Outcome.MADE` when the outcomes are used up)."""
    answers, spent = iter(outcomes), []
    budget = Budget(np.array(positives), np.array(counts), np.array(capacity), np.random.default_rng(seed))
    while (row := budget.choose()) is not None:
        spent.append((row, next(answers, Outcome.MADE)))
        budget.record(*spent[-1])
    return spent


def rows_of(spent):
    return [row for row, _ in spent]


def test_the_rarest_label_comes_first_until_it_has_caught_up():
    # One item of each label; their counts are 1 and 4.
    assert rows_of(spend([[1, 0], [0, 1]], [1, 4], [5, 5])) == [0, 0, 0, 0, 1, 0, 1, 1, 1, 1]


def test_a_copy_counts_for_all_labels_of_its_item():
    # Copies of item 0 raise both labels, so the third label is the rarest after two of them.
    assert rows_of(spend([[1, 1, 0], [0, 0, 1]], [1, 9, 3], [3, 2])) == [0, 0, 0, 1, 1]


def test_spending_takes_every_attempt_as_made():
    def budget():
        return Budget(np.eye(2), np.array([1, 4]), np.array([5, 5]), np.random.default_rng(1))

    assert budget().spend(100) == [0, 0, 0, 0, 1, 0, 1, 1, 1, 1]
    assert budget().spend(6) == [0, 0, 0, 0, 1, 0]
    assert budget().spend(0) == []


def test_nothing_to_copy():
    assert spend([[0, 0], [1, 0]], [5, 5], [3, 0]) == []
    assert spend(np.zeros((0, 2)), [5, 5], []) == []


def test_chance_decides_among_equals():
    def first(seed):
        return tuple(
            Budget(np.ones((40, 1)), np.zeros(1), np.ones(40, dtype=int), np.random.default_rng(seed)).spend(5)
        )

    assert first(1) == first(1)
    assert len({first(seed) for seed in range(10)}) == 10


ITEMS, LABELS = 6, 3


@given(
    positives=arrays.arrays(np.uint8, (ITEMS, LABELS), elements=st.integers(0, 1)),
    counts=arrays.arrays(np.int64, LABELS, elements=st.integers(0, 8)),
    capacity=arrays.arrays(np.int64, ITEMS, elements=st.integers(0, 4)),
    outcomes=st.lists(st.sampled_from(Outcome), max_size=20),
    seed=st.integers(0, 99),
)
def test_every_step_is_one_that_a_search_over_all_items_allows(positives, counts, capacity, outcomes, seed):
    left, counts_now = capacity.copy(), counts.copy()
    copies, attempts = np.zeros(ITEMS, dtype=int), np.zeros(ITEMS, dtype=int)
    for row, outcome in spend(positives, counts, capacity, outcomes, seed):
        open_labels = [k for k in range(LABELS) if (positives[left > 0, k]).any()]
        label = min(open_labels, key=lambda k: counts_now[k])
        candidates = [item for item in range(ITEMS) if positives[item, label] and left[item] > 0]
        assert row in candidates
        assert (copies[row], attempts[row]) == min((copies[item], attempts[item]) for item in candidates)
        attempts[row] += 1
        left[row] = 0 if outcome is Outcome.HOPELESS else left[row] - 1
        if outcome is Outcome.MADE:
            copies[row] += 1
            counts_now += positives[row]
    assert not positives[left > 0].any()
    assert (attempts <= capacity).all()
