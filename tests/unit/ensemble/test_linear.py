"""What the linear combiners share: the penalty is the best of those given, and weights are read back."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, fbeta_score, precision_recall_curve
from sklearn.metrics import log_loss as cross_entropy

from stylevote.ensemble.combiners import logistic, ridge

ALPHAS = [3000, 1, 30]
BOTH = pytest.mark.parametrize("combiner", [logistic, ridge])


@pytest.fixture
def problem(ensemble):
    """Return features (photos, members), labels and folds of one label."""
    return ensemble.candidates(1)[1][[0, 2, 4]].T, ensemble.truth[:, 1], ensemble.folds


@BOTH
def test_each_photo_is_scored_by_the_stacker_that_did_not_learn_from_it(combiner, problem):
    features, labels, folds = problem
    stack = combiner.fit(features, labels, folds, alpha=[1])
    assert stack.scores.dtype == np.float32
    for fold, stacker in enumerate(stack.stackers):
        held_out = folds == fold
        assert np.array_equal(stack.scores[held_out], stacker.scores(features[held_out]))
        turned = combiner.fit(features, np.where(held_out, 1 - labels, labels), folds, alpha=[1])
        raw = [one.to_bytes() == other.to_bytes() for one, other in zip(stack.stackers, turned.stackers, strict=True)]
        assert raw == [fold == k for k in range(3)]


def best_f2(labels, scores):
    """Return the F2 at the best of all cuts."""
    precision, recall, _ = precision_recall_curve(labels, scores)
    return np.max(5 * precision * recall / np.maximum(4 * precision + recall, 1e-9))


@pytest.mark.parametrize(
    ("combiner", "column", "loss"), [(logistic, "logloss", cross_entropy), (ridge, "squared_error", brier_score_loss)]
)
def test_the_penalty_of_lowest_loss_is_chosen(combiner, column, loss, problem):
    features, labels, folds = problem
    stack = combiner.fit(features, labels, folds, alpha=ALPHAS)
    single = [combiner.fit(features, labels, folds, alpha=[alpha]).scores for alpha in ALPHAS]
    losses = [loss(labels, scores.astype(float)) for scores in single]
    best = int(np.argmin(losses))
    assert best == 1
    assert stack.grid[column].tolist() == pytest.approx(losses, rel=1e-5)
    assert stack.grid["alpha"].tolist() == ALPHAS
    assert stack.grid["chosen"].tolist() == [False, True, False]
    assert np.array_equal(stack.scores, single[best])
    for row, scores in zip(stack.grid.itertuples(), single, strict=True):
        assert row.f_beta == pytest.approx(best_f2(labels, scores))
        assert row.f_beta == pytest.approx(fbeta_score(labels, scores >= row.threshold, beta=2))


@BOTH
def test_of_equal_penalties_the_first_is_chosen(combiner, problem):
    assert combiner.fit(*problem, alpha=[5, 5]).grid["chosen"].tolist() == [True, False]


@BOTH
@pytest.mark.parametrize("value", [0, 1])
def test_a_fold_with_nothing_to_learn_is_a_constant_and_said(combiner, value, caplog):
    folds = np.arange(90) % 3
    labels = np.where(folds == 1, np.arange(90) % 2, value)
    features = np.random.default_rng(0).random((90, 2)).astype(np.float32)
    with caplog.at_level("INFO"):
        stack = combiner.fit(features, labels, folds, alpha=ALPHAS)
    assert caplog.text.count(f"fold 1: learns from photos of which {100 * value} % have the label: a constant") == 1
    assert np.allclose(stack.scores[folds == 1], value, atol=2e-6)
    assert np.ptp(stack.scores[folds == 0]) > 0
    assert np.allclose(combiner.load(stack.stackers[1].to_bytes()).scores(features), value, atol=2e-6)


@BOTH
def test_a_member_that_always_says_the_same_changes_nothing(combiner, problem):
    features, labels, folds = problem
    constant = np.zeros((len(labels), 1), dtype=np.float32)
    with_it = combiner.fit(np.append(features, constant, axis=1), labels, folds, alpha=[1])
    assert np.allclose(with_it.scores, combiner.fit(features, labels, folds, alpha=[1]).scores, atol=1e-5)
