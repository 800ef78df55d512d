"""A photo whose label is unknown counts neither way: without it, everything that the label decides is the same."""

import numpy as np
import pandas as pd
import pytest

from stylevote.config.ensemble import Selection, Stack, Threshold
from stylevote.ensemble.features import split_halves
from stylevote.ensemble.nested import predict_nested
from stylevote.ensemble.rank import rank_by_fold
from stylevote.ensemble.select import select_by_fold
from stylevote.ensemble.stack import fit_stack
from stylevote.ensemble.threshold import f_beta_at, precision_threshold, search_thresholds
from stylevote.estimate.fold_averaging import fold_averaging_gain
from stylevote.estimate.leakage import fold_aucs
from stylevote.estimate.nested import select_and_predict_nested
from stylevote.estimate.single_networks import estimate_runs
from stylevote.files.tables import UNKNOWN
from stylevote.report.losses import sample_losses
from stylevote.report.measures import flat_range, reliability

GREEDY = {"bags": 2, "share": 0.7, "start": 2, "max_members": 6, "seed": 1}
GRID = {"eta": [0.1, 0.3], "max_depth": [2], "min_child_weight": [1, 5]}
SECTIONS = {
    "xgboost": {"grid": GRID, "rounds": 20, "patience": 5, "seed": 1},
    "auto": {"among": ["mean", "logistic", "xgboost"], "seed": 1},
}
LOGISTIC, EXACT = Stack(combiner="logistic"), Threshold(method="exact")
SELECTIONS = [{"method": "top_n", "top_n": 2}, {"method": "greedy", "greedy": GREEDY}, {"method": "each_backbone"}]


@pytest.fixture
def partly(simulate):
    """One label's candidates, their scores, truth, folds and known photos: a third is unknown, of positives more."""
    ensemble = simulate(photos=420, prevalence=(0.3,), runs=4, strength=1.5, seed=5)
    candidates, scores = ensemble.candidates(0)
    truth = ensemble.truth[:, 0].copy()
    known = np.random.default_rng(7).random(len(truth)) > np.where(truth == 1, 0.5, 0.25)
    truth[~known] = UNKNOWN
    return candidates, scores, truth, ensemble.folds, known


def test_candidates_are_ranked_and_selected_by_known_photos(partly):
    candidates, scores, truth, folds, known = partly
    groups = np.arange(len(truth))
    halves = split_halves(truth, folds, groups)
    assert np.array_equal(halves[known], split_halves(truth[known], folds[known], groups[known]))
    rankings = rank_by_fold(candidates, truth, scores, folds)
    expected = rank_by_fold(candidates, truth[known], scores[:, known], folds[known])
    pd.testing.assert_frame_equal(rankings, expected)
    for keys in SELECTIONS:
        for by in ("photos", "fold"):
            selection = Selection(by=by, **keys)
            selected = select_by_fold(rankings, scores, truth, folds, halves, selection)
            alone = scores[:, known], truth[known], folds[known], halves[known]
            pd.testing.assert_frame_equal(selected, select_by_fold(expected, *alone, selection))


def test_a_group_is_halved_by_what_is_known_of_its_photos():
    labels = np.array([UNKNOWN, 1, 1, 0, UNKNOWN, 0, UNKNOWN, UNKNOWN])
    groups = np.array([0, 0, 1, 2, 2, 3, 4, 5])
    halves = split_halves(labels, np.zeros(8, int), groups)
    assert halves[0] == halves[1] != halves[2]
    assert halves[3] == halves[4] != halves[5]
    assert halves[6] != halves[7]


@pytest.mark.parametrize("name", ["mean", "rank_mean", "ridge", "logistic", "xgboost", "auto"])
def test_stackers_learn_from_known_photos_and_score_all(partly, name):
    _, scores, truth, folds, known = partly
    stack = Stack(combiner=name, **SECTIONS)
    groups = np.arange(len(truth)) // 2
    fitted = fit_stack(scores.T, truth, folds, stack, groups=groups)
    expected = fit_stack(scores[:, known].T, truth[known], folds[known], stack, groups=groups[known])
    assert [one.to_bytes() for one in fitted.stackers] == [one.to_bytes() for one in expected.stackers]
    pd.testing.assert_frame_equal(fitted.grid, expected.grid)
    assert np.array_equal(fitted.scores[known], expected.scores)
    for fold, stacker in enumerate(expected.stackers):
        unknown = ~known & (folds == fold)
        assert np.array_equal(fitted.scores[unknown], stacker.scores(scores[:, unknown].T))


@pytest.mark.parametrize("by", ["label", "fold"])
@pytest.mark.parametrize("method", ["greedy", "exact", "lbfgs", "plug_in", "shrunk", "bootstrap"])
def test_thresholds_are_searched_on_known_photos(partly, method, by):
    _, scores, truth, folds, known = partly
    threshold = Threshold(method=method, by=by, resamples=20)
    found, f_beta = search_thresholds(truth, scores[0], folds, threshold)
    expected, expected_f_beta = search_thresholds(truth[known], scores[0, known], folds[known], threshold)
    assert np.array_equal(found, expected)
    assert f_beta == expected_f_beta


def test_nested_estimates_leave_unknown_photos_out_and_decide_them(partly):
    candidates, scores, truth, folds, known = partly
    estimate = predict_nested(lambda _: scores.T, truth, folds, LOGISTIC, EXACT)
    alone = scores[:, known].T
    expected = predict_nested(lambda _: alone, truth[known], folds[known], LOGISTIC, EXACT)
    pd.testing.assert_frame_equal(estimate[known].reset_index(drop=True), expected)
    assert estimate.loc[~known, ["score", "threshold", "decision"]].notna().all(axis=None)
    for selection in (Selection(top_n=2), Selection(by="fold", top_n=2)):
        chosen = select_and_predict_nested(candidates, scores, truth, folds, selection, LOGISTIC, EXACT)
        args = candidates, scores[:, known], truth[known], folds[known], selection, LOGISTIC, EXACT
        expected = select_and_predict_nested(*args)
        pd.testing.assert_frame_equal(chosen[known].reset_index(drop=True), expected)


def test_single_networks_are_chosen_by_known_photos(partly):
    candidates, scores, truth, folds, known = partly
    for threshold in (None, 0.5):
        decided, f_beta = estimate_runs(truth, [scores[:2], scores[2:]], folds, threshold=threshold)
        alone = truth[known], [scores[:2, known], scores[2:, known]], folds[known]
        expected, expected_f_beta = estimate_runs(*alone, threshold=threshold)
        assert np.array_equal(decided[known], expected)
        assert f_beta == expected_f_beta
    rankings, compared = rank_by_fold(candidates, truth, scores, folds), [{"bce": "run0", "focal": "run1"}]
    samples = sample_losses(rankings, lambda rows: scores[rows["candidate"]], truth, folds, compared)
    expected = sample_losses(
        rankings, lambda rows: scores[rows["candidate"]][:, known], truth[known], folds[known], compared
    )
    columns = ["first_f", "second_f"]
    pd.testing.assert_frame_equal(samples.loc[samples["sample"] == 0, columns], expected.loc[[0, 1001], columns])


def test_measures_are_those_of_known_photos(partly):
    candidates, scores, truth, folds, known = partly
    one, new = scores[0], np.random.default_rng(1).random((3, 500)).astype(np.float32)
    steps = np.linspace(0, 1, 7)
    assert np.array_equal(f_beta_at(truth, one, steps), f_beta_at(truth[known], one[known], steps))
    assert precision_threshold(truth, one, 0.6) == precision_threshold(truth[known], one[known], 0.6)
    assert fold_averaging_gain(truth, one, new, 0.4) == fold_averaging_gain(truth[known], one[known], new, 0.4)
    assert flat_range(truth, one, 0.4) == flat_range(truth[known], one[known], 0.4)
    pd.testing.assert_frame_equal(reliability(truth, one), reliability(truth[known], one[known]))
    aucs = fold_aucs(candidates, scores, truth, folds)
    pd.testing.assert_frame_equal(aucs, fold_aucs(candidates, scores[:, known], truth[known], folds[known]))
    assert np.isnan(f_beta_at(np.full(9, UNKNOWN, np.uint8), one[:9], steps)).all()
