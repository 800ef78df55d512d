"""The logistic regression is the minimum of its penalised loss, on log odds."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from stylevote.ensemble.combiners.logistic import fit


def penalised_loss(weights, intercept, odds, labels, alpha):
    """Return the sum of the cross-entropies, and alpha / 2 times that of the squared weights."""
    actual = odds @ weights + intercept
    return np.logaddexp(0, np.where(labels == 1, -actual, actual)).sum() + alpha / 2 * weights @ weights


@pytest.mark.parametrize("alpha", [0.01, 1, 100])
@pytest.mark.parametrize("label", [0, 1])
def test_at_the_solution_the_penalised_loss_rises_in_all_directions_and_its_gradient_is_zero(ensemble, alpha, label):
    features, labels, folds = ensemble.candidates(label)[1].T, ensemble.truth[:, label], ensemble.folds
    for fold, stacker in enumerate(fit(features, labels, folds, alpha=[alpha]).stackers):
        actual = json.loads(stacker.to_bytes())
        weights, intercept = np.array(actual["weights"]), actual["intercept"]
        inside = features[folds != fold].astype(float)
        odds, truth = np.log(inside / (1 - inside)), labels[folds != fold]
        excess = 1 / (1 + np.exp(-(odds @ weights + intercept))) - truth
        assert np.abs(odds.T @ excess + alpha * weights).max() < 1e-5
        assert abs(excess.sum()) < 1e-5
        least = penalised_loss(weights, intercept, odds, truth, alpha)
        for direction in np.eye(len(weights) + 1):
            for step in (-0.01, 0.01):
                moved = weights + step * direction[1:], intercept + step * direction[0]
                assert penalised_loss(*moved, odds, truth, alpha) > least


ALPHAS = [1, 1e-4, 1000, 1, 0.1]


@pytest.mark.parametrize("positives", [1, 12, 600])
def test_weights_are_those_of_scikit_learn_whatever_the_order_of_the_penalties(positives):
    random = np.random.default_rng(positives)
    labels = (np.arange(1200) < positives).astype(np.uint8)
    odds = random.normal(size=(1200, 6)) + 3 * random.random(6) * labels[:, None] - 2
    odds[:, 5] = odds[:, 4]
    features, folds = (1 / (1 + np.exp(-odds))).astype(np.float32), np.tile([0, 1], 600)
    for k, alpha in enumerate(ALPHAS):
        for order in (ALPHAS[k:], ALPHAS[k::-1], [alpha]):
            stack = fit(features, labels, folds, alpha=[*order[:1], *order])
            assert stack.grid["alpha"].tolist() == [alpha, *order]
        for fold, stacker in enumerate(stack.stackers):
            if labels[folds != fold].any():
                inside = features[folds != fold].astype(float)
                expected = LogisticRegression(C=1 / alpha, solver="newton-cholesky", tol=1e-10, max_iter=1000)
                expected.fit(np.log(inside / (1 - inside)), labels[folds != fold])
                actual = json.loads(stacker.to_bytes())
                assert np.allclose(actual["weights"], expected.coef_[0], rtol=1e-4, atol=1e-4)
                assert np.isclose(actual["intercept"], expected.intercept_[0], rtol=1e-4, atol=1e-4)


def test_members_that_separate_the_label_end_in_finite_weights():
    """Far from the solution, whole steps of Newton's method would lead away from it."""
    labels = np.repeat([0, 1], [390, 10])
    features = np.where(labels == 1, 1 - 1e-6, 1e-6).astype(np.float32)[:, None]
    for stacker in fit(features, labels, np.tile([0, 1], 200), alpha=[1e-9]).stackers:
        actual = json.loads(stacker.to_bytes())
        odds = np.log(features / (1 - features)).astype(float) * actual["weights"] + actual["intercept"]
        assert np.isfinite(odds).all()
        assert ((odds[:, 0] > 5) == labels).all()


def test_scores_are_probabilities_of_the_weighted_log_odds():
    """One member that says the truth in odds twice as bold as they are: its log odds are halved."""
    random = np.random.default_rng(0)
    true_odds = random.normal(size=60_000)
    labels = (random.random(60_000) < 1 / (1 + np.exp(-true_odds))).astype(np.uint8)
    features = (1 / (1 + np.exp(-(2 * true_odds + 1))))[:, None].astype(np.float32)
    stack = fit(features, labels, np.arange(60_000) % 2, alpha=[1])
    assert np.allclose(stack.scores, 1 / (1 + np.exp(-true_odds)), atol=0.02)


def test_scores_of_0_and_1_are_taken():
    labels = np.array([0, 0, 1, 1])
    scores = fit(labels[:, None].astype(np.float32), labels, np.array([0, 1, 0, 1]), alpha=[1]).scores
    assert (np.abs(scores - labels) < 0.02).all()
