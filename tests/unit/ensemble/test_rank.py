"""The ranking is by F2 at the best of all cuts, and the same every time."""

import numpy as np
import pandas as pd

from stylevote.ensemble.rank import rank_candidates
from stylevote.metrics import f_beta


def brute_force_f2(labels, scores):
    return max(f_beta(labels, scores >= cut) for cut in np.unique(scores))


def test_each_candidate_has_its_f2_at_its_best_cut(bank):
    candidates, scores = bank.candidates(1)
    labels = bank.truth[:, 1]
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
