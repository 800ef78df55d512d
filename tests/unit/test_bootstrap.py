"""Intervals by resampling photos, beside scikit-learn on resamples drawn in full and beside the law of the scores."""

import numpy as np
import pytest
from sklearn.metrics import fbeta_score

from stylevote.bootstrap import bootstrap_f_beta, compare_decisions, interval, with_mean
from stylevote.files.tables import UNKNOWN


def draw(photos, prevalences, right, seed):
    """Return labels, and decisions that are right with a probability."""
    random = np.random.default_rng(seed)
    labels = (random.random((photos, len(prevalences))) < prevalences).astype(np.uint8)
    wrong = random.random(labels.shape) > right
    return labels, labels ^ wrong.astype(np.uint8)


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_the_resamples_are_those_of_drawing_photos_with_replacement(beta):
    labels, one = draw(60, [0.3, 0.1, 0.02], 0.8, 1)
    other = np.ones_like(labels)
    actual = bootstrap_f_beta(labels, [one, other], resamples=120, seed=3, beta=beta)
    assert actual.shape == (2, 120, 3)
    random = np.random.default_rng(3)
    for resample in range(120):
        rows = random.integers(0, 60, 60)
        for decisions, scores in zip((one, other), actual[:, resample], strict=True):
            expected = fbeta_score(labels[rows], decisions[rows], beta=beta, average=None, zero_division=0)
            assert scores == pytest.approx(expected, abs=1e-12)


def test_the_interval_holds_the_true_value_about_as_often_as_it_says():
    truth_labels, truth_decisions = draw(400_000, [0.2], 0.9, 0)
    truth = fbeta_score(truth_labels[:, 0], truth_decisions[:, 0], beta=2)
    held = 0
    for seed in range(1, 201):
        labels, decisions = draw(400, [0.2], 0.9, seed)
        low, high = interval(bootstrap_f_beta(labels, [decisions], resamples=200)[0, :, 0])
        held += low <= truth <= high
    assert 175 <= held <= 199  # 95 % of 200 is 190, with a standard deviation of 3


def test_a_difference_of_equals_is_nothing_and_a_paired_one_is_narrower_than_two_by_themselves():
    labels, one = draw(500, [0.3, 0.2], 0.85, 4)
    other = one.copy()
    other[:20] = labels[:20]
    scores = bootstrap_f_beta(labels, [one, one, other], resamples=300).mean(axis=2)
    assert (scores[0] == scores[1]).all()
    low, high = interval(scores[2] - scores[0])
    assert high - low < 0.5 * np.ptp(interval(scores[0]))
    assert low > 0


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_two_ensembles_are_compared_label_by_label_and_in_the_mean(beta):
    labels, one = draw(400, [0.3, 0.2, 0.1], 0.8, 5)
    other = one.copy()
    other[:, 1] = labels[:, 1]
    table = compare_decisions(labels, one, other, ["a", "b", "c"], resamples=200, beta=beta).set_index("label")
    assert table["positives"].tolist() == [*labels.sum(axis=0), labels.sum()]
    expected = fbeta_score(labels, one, beta=beta, average=None)
    assert table["first"].tolist() == pytest.approx([*expected, expected.mean()])
    assert table.loc["b", "second"] == 1
    assert (table.loc[["a", "c"], ["difference", "low", "high"]] == 0).all(axis=None)
    assert 0 < table.loc["b", "low"] < table.loc["b", "difference"] < table.loc["b", "high"]
    assert table.loc["macro", "difference"] == pytest.approx(table.loc["b", "difference"] / 3)
    assert table.loc["macro", "low"] == pytest.approx(table.loc["b", "low"] / 3)


def test_groups_are_drawn_and_not_photos():
    """Groups are drawn with replacement, and all photos of a group as often as it."""
    labels, one = draw(80, [0.3, 0.1], 0.8, 6)
    groups = np.sort(np.random.default_rng(7).integers(0, 25, 80))[np.random.default_rng(8).permutation(80)] * 3
    actual = bootstrap_f_beta(labels, [one], groups, resamples=70, seed=5)[0]
    names, random = np.unique(groups), np.random.default_rng(5)
    for scores in actual:
        drawn = names[random.integers(0, len(names), len(names))]
        rows = np.concatenate([np.flatnonzero(groups == name) for name in drawn])
        expected = fbeta_score(labels[rows], one[rows], beta=2, average=None, zero_division=0)
        assert scores == pytest.approx(expected, abs=1e-12)


def test_photos_by_themselves_are_as_without_groups():
    labels, one = draw(90, [0.3, 0.1], 0.8, 6)
    plain = bootstrap_f_beta(labels, [one], resamples=60)
    assert (bootstrap_f_beta(labels, [one], np.arange(90) * 2, resamples=60) == plain).all()


def test_the_interval_over_groups_is_wider_if_photos_are_copies():
    labels, one = draw(100, [0.3], 0.8, 9)
    copies = [np.repeat(each, 4, axis=0) for each in (labels, one)]
    plain, grouped = (
        np.ptp(interval(bootstrap_f_beta(copies[0], [copies[1]], groups)[0, :, 0]))
        for groups in (None, np.repeat(np.arange(100), 4))
    )
    alone = np.ptp(interval(bootstrap_f_beta(labels, [one])[0, :, 0]))
    assert grouped == pytest.approx(alone, rel=1e-9)
    assert 0.4 < plain / grouped < 0.6  # four copies of each photo would halve it


def test_unknown_labels_are_drawn_and_count_neither_way():
    labels, one = draw(60, [0.3, 0.2, 0.5], 0.8, 1)
    labels[np.random.default_rng(2).random(labels.shape) < 0.4] = UNKNOWN
    labels[:, 2] = UNKNOWN
    actual = bootstrap_f_beta(labels, [one], resamples=80, seed=3)[0]
    random = np.random.default_rng(3)
    for scores in actual:
        rows = random.integers(0, 60, 60)
        for k in range(2):
            known = rows[labels[rows, k] != UNKNOWN]
            expected = fbeta_score(labels[known, k], one[known, k], beta=2, zero_division=0)
            assert scores[k] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(actual[:, 2]).all()
    assert with_mean(actual)[:, 3] == pytest.approx(actual[:, :2].mean(axis=1))
    table = compare_decisions(labels, one, 1 - one, ["a", "b", "c"], resamples=50).set_index("label")
    assert table["positives"].tolist() == [*(labels == 1).sum(axis=0), (labels == 1).sum()]
    assert table.loc["macro", "first"] == pytest.approx(table.loc[["a", "b"], "first"].mean())
    assert table.loc["c", ["first", "second", "low", "high"]].isna().all()
