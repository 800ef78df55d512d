"""The ridge regression is the least squares of photos and as many more rows as members, that pull the weights to 0."""

import json

import numpy as np
import pytest

from stylevote.ensemble.combiners.ridge import fit


@pytest.mark.parametrize("alpha", [0.01, 1, 100])
@pytest.mark.parametrize("label", [0, 1])
def test_the_weights_are_those_of_augmented_least_squares(ensemble, alpha, label):
    features, labels, folds = ensemble.candidates(label)[1].T, ensemble.truth[:, label], ensemble.folds
    members = features.shape[1]
    stack = fit(features, labels, folds, alpha=[alpha])
    for fold, stacker in enumerate(stack.stackers):
        inside = features[folds != fold].astype(float)
        photos = np.column_stack([inside, np.ones(len(inside))])
        pulls = np.column_stack([np.sqrt(alpha) * np.eye(members), np.zeros(members)])
        wanted = np.append(labels[folds != fold], np.zeros(members))
        expected = np.linalg.lstsq(np.vstack([photos, pulls]), wanted)[0]
        actual = json.loads(stacker.to_bytes())
        assert np.allclose([*actual["weights"], actual["intercept"]], expected, atol=1e-9)
        outside = features[folds == fold] @ expected[:-1] + expected[-1]
        assert np.allclose(stack.scores[folds == fold], np.clip(outside, 0, 1), atol=1e-6)
    assert np.abs(expected[:-1]).max() > 1e-3


def test_scores_are_cut_off_at_0_and_1():
    member = np.append(np.linspace(0.4, 0.6, 38), [0, 1, 0, 1])
    labels, folds = (member > 0.5).astype(np.uint8), np.arange(42) // 2 % 2
    stack = fit(member[:, None].astype(np.float32), labels, folds, alpha=[0.001])
    assert stack.scores[-4:].tolist() == [0, 1, 0, 1]
    assert ((stack.scores > 0) & (stack.scores < 1)).any()
