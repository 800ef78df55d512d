"""The mean over the members: nothing is fitted, and its file holds how many it wants."""

import numpy as np
import pytest
from sklearn.metrics import fbeta_score
from sklearn.metrics import log_loss as cross_entropy

from stylevote.ensemble.combiners.mean import fit


@pytest.fixture
def problem(ensemble):
    """Return features (photos, members), labels and folds of one label."""
    return ensemble.candidates(1)[1][[0, 2, 4]].T, ensemble.truth[:, 1], ensemble.folds


def test_scores_are_the_mean_of_the_probabilities():
    features = np.array([[0.25, 1.0, 0.25], [0.5, 0.75, 1.0], [0.0, 0.0, 0.0]], dtype=np.float32)
    stack = fit(features, np.array([0, 1, 0]), np.array([0, 1, 2]))
    assert stack.scores.tolist() == [0.5, 0.75, 0.0]
    assert stack.scores.dtype == np.float32
    assert [stacker.scores(features).tolist() for stacker in stack.stackers] == [[0.5, 0.75, 0.0]] * 3


def test_the_grid_is_one_row_with_the_figures_of_the_scores(problem):
    features, labels, folds = problem
    stack = fit(features, labels, folds)
    assert list(stack.grid.columns) == ["f_beta", "threshold", "logloss", "chosen"]
    (row,) = stack.grid.itertuples()
    best = max(fbeta_score(labels, stack.scores >= cut, beta=2) for cut in np.unique(stack.scores))
    assert row.f_beta == pytest.approx(best)
    assert fbeta_score(labels, stack.scores >= row.threshold, beta=2) == pytest.approx(best)
    assert row.logloss == pytest.approx(cross_entropy(labels, stack.scores.astype(float)), rel=1e-5)
    assert row.chosen
