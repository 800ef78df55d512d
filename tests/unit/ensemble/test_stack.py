"""What all combiners share: they are chosen by their name, averaged over folds, and measured alike."""

import numpy as np
import pytest

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
def test_the_combiner_that_the_settings_name_gets_its_own_settings(bank, name, module, own):
    features, labels = bank.candidates(1)[1].T, bank.truth[:, 1]
    sections = {"xgboost": BOOSTED, "logistic": {"alpha": [3]}, "ridge": {"alpha": [2]}}
    stack = fit_stack(features, labels, bank.folds, {"combiner": name, "label": "style 1", **sections})
    direct = module.fit(features, labels, bank.folds, **own)
    assert np.array_equal(stack.scores, direct.scores)
    assert stack.grid.equals(direct.grid)
    assert len(stack.stackers) == 3
    again = [module.load(stacker.to_bytes()) for stacker in stack.stackers]
    assert np.array_equal(stacked_scores(again, features), stacked_scores(direct.stackers, features))


def test_log_loss_is_finite_and_right():
    assert log_loss(np.array([1, 0]), np.array([0.5, 0.75], dtype=np.float32)) == pytest.approx(
        -(np.log(0.5) + np.log(0.25)) / 2
    )
    assert np.isfinite(log_loss(np.array([1, 0]), np.array([0, 1], dtype=np.float32)))
