"""The threshold found is the best there is, and deciding by it gives the F2 promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylevote.ensemble.threshold import decide, f2_at, search_threshold, stepped_thresholds
from stylevote.metrics import f_beta
from stylevote.program import InputError


@st.composite
def labelled_scores(draw):
    unit = st.floats(0, 1, width=32) | st.sampled_from([0.0, 0.01, 0.07, 0.29, 0.5, 1.0])
    pairs = draw(st.lists(st.tuples(st.integers(0, 1), unit), min_size=1, max_size=30))
    return np.array([label for label, _ in pairs]), np.array([score for _, score in pairs], dtype=np.float32)


@given(labelled_scores())
def test_the_greedy_threshold_is_the_best_of_its_steps(drawn):
    labels, scores = drawn
    threshold, f2 = search_threshold(labels, scores, "greedy", 100)
    every = [f_beta(labels, scores.astype(float) >= k / 100) for k in range(101)]
    assert f2 == max(every)
    assert threshold == max(k / 100 for k in range(101) if every[k] == f2)


@given(labelled_scores(), st.sampled_from(["greedy", "exact"]))
def test_deciding_gives_the_f2_promised(drawn, method):
    labels, scores = drawn
    threshold, f2 = search_threshold(labels, scores, method)
    assert f_beta(labels, decide(scores, threshold)) == f2


@given(labelled_scores())
def test_the_exact_threshold_is_never_below_ten_thousand_steps(drawn):
    labels, scores = drawn
    assert search_threshold(labels, scores, "exact")[1] >= search_threshold(labels, scores, "greedy", 10_000)[1]


@given(labelled_scores())
def test_the_curve_is_the_f2_of_every_threshold(drawn):
    labels, scores = drawn
    thresholds = stepped_thresholds(20)
    assert f2_at(labels, scores, thresholds).tolist() == [f_beta(labels, decide(scores, cut)) for cut in thresholds]


def test_a_threshold_between_neighbouring_floats_parts_them():
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    assert decide(np.array([low, high]), (float(low) + float(high)) / 2).tolist() == [0, 1]


def test_an_unknown_method_is_refused():
    with pytest.raises(InputError, match="'random' is neither 'greedy' nor 'exact'"):
        search_threshold(np.array([0, 1]), np.array([0.1, 0.2]), "random")
