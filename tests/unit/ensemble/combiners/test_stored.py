"""Stackers of every combiner are stored as the same bytes each time, and read back; no others are taken for them."""

import json
from io import BytesIO

import numpy as np
import pytest

from stylevote.ensemble.combiners import logistic, mean, rank_mean, ridge, xgboost
from stylevote.errors import InputError

GRID = {"eta": [0.05, 0.2], "max_depth": [2], "min_child_weight": [1]}
SETTINGS = {
    mean: {},
    rank_mean: {},
    logistic: {"alpha": [3000, 1, 30]},
    ridge: {"alpha": [3000, 1, 30]},
    xgboost: {"grid": GRID, "rounds": 20, "patience": 5, "seed": 1},
}
KEYS = {mean: {"members"}, logistic: {"weights", "intercept"}, ridge: {"weights", "intercept"}}


def arrays(*tables):
    file = BytesIO()
    for table in tables:
        np.save(file, table, allow_pickle=True)
    return file.getvalue()


NO_MEAN = [b"", b"{}", b"[1]", b"3", b"{L\x00\x00", b"\xff\xfe", b'{"members": null}']
NO_RANKS = [
    b"",
    b'{"members": 3}',
    b"\x93NUMPY",
    arrays(np.ones((2, 3))),
    arrays(np.ones((2, 3)), np.ones(4))[:-1],
    arrays(np.ones((2, 3)), np.ones(3)),
    arrays(np.ones(3), np.ones(4)),
    arrays(np.array([["a", "b"]]), np.ones(3)),
    arrays(np.array([[None, 1]]), np.ones(3)),
]
NO_SUM = [
    b"",
    b"{}",
    b"3",
    b"\xff\xfe",
    b'{"members": 3}',
    b'{"weights": [1], "intercept": null}',
    b'{"weights": ["a"], "intercept": 0}',
    b'{"weights": [NaN], "intercept": 0}',
    b'{"weights": [[1]], "intercept": 0}',
    b'{"weights": 1, "intercept": 0}',
]
OTHERS = [
    *((mean, raw, "no mean") for raw in NO_MEAN),
    *((rank_mean, raw, "no tables of ranks") for raw in NO_RANKS),
    *((combiner, raw, "no weighted sum") for combiner in (logistic, ridge) for raw in NO_SUM),
    (xgboost, b'{"members": 3}', "no booster"),
]


@pytest.fixture
def problem(ensemble):
    """Return features (photos, members), labels and folds of one label."""
    return ensemble.candidates(1)[1][[0, 2, 4]].T, ensemble.truth[:, 1], ensemble.folds


@pytest.mark.parametrize("combiner", SETTINGS)
def test_the_bytes_are_the_same_every_time_and_read_back(combiner, problem):
    features = problem[0]
    first, second = (combiner.fit(*problem, **SETTINGS[combiner]).stackers for _ in range(2))
    raw = [stacker.to_bytes() for stacker in first]
    assert raw == [stacker.to_bytes() for stacker in second]
    again = [combiner.load(one) for one in raw]
    for one, stacker in zip(again, first, strict=True):
        assert np.array_equal(one.scores(features), stacker.scores(features))
    if combiner in KEYS:
        assert json.loads(raw[0]).keys() == KEYS[combiner]
    if combiner is not xgboost:
        assert [stacker.to_bytes() for stacker in again] == raw
        with pytest.raises(InputError, match="found the scores of 2 members, expected 3"):
            again[0].scores(features[:, :2])


@pytest.mark.parametrize(("combiner", "raw", "message"), OTHERS)
def test_other_bytes_are_refused(combiner, raw, message):
    with pytest.raises(InputError, match=f"found {message}, expected"):
        combiner.load(raw)


@pytest.mark.parametrize("combiner", [mean, rank_mean])
def test_labels_only_measure_what_is_not_fitted_to_them(combiner, problem):
    features, labels, folds = problem
    stack, turned = combiner.fit(features, labels, folds), combiner.fit(features, 1 - labels, folds)
    assert np.array_equal(stack.scores, turned.scores)
    assert [one.to_bytes() for one in stack.stackers] == [one.to_bytes() for one in turned.stackers]
