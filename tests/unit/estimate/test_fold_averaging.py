"""What joining the folds adds is foretold without the new photos' labels."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import fbeta_score

from stylevote.estimate.fold_averaging import fold_averaging_gain

FOLDS = 5


def evidence(photos, prevalence, noise, seed):
    """Return labels, what all folds see alike, and what each sees besides: binormal, of variance 1 in all."""
    random = np.random.default_rng(seed)
    labels = (random.random(photos) < prevalence).astype(np.uint8)
    common = 2 * labels + np.sqrt(1 - noise) * random.standard_normal(photos)
    return labels, common + np.sqrt(noise) * random.standard_normal((FOLDS, photos))


def probability(seen, prevalence):
    """Return the label's probability by Bayes."""
    return expit(np.log(prevalence / (1 - prevalence)) + 2 * (seen - 1)).astype(np.float32)


@pytest.mark.parametrize(("beta", "threshold"), [(1, 0.35), (2, 0.15)])
@pytest.mark.parametrize("noise", [0.0, 0.15, 0.4])
@pytest.mark.parametrize("prevalence", [0.05, 0.3])
def test_the_gain_is_that_of_the_labels_which_it_does_not_see(prevalence, noise, beta, threshold):
    labels, seen = evidence(40_000, prevalence, noise, seed=1)
    truth, by_fold = evidence(60_000, prevalence, noise, seed=2)
    scores, by_fold = probability(seen[0], prevalence), probability(by_fold, prevalence)
    joined = fbeta_score(truth, by_fold.mean(axis=0) >= threshold, beta=beta)
    true = joined - np.mean([fbeta_score(truth, fold >= threshold, beta=beta) for fold in by_fold])
    actual = fold_averaging_gain(labels, scores, by_fold, threshold, beta)
    assert actual == pytest.approx(true, abs=0.004)
    if noise:
        assert true > 0.006
    else:
        assert actual == 0


@pytest.mark.parametrize("labels", [np.zeros(50, np.uint8), np.ones(50, np.uint8), np.arange(50) % 2])
@pytest.mark.parametrize("scores", [np.linspace(0, 1, 50, dtype=np.float32), np.full(50, 0.5, np.float32)])
def test_without_anything_to_learn_from_there_is_a_figure(labels, scores):
    same = np.full((FOLDS, 30), 0.25, np.float32)
    assert fold_averaging_gain(labels, scores, same, 0.5) == 0
    by_fold = np.random.default_rng(0).random((FOLDS, 30), dtype=np.float32)
    gain = fold_averaging_gain(labels, scores, by_fold, 0.5)
    assert np.isfinite(gain)
    assert abs(gain) <= 1
