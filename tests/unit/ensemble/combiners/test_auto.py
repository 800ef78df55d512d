"""The simplest combiner that the nested estimate finds good enough; its file says which, and is refused if it lies."""

import json

import numpy as np
import pytest
from sklearn.metrics import fbeta_score

from stylevote.config.ensemble import Stack
from stylevote.ensemble.combiners import logistic, mean
from stylevote.ensemble.combiners.auto import fit, load
from stylevote.ensemble.stack import fit_stack, stacked_scores
from stylevote.errors import InputError

MEAN, LOGISTIC = ("mean", {}), ("logistic", {"alpha": [1]})
BOOSTED = (
    "xgboost",
    {"grid": {"eta": [0.3], "max_depth": [2], "min_child_weight": [1]}, "rounds": 15, "patience": 5, "seed": 1},
)


def problem(skills, photos=400, folds=4, seed=0):
    """Return features, members that tell a label by ``skills`` standard deviations of their noise; labels and folds."""
    random = np.random.default_rng(seed)
    labels = (random.random(photos) < 0.3).astype(np.uint8)
    odds = np.array(skills) * (labels[:, None] - 0.5) + random.normal(size=(photos, len(skills)))
    return (1 / (1 + np.exp(-odds))).astype(np.float32), labels, random.permutation(np.arange(photos) % folds)


DIFFERENT = (3, 0, 0, 0, -2)  # one is good, others know nothing, and one is always wrong: weights help
SINGLE = (2,)  # there is nothing to weigh


def decided_without(features, labels, folds, beta):
    """Decide each fold by the mean over the members, cut where the other folds' F-beta is best, by scikit-learn."""
    scores, decisions = features.mean(axis=1, dtype=float).astype(np.float32), np.empty(len(labels), dtype=int)
    for fold in np.unique(folds):
        known, outside = folds != fold, folds == fold
        ordered = np.unique(scores[known]).astype(float)
        cuts = (np.append(0, ordered[:-1]) + ordered) / 2
        reached = [fbeta_score(labels[known], scores[known] >= cut, beta=beta) for cut in cuts]
        best = max(cut for cut, value in zip(cuts, reached, strict=True) if value > max(reached) - 1e-12)
        decisions[outside] = scores[outside] >= best
    return decisions


@pytest.mark.parametrize("among", [[MEAN, LOGISTIC], [LOGISTIC, MEAN]])
def test_the_clearly_better_one_is_chosen_wherever_it_stands(among):
    features, labels, folds = problem(DIFFERENT)
    stack = fit(features, labels, folds, among=among, seed=1)
    grid = stack.grid.set_index("combiner")
    assert grid["chosen"].to_dict() == {"mean": False, "logistic": True}
    assert grid.loc["mean", "behind"] > 3 * grid.loc["mean", "standard_error"] > 0
    alone = logistic.fit(features, labels, folds, alpha=[1])
    assert np.array_equal(stack.scores, alone.scores)
    assert np.array_equal(stacked_scores(stack.stackers, features), stacked_scores(alone.stackers, features))


@pytest.mark.parametrize("among", [[MEAN, LOGISTIC], [LOGISTIC, MEAN]])
def test_of_those_that_are_as_good_the_first_is_chosen(among):
    features, labels, folds = problem(SINGLE)
    stack = fit(features, labels, folds, among=among, seed=1)
    assert stack.grid["combiner"].tolist() == [name for name, _ in among]
    assert stack.grid["chosen"].tolist() == [True, False]
    first = {"mean": mean, "logistic": logistic}[among[0][0]].fit(features, labels, folds, **among[0][1])
    assert np.array_equal(stack.scores, first.scores)


def test_one_that_is_behind_by_less_than_its_standard_error_is_as_good():
    little, much = 0, 0
    for seed in range(12):
        grid = fit(*problem((2, 1.5, 1), seed=seed), among=[MEAN, LOGISTIC], seed=1).grid
        behind, error = grid["behind"][0], grid["standard_error"][0]
        assert grid["chosen"].tolist() == ([True, False] if behind <= error else [False, True])
        little += 0 < behind <= error
        much += behind > error
    assert little, "the simpler one was never behind by a little"
    assert much, "the simpler one was never behind by more"


@pytest.mark.parametrize("beta", [0.5, 2])
def test_the_estimate_is_nested_and_its_error_is_of_the_difference(beta):
    features, labels, folds = problem((2, 2, 0), photos=240)
    grid = fit(features, labels, folds, among=[MEAN, LOGISTIC], seed=1, beta=beta).grid.set_index("combiner")
    decisions = decided_without(features, labels, folds, beta)
    assert grid.loc["mean", "nested_f_beta"] == pytest.approx(fbeta_score(labels, decisions, beta=beta))
    best = grid["nested_f_beta"].idxmax()
    assert grid["behind"].tolist() == pytest.approx(grid.loc[best, "nested_f_beta"] - grid["nested_f_beta"])
    assert grid.loc[best, "standard_error"] == 0
    # What the chosen one's scores reach on the photos that chose their threshold stands in its row alone.
    (chosen,) = grid[grid["chosen"]].itertuples()
    scores = fit(features, labels, folds, among=[MEAN, LOGISTIC], seed=1, beta=beta).scores
    assert chosen.f_beta == pytest.approx(fbeta_score(labels, scores >= chosen.threshold, beta=beta))
    assert grid.loc[~grid["chosen"], ["f_beta", "threshold", "logloss"]].isna().all(axis=None)


def test_the_standard_error_is_that_of_resampled_differences():
    """One combiner makes no mistake on any resample: the error is that of the other alone, by resamples of our own."""
    random = np.random.default_rng(0)
    labels = (random.random(300) < 0.3).astype(np.uint8)
    features = np.column_stack([0.8 * labels + 0.1, random.random(300)]).astype(np.float32)
    folds = random.permutation(np.arange(300) % 4)
    grid = fit(features, labels, folds, among=[MEAN, LOGISTIC], seed=1).grid.set_index("combiner")
    assert grid.loc["logistic", "nested_f_beta"] == 1
    decisions, resampled = decided_without(features, labels, folds, 2), []
    for _ in range(500):
        rows = random.integers(0, 300, 300)
        resampled.append(fbeta_score(labels[rows], decisions[rows], beta=2))
    assert grid.loc["mean", "standard_error"] == pytest.approx(np.std(resampled), rel=0.1)


def test_the_standard_error_is_over_groups():
    """Four copies of each photo tell no more than one: by groups, the standard error is twice that over photos."""
    features, labels, folds = (np.repeat(each, 4, axis=0) for each in problem(DIFFERENT, photos=300))
    errors = []
    for groups in (None, np.repeat(np.arange(300), 4)):
        stack = Stack.model_validate({"combiner": "auto", "auto": {"among": ["mean", "logistic"]}})
        grid = fit_stack(features, labels, folds, stack, groups=groups).grid.set_index("combiner")
        errors.append(grid.loc["mean", "standard_error"])
    assert errors[1] == pytest.approx(2 * errors[0], rel=0.15)


def test_a_stacker_is_read_back():
    features, labels, folds = problem(DIFFERENT)
    stackers = fit(features, labels, folds, among=[MEAN, LOGISTIC], seed=1).stackers
    raw = [stacker.to_bytes() for stacker in stackers]
    assert [json.loads(one.splitlines()[0]) for one in raw] == ["logistic"] * 4
    again = [load(one) for one in raw]
    assert [stacker.to_bytes() for stacker in again] == raw
    for one, stacker in zip(again, stackers, strict=True):
        assert np.array_equal(one.scores(features), stacker.scores(features))
    with pytest.raises(InputError, match="found the scores of 2 members, expected 5"):
        again[0].scores(features[:, :2])


def test_a_booster_is_read_back_whatever_bytes_it_is_made_of():
    features, labels, folds = problem(DIFFERENT)
    stackers = fit(features, labels, folds, among=[BOOSTED, MEAN], seed=1).stackers
    raw = [stacker.to_bytes() for stacker in stackers]
    assert all(b"\n" in one.split(b"\n", 1)[1] for one in raw), "no further newline to mistake for the first"
    again = [load(one, threads=2).scores(features) for one in raw]
    assert np.array_equal(again, [stacker.scores(features) for stacker in stackers])


@pytest.mark.parametrize("name", ["os.path", "../x", "mean.x", "", "linear", "auto", "__init__", 3, None, ["mean"], {}])
def test_a_name_that_is_no_combiners_is_refused(name):
    with pytest.raises(InputError, match="found no combiner's name before the stacker"):
        load(json.dumps(name).encode() + b'\n{"members": 3}\n')


@pytest.mark.parametrize("raw", [b"", b"\n", b"mean\n", b"\xff\xfe\n{}", b'{"members": 3}', b'"auto"\n' * 5000])
def test_what_has_no_name_is_refused(raw):
    with pytest.raises(InputError, match="found no combiner's name before the stacker"):
        load(raw)


def test_another_combiners_stacker_after_the_name_is_refused():
    features, labels, folds = problem(SINGLE)
    weights = logistic.fit(features, labels, folds, alpha=[1]).stackers[0].to_bytes()
    with pytest.raises(InputError, match="found no mean, expected"):
        load(b'"mean"\n' + weights)
    with pytest.raises(InputError, match="found no mean, expected"):
        load(b'"mean"')


def test_two_folds_are_refused():
    with pytest.raises(InputError, match=r"folds\.count: found 2, expected 3 or more"):
        fit(*problem(SINGLE, folds=2), among=[MEAN, LOGISTIC], seed=1)


def test_the_number_of_threads_makes_no_difference():
    features, labels, folds = problem((3, 2, 0, -2))
    among = [name for name, _ in (MEAN, BOOSTED)]
    settings = Stack(combiner="auto", auto={"among": among, "seed": 1}, xgboost=BOOSTED[1])
    alone, together = (fit_stack(features, labels, folds, settings, threads=threads) for threads in (1, 4))
    raw = [stacker.to_bytes() for stacker in alone.stackers]
    assert raw == [stacker.to_bytes() for stacker in together.stackers]
    assert json.loads(raw[0].split(b"\n")[0]) == "xgboost"
    assert alone.scores.tobytes() == together.scores.tobytes()
    assert alone.grid.equals(together.grid)
