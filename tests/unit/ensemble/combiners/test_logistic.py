"""The logistic regression is the minimum of its penalised loss, on log odds."""

import json

import numpy as np
import pytest

from stylevote.ensemble.combiners.logistic import fit


def penalised_loss(weights, intercept, odds, labels, alpha):
    """Return the sum of the cross-entropies, and alpha / 2 times that of the squared weights."""
    found = odds @ weights + intercept
    return np.logaddexp(0, np.where(labels == 1, -found, found)).sum() + alpha / 2 * weights @ weights


@pytest.mark.parametrize("alpha", [0.01, 1, 100])
@pytest.mark.parametrize("label", [0, 1])
def test_at_the_solution_the_penalised_loss_rises_in_all_directions_and_its_gradient_is_zero(bank, alpha, label):
    features, labels, folds = bank.candidates(label)[1].T, bank.truth[:, label], bank.folds
    for fold, stacker in enumerate(fit(features, labels, folds, alpha=[alpha]).stackers):
        found = json.loads(stacker.to_bytes())
        weights, intercept = np.array(found["weights"]), found["intercept"]
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
