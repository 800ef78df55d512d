"""The nested estimate comes from photos that chose nothing."""

import numpy as np
import pandas as pd
import pytest

from stylevote.config.ensemble import Selection, Stack, Threshold
from stylevote.ensemble.rank import rank_candidates
from stylevote.ensemble.select import members_of, select_members
from stylevote.ensemble.stack import fit_stack
from stylevote.ensemble.threshold import search_threshold
from stylevote.errors import InputError
from stylevote.estimate.nested import select_and_predict_nested
from stylevote.metrics import f_beta

GRID = {"eta": [0.1, 0.3], "max_depth": [2, 4], "min_child_weight": [1]}
SETTINGS = {
    "selection": Selection(top_n=3, correlation=0.95),
    "stack": Stack(combiner="xgboost", xgboost={"grid": GRID, "rounds": 40, "patience": 5, "seed": 1}),
    "threshold": Threshold(method="exact"),
}


def non_nested_f2(candidates, scores, labels, folds):
    """Return the F2 that the final fit reaches on the photos that chose it."""
    ranking = rank_candidates(candidates, labels, scores)
    rows = members_of(select_members(ranking, scores, labels, **SETTINGS["selection"].used())).index
    stack = fit_stack(scores[rows].T, labels, folds, SETTINGS["stack"])
    return search_threshold(labels, stack.scores, **SETTINGS["threshold"].used())[1]


def test_a_label_that_can_be_told_is_told(ensemble):
    estimate = select_and_predict_nested(*ensemble.candidates(1), ensemble.truth[:, 1], ensemble.folds, **SETTINGS)
    truth = ensemble.truth[:, 1]
    assert f_beta(truth, estimate["decision"].to_numpy()) > f_beta(truth, np.ones_like(truth)) + 0.1
    assert estimate["fold"].tolist() == ensemble.folds.tolist()
    assert estimate.groupby("fold")["threshold"].nunique().tolist() == [1, 1, 1]
    assert estimate["members"].between(1, 3).all()
    assert estimate.dtypes.astype(str).to_dict() == {
        "fold": "int64",
        "score": "float32",
        "threshold": "float64",
        "decision": "uint8",
        "voted": "uint8",
        "members": "int16",
    }


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_a_folds_labels_do_not_change_its_decisions(ensemble, fold):
    labels = ensemble.truth[:, 0]
    turned = np.where(ensemble.folds == fold, 1 - labels, labels)
    before = select_and_predict_nested(*ensemble.candidates(0), labels, ensemble.folds, **SETTINGS)
    after = select_and_predict_nested(*ensemble.candidates(0), turned, ensemble.folds, **SETTINGS)
    pd.testing.assert_frame_equal(before[before["fold"] == fold], after[after["fold"] == fold])
    assert not before[before["fold"] != fold].equals(after[after["fold"] != fold])


def test_a_folds_labels_do_not_change_its_members_where_these_are_selected_by_their_mean(ensemble):
    greedy = {"bags": 3, "share": 0.7, "start": 2, "max_members": 6, "seed": 1}
    settings = SETTINGS | {"selection": Selection(method="greedy", greedy=greedy), "stack": Stack(combiner="mean")}
    labels = ensemble.truth[:, 0]
    turned = np.where(ensemble.folds == 1, 1 - labels, labels)
    before = select_and_predict_nested(*ensemble.candidates(0), labels, ensemble.folds, **settings)
    after = select_and_predict_nested(*ensemble.candidates(0), turned, ensemble.folds, **settings)
    pd.testing.assert_frame_equal(before[before["fold"] == 1], after[after["fold"] == 1])
    assert not before[before["fold"] != 1].equals(after[after["fold"] != 1])
    assert before["members"].between(1, 6).all()


def test_permuted_labels_give_the_all_ones_score_and_the_naive_figure_is_above(simulate):
    nested, non_nested, all_ones = [], [], []
    for seed in range(5):
        ensemble = simulate(photos=300, prevalence=(0.3,), runs=5, seed=seed)
        labels = np.random.default_rng(seed).permutation(ensemble.truth[:, 0])
        estimate = select_and_predict_nested(*ensemble.candidates(0), labels, ensemble.folds, **SETTINGS)
        nested.append(f_beta(labels, estimate["decision"].to_numpy()))
        non_nested.append(non_nested_f2(*ensemble.candidates(0), labels, ensemble.folds))
        all_ones.append(f_beta(labels, np.ones_like(labels)))
    assert np.mean(nested) == pytest.approx(np.mean(all_ones), abs=0.04)
    assert np.mean(nested) <= np.mean(all_ones) + 0.005
    assert np.mean(non_nested) > np.mean(nested) + 0.005
    assert all(np.greater(non_nested, nested))


def test_a_label_without_positives_in_a_fold_is_estimated(ensemble, caplog):
    labels = np.where(ensemble.folds == 2, 0, ensemble.truth[:, 1])
    with caplog.at_level("INFO"):
        estimate = select_and_predict_nested(*ensemble.candidates(1), labels, ensemble.folds, **SETTINGS)
    assert "fold 2: none of its photos has the label" in caplog.text
    assert np.isfinite(estimate["score"]).all()


def test_a_label_with_positives_in_one_fold_only_is_estimated(ensemble):
    labels = np.where(ensemble.folds == 1, ensemble.truth[:, 1], 0)
    estimate = select_and_predict_nested(*ensemble.candidates(1), labels, ensemble.folds, **SETTINGS)
    assert np.isfinite(estimate["score"]).all()


def best_of_all(labels, scores, values, beta):
    """Return the highest F-beta that cutting ``scores`` at one of ``values`` gives, and the highest such value."""
    decided = scores >= values[:, None]
    hits = (decided & (labels == 1)).sum(axis=1)
    reached = (1 + beta**2) * hits / (beta**2 * labels.sum() + decided.sum(axis=1))
    return max(zip(reached, values, strict=True))


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_with_the_mean_it_is_what_each_fold_gives_by_hand(ensemble, beta):
    """The two best runs, each at its best epoch, are the members; their mean is cut midway between two scores."""
    candidates, scores = ensemble.candidates(1)
    labels, decisions, members = ensemble.truth[:, 1], np.empty(len(ensemble.truth)), set()
    for fold in range(3):
        outside = ensemble.folds == fold
        truth, inside = labels[~outside], scores[:, ~outside]
        best = {}
        for row, run in enumerate(candidates["run"]):
            reached, _ = best_of_all(truth, inside[row], np.unique(inside[row]), beta)
            best[run] = max(best.get(run, (0, 0)), (reached, -row))
        rows = [-row for _, row in sorted(best.values(), reverse=True)[:2]]
        members.add(tuple(rows))
        means = inside[rows].mean(axis=0)
        ordered = np.unique(means).astype(float)
        _, cut = best_of_all(truth, means, (np.append(0, ordered[:-1]) + ordered) / 2, beta)
        decisions[outside] = scores[np.ix_(rows, outside)].mean(axis=0) >= cut
    settings = SETTINGS | {"selection": Selection(top_n=2, correlation=1.0), "stack": Stack(combiner="mean")}
    estimate = select_and_predict_nested(candidates, scores, labels, ensemble.folds, **settings, beta=beta)
    assert estimate["decision"].tolist() == decisions.tolist()
    assert len(members) > 1, "every fold has the same members: nothing was repeated"


def test_voted_is_the_majority_of_the_stackers_chosen_without_the_fold(simulate):
    ensemble = simulate(strength=1, folds=4)
    (candidates, scores), labels = ensemble.candidates(1), ensemble.truth[:, 1]
    runs = candidates.assign(run=[f"run {row}" for row in range(len(scores))])
    everything = SETTINGS | {"selection": Selection(top_n=len(scores), correlation=1)}
    estimate = select_and_predict_nested(runs, scores, labels, ensemble.folds, **everything)
    for fold in range(4):
        inside, outside = ensemble.folds != fold, ensemble.folds == fold
        members = scores[rank_candidates(runs, labels[inside], scores[:, inside]).index]
        stack = fit_stack(members[:, inside].T, labels[inside], ensemble.folds[inside], SETTINGS["stack"])
        outputs = [stacker.scores(members[:, outside].T) for stacker in stack.stackers]
        actual = estimate[outside]
        yes = np.sum([output >= actual["threshold"] for output in outputs], axis=0)
        assert actual["voted"].tolist() == (yes >= 2).astype(int).tolist()
        assert np.allclose(actual["score"], np.mean(outputs, axis=0))
    assert (estimate["voted"] != estimate["decision"]).any()


def test_two_folds_are_refused(ensemble):
    with pytest.raises(InputError, match=r"folds\.count: found 2, expected 3 or more"):
        select_and_predict_nested(*ensemble.candidates(0), ensemble.truth[:, 0], ensemble.folds % 2, **SETTINGS)
