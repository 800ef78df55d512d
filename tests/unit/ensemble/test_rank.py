"""The ranking is by F-beta at the best of all cuts, and the same every time."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score, precision_recall_curve

from stylevote.ensemble.rank import ALL, rank_by_fold, rank_candidates
from stylevote.metrics import f_beta


def brute_force_f2(labels, scores):
    return max(f_beta(labels, scores >= cut) for cut in np.unique(scores))


def test_each_candidate_has_its_f2_at_its_best_cut(ensemble):
    candidates, scores = ensemble.candidates(1)
    labels = ensemble.truth[:, 1]
    ranking = rank_candidates(candidates, labels, scores)
    assert ranking["rank"].tolist() == list(range(1, len(candidates) + 1))
    assert (np.diff(ranking["f_beta"]) <= 0).all()
    for candidate in ranking.itertuples():
        row = scores[candidate.Index]
        assert (candidates.loc[candidate.Index] == [candidate.run, candidate.epoch]).all()
        assert candidate.f_beta == brute_force_f2(labels, row)
        assert candidate.f_beta == f_beta(labels, row.astype(float) >= candidate.threshold)


def test_equals_are_ordered_by_run_then_epoch():
    candidates = pd.DataFrame({"run": ["b", "a", "b", "a"], "epoch": [1, 2, 0, 10]})
    ranking = rank_candidates(candidates, np.array([0, 1, 1]), np.tile([0.1, 0.2, 0.3], (4, 1)))
    assert list(zip(ranking["run"], ranking["epoch"], strict=True)) == [("a", 2), ("a", 10), ("b", 0), ("b", 1)]
    assert ranking.index.tolist() == [1, 3, 2, 0]


def test_labels_without_positives_rank_by_name():
    candidates = pd.DataFrame({"run": ["b", "a"], "epoch": [1, 1]})
    ranking = rank_candidates(candidates, np.zeros(3), np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]]))
    assert ranking["run"].tolist() == ["a", "b"]
    assert ranking["f_beta"].tolist() == [0, 0]


def best_f_beta(labels, scores, beta):
    """Return the F-beta at the best of all cuts."""
    precision, recall, _ = precision_recall_curve(labels, scores)
    return np.max((1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-9))


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_each_part_is_the_ranking_by_the_photos_outside_its_fold(ensemble, beta):
    candidates, scores = ensemble.candidates(1)
    labels, orders = ensemble.truth[:, 1], set()
    rankings = rank_by_fold(candidates, labels, scores, ensemble.folds, beta)
    assert rankings["held_out_fold"].tolist() == np.repeat([ALL, 0, 1, 2], len(candidates)).tolist()
    assert rankings.dtypes[["held_out_fold", "candidate"]].tolist() == [np.int16, np.int32]
    for held_out_fold, part in rankings.groupby("held_out_fold"):
        known = ensemble.folds != held_out_fold
        reached = [best_f_beta(labels[known], row[known], beta) for row in scores]
        order = np.argsort(-np.round(reached, 12), kind="stable")  # the candidates come by run, then epoch
        orders.add(tuple(order))
        assert part["candidate"].tolist() == order.tolist()
        assert part["rank"].tolist() == list(range(1, len(candidates) + 1))
        named = list(zip(part["run"], part["epoch"], strict=True))
        assert named == list(candidates.iloc[order].itertuples(index=False, name=None))
        assert part["f_beta"].tolist() == pytest.approx(np.array(reached)[order])
        for row in part.itertuples():
            decided = scores[row.candidate, known].astype(float) >= row.threshold
            assert row.f_beta == pytest.approx(fbeta_score(labels[known], decided, beta=beta))
    assert len(orders) > 1, "all parts have the same order"


def test_the_ranking_depends_on_beta():
    """The first finds one of the two positives and nothing else, the second both and two photos too many."""
    candidates = pd.DataFrame({"run": ["precise", "complete"], "epoch": [1, 1]})
    labels, scores = np.array([1, 1, 0, 0, 0]), np.array([[0.9, 0.1, 0.2, 0.2, 0.2], [0.9, 0.9, 0.9, 0.9, 0.2]])
    first = {beta: rank_by_fold(candidates, labels, scores, np.arange(5) % 3, beta)["run"].iloc[0] for beta in (0.5, 2)}
    assert first == {0.5: "precise", 2: "complete"}


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_a_folds_labels_change_nothing_in_its_part(ensemble, fold):
    labels = ensemble.truth[:, 0]
    turned = np.where(ensemble.folds == fold, 1 - labels, labels)
    candidates, scores = ensemble.candidates(0)
    before, after = (rank_by_fold(candidates, known, scores, ensemble.folds) for known in (labels, turned))
    assert before[before["held_out_fold"] == fold].equals(after[after["held_out_fold"] == fold])
    for held_out_fold in {ALL, 0, 1, 2} - {fold}:
        assert not before[before["held_out_fold"] == held_out_fold].equals(
            after[after["held_out_fold"] == held_out_fold]
        )
