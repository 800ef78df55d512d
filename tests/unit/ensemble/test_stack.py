"""What all combiners share: they are chosen by their name, averaged over folds, and measured alike."""

import numpy as np
import pytest
from sklearn.metrics import fbeta_score, precision_recall_curve

from stylevote.config.ensemble import Stack
from stylevote.ensemble.combiners import logistic, mean, rank_mean, ridge, xgboost
from stylevote.ensemble.stack import fit_stack, log_loss, stacked_scores

BOOSTED = {
    "grid": {"eta": [0.1], "max_depth": [2], "min_child_weight": [1]},
    "rounds": 20,
    "patience": 5,
    "seed": 1,
}


@pytest.mark.parametrize(
    ("name", "module", "own"),
    [
        ("logistic", logistic, {"alpha": [3]}),
        ("mean", mean, {}),
        ("rank_mean", rank_mean, {}),
        ("ridge", ridge, {"alpha": [2]}),
        ("xgboost", xgboost, BOOSTED),
    ],
)
def test_the_combiner_that_the_settings_name_gets_its_own_settings(ensemble, name, module, own):
    features, labels = ensemble.candidates(1)[1].T, ensemble.truth[:, 1]
    sections = {"xgboost": BOOSTED, "logistic": {"alpha": [3]}, "ridge": {"alpha": [2]}}
    stack = fit_stack(features, labels, ensemble.folds, Stack(combiner=name, **sections))
    direct = module.fit(features, labels, ensemble.folds, **own)
    assert np.array_equal(stack.scores, direct.scores)
    assert stack.grid.equals(direct.grid)
    assert len(stack.stackers) == 3
    again = [module.load(stacker.to_bytes()) for stacker in stack.stackers]
    assert np.array_equal(stacked_scores(again, features), stacked_scores(direct.stackers, features))


@pytest.mark.parametrize("beta", [0.5, 1])
@pytest.mark.parametrize("name", ["logistic", "mean", "rank_mean", "ridge", "xgboost"])
def test_the_grid_is_measured_by_beta(ensemble, name, beta):
    features, labels = ensemble.candidates(1)[1].T, ensemble.truth[:, 1]
    sections = {"xgboost": BOOSTED, "logistic": {"alpha": [3]}, "ridge": {"alpha": [2]}}
    stack = fit_stack(features, labels, ensemble.folds, Stack(combiner=name, **sections), beta=beta)
    (row,) = stack.grid.itertuples()
    precision, recall, _ = precision_recall_curve(labels, stack.scores)
    best = np.max((1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-9))
    assert row.f_beta == pytest.approx(best)
    assert row.f_beta == pytest.approx(fbeta_score(labels, stack.scores >= row.threshold, beta=beta))


def test_boosted_trees_are_chosen_by_beta(ensemble):
    features, labels = ensemble.candidates(1)[1].T, ensemble.truth[:, 1]
    grid = {"eta": [0.05, 0.1, 0.3, 0.6], "max_depth": [1, 2, 4], "min_child_weight": [1, 5]}
    actual = {}
    for beta in (0.5, 2):
        settings = Stack(combiner="xgboost", xgboost=BOOSTED | {"grid": grid})
        stack = fit_stack(features, labels, ensemble.folds, settings, beta=beta)
        (chosen,) = np.flatnonzero(stack.grid["chosen"])
        assert chosen == stack.grid["f_beta"].argmax()
        threshold = stack.grid["threshold"][chosen]
        assert stack.grid["f_beta"][chosen] == pytest.approx(fbeta_score(labels, stack.scores >= threshold, beta=beta))
        actual[beta] = chosen
    assert actual[0.5] != actual[2], "beta made no difference"


def test_log_loss_is_finite_and_right():
    assert log_loss(np.array([1, 0]), np.array([0.5, 0.75], dtype=np.float32)) == pytest.approx(
        -(np.log(0.5) + np.log(0.25)) / 2
    )
    assert np.isfinite(log_loss(np.array([1, 0]), np.array([0, 1], dtype=np.float32)))
