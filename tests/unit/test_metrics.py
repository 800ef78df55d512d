"""F-beta and its best cut against scikit-learn and brute force."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import fbeta_score, precision_score, recall_score

from stylevote.files.tables import UNKNOWN
from stylevote.metrics import best_threshold, f_beta, macro_f_beta, precision_recall, threshold_curve

NEIGHBOURS = [
    0.5,
    float(np.nextafter(np.float32(0.5), np.float32(1))),
    float(np.nextafter(np.float32(0), np.float32(1))),
    float(np.nextafter(0.5, 1)),
    float(np.nextafter(0.0, 1)),
]
UNIT = st.floats(0, 1, width=32) | st.sampled_from([0.0, 0.25, 1.0, *NEIGHBOURS])
BETAS = st.sampled_from([0.5, 1.0, 2.0, 3.0])


@st.composite
def labelled(draw, values):
    """Return 0/1 labels and as many values: from one photo on, with ties, constants and neighbouring floats."""
    pairs = draw(st.lists(st.tuples(st.integers(0, 1), values), min_size=1, max_size=25))
    return np.array([label for label, _ in pairs]), np.array([value for _, value in pairs])


def all_cuts(labels, scores, beta):
    """Return F-beta of every cut ``score >= value``, from the highest value to the lowest, by scikit-learn."""
    scores = scores.astype(float)
    return [
        fbeta_score(labels, scores >= value, beta=beta, zero_division=0) for value in sorted(set(scores), reverse=True)
    ]


@given(labelled(st.integers(0, 1)), BETAS)
def test_f_beta_is_that_of_sklearn(drawn, beta):
    labels, decisions = drawn
    assert f_beta(labels, decisions, beta) == pytest.approx(fbeta_score(labels, decisions, beta=beta, zero_division=0))


@given(labelled(st.integers(0, 1)))
def test_precision_and_recall_are_those_of_sklearn(drawn):
    labels, decisions = drawn
    precision, recall = precision_recall(labels, decisions)
    assert precision == pytest.approx(precision_score(labels, decisions, zero_division=0))
    assert recall == pytest.approx(recall_score(labels, decisions, zero_division=0))


@given(labelled(UNIT), BETAS, st.sampled_from([np.float32, np.float64]))
def test_the_curve_holds_every_cut(drawn, beta, dtype):
    labels, scores = drawn[0], drawn[1].astype(dtype)
    thresholds, score = threshold_curve(labels, scores, beta)
    assert score == pytest.approx(np.array(all_cuts(labels, scores, beta)))
    assert (np.diff(thresholds) < 0).all()
    for threshold, expected in zip(thresholds, score, strict=True):
        assert f_beta(labels, scores.astype(np.float64) >= threshold, beta) == expected


def test_thresholds_lie_midway_between_neighbouring_scores():
    thresholds, score = threshold_curve(np.array([0, 1, 0, 1]), np.array([0.25, 0.75, 0.75, 1.0]), beta=1.0)
    assert thresholds.tolist() == [0.875, 0.5, 0.125]
    assert score == pytest.approx([2 / 3, 4 / 5, 2 / 3])


@given(labelled(UNIT), BETAS)
def test_the_best_cut_is_the_best_of_all(drawn, beta):
    labels, scores = drawn
    threshold, score = best_threshold(labels, scores, beta)
    cuts = all_cuts(labels, scores, beta)
    assert score == pytest.approx(max(cuts))
    assert f_beta(labels, scores >= threshold, beta) == score
    assert 0 <= threshold <= 1


@pytest.mark.parametrize(
    "scores", [np.random.default_rng(0).random(500), np.random.default_rng(1).integers(0, 9, 500) / 9]
)
def test_the_best_cut_of_many_photos_is_the_best_of_all(scores):
    labels = (np.random.default_rng(2).random(500) < 0.3 * scores).astype(np.uint8)
    assert best_threshold(labels, scores)[1] == pytest.approx(max(all_cuts(labels, scores, 2.0)))


def test_constant_scores_have_one_cut_that_takes_all():
    labels = np.array([0, 1, 0, 0])
    threshold, score = best_threshold(labels, np.full(4, 0.3))
    assert threshold < 0.3
    assert score == f_beta(labels, np.ones(4))


def test_without_positives_every_cut_scores_nothing():
    assert best_threshold(np.zeros(5), np.linspace(0, 1, 5))[1] == 0
    assert f_beta(np.zeros(5), np.zeros(5)) == 0


def test_the_macro_is_the_mean_over_labels():
    rng = np.random.default_rng(4)
    labels, decisions = rng.integers(0, 2, (60, 4)), rng.integers(0, 2, (60, 4))
    with warnings.catch_warnings(action="error"):
        expected = fbeta_score(labels, decisions, beta=2, average="macro")
    assert macro_f_beta(labels, decisions) == pytest.approx(expected)


@given(labelled(UNIT), BETAS, st.data())
def test_photos_with_an_unknown_label_count_neither_way(drawn, beta, data):
    labels, scores = drawn[0].astype(np.uint8), drawn[1].astype(np.float32)
    more = data.draw(st.lists(st.tuples(st.integers(0, len(labels)), UNIT), max_size=9))
    places = [place for place, _ in more]
    truth = np.insert(labels, places, UNKNOWN)
    of_all = np.insert(scores, places, np.array([score for _, score in more], dtype=np.float32))
    decisions, known = of_all >= 0.5, scores >= 0.5
    assert f_beta(truth, decisions, beta) == pytest.approx(fbeta_score(labels, known, beta=beta, zero_division=0))
    assert precision_recall(truth, decisions) == pytest.approx(
        (precision_score(labels, known, zero_division=0), recall_score(labels, known, zero_division=0))
    )
    assert best_threshold(truth, of_all, beta)[1] == pytest.approx(max(all_cuts(labels, scores, beta)))


def test_a_label_that_is_unknown_for_all_photos_has_no_f_beta_and_is_not_in_the_mean():
    labels = np.array([[1, UNKNOWN], [0, UNKNOWN], [1, UNKNOWN]], dtype=np.uint8)
    decisions = np.array([[1, 1], [1, 0], [0, 1]], dtype=np.uint8)
    assert np.isnan(f_beta(labels[:, 1], decisions[:, 1]))
    assert np.isnan(precision_recall(labels[:, 1], decisions[:, 1])).all()
    assert macro_f_beta(labels, decisions) == f_beta(labels[:, 0], decisions[:, 0]) == 0.5
