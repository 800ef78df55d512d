"""The mean rank: of each member, how many of the training photos a photo is above, whatever its probabilities."""

import numpy as np
import pytest
from scipy.stats import percentileofscore
from sklearn.metrics import fbeta_score, precision_recall_curve

from stylevote.ensemble.combiners.rank_mean import fit
from stylevote.ensemble.stack import stacked_scores


def problem(photos, members=3, seed=0):
    """Return features in steps of 1/64, so that some are equal, labels and folds."""
    random = np.random.default_rng(seed)
    labels = (random.random(photos) < 0.3).astype(np.uint8)
    features = np.clip(0.3 + 0.2 * labels[:, None] + 0.2 * random.normal(size=(photos, members)), 0, 1)
    return (np.rint(64 * features) / 64).astype(np.float32), labels, random.permutation(np.arange(photos) % 3)


def mean_rank(training, features):
    """Return the mean over the members of the share of the training scores below, equal ones counting half."""
    columns = zip(training.T, features.T, strict=True)
    return np.mean([percentileofscore(known, new, kind="mean") / 100 for known, new in columns], axis=0)


@pytest.mark.parametrize("photos", [3, 4, 120, 290])
def test_a_photos_score_is_its_mean_rank_among_the_photos_of_the_other_folds(photos):
    features, labels, folds = problem(photos)
    stack = fit(features, labels, folds)
    assert stack.scores.dtype == np.float32
    new = np.random.default_rng(1).random((50, 3)).astype(np.float32)
    for fold, stacker in enumerate(stack.stackers):
        training = features[folds != fold]
        assert np.allclose(stack.scores[folds == fold], mean_rank(training, features[folds == fold]), atol=1e-6)
        assert np.allclose(stacker.scores(new), mean_rank(training, new), atol=1e-6)


def test_of_many_photos_the_ranks_are_right_to_half_a_hundredth_of_their_distance_from_the_nearer_end():
    random = np.random.default_rng(2)
    training = random.beta(0.2, 3, (30_000, 1)).astype(np.float32)
    stacker = fit(np.append(training, training, axis=0), np.zeros(60_000), np.repeat([0, 1], 30_000)).stackers[0]
    ordered = np.sort(training[:, 0]).astype(float)
    middle = (ordered[1:] + ordered[:-1]) / 2
    new = np.concatenate([middle[:200], middle[200:-200:50], middle[-200:]]).astype(np.float32)[:, None]
    expected = mean_rank(training, new)
    end = np.minimum(expected, 1 - expected)
    away = np.abs(stacker.scores(new) - expected)
    assert (away <= 0.0055 * end + 1e-6).all()
    assert away[end <= 100 / 30_000].max() < 1e-6, "the first and last hundred are not exact"
    assert len(stacker.to_bytes()) < 30_000


def test_a_monotone_transform_of_a_member_changes_nothing():
    features, labels, folds = problem(400)
    new = np.random.default_rng(1).random((100, 3)).astype(np.float32)

    def bolder(scores):
        """Cube the first member's odds, and halve the second's probabilities."""
        first, second, third = scores.astype(float).T
        return np.column_stack([first**3 / (first**3 + (1 - first) ** 3), second / 2, third])

    plain, other = fit(features, labels, folds), fit(bolder(features), labels, folds)
    assert np.array_equal(plain.scores, other.scores)
    assert np.array_equal(stacked_scores(plain.stackers, new), stacked_scores(other.stackers, bolder(new)))
    assert not np.array_equal(plain.scores, fit(1 - features, labels, folds).scores)


def test_the_grid_is_one_row_with_the_figures_of_the_scores():
    features, labels, folds = problem(120)
    stack = fit(features, labels, folds)
    (row,) = stack.grid.itertuples()
    assert list(stack.grid.columns) == ["f_beta", "threshold", "logloss", "chosen"]
    precision, recall, _ = precision_recall_curve(labels, stack.scores)
    assert row.f_beta == pytest.approx(np.max(5 * precision * recall / np.maximum(4 * precision + recall, 1e-9)))
    assert row.f_beta == pytest.approx(fbeta_score(labels, stack.scores >= row.threshold, beta=2))


def test_a_label_without_positives_has_scores():
    features, labels, folds = problem(120)
    assert np.isfinite(fit(features, 0 * labels, folds).scores).all()
