"""Members are the best candidates, of each run its best epoch, that differ enough from each other."""

import numpy as np
import pandas as pd
import pytest

from stylevote.ensemble.rank import rank_candidates
from stylevote.ensemble.select import members_of, select_members


def reference(ranking, scores, top_n, correlation):
    """Select as slowly and plainly as can be."""
    taken = []
    for row in ranking.index:
        better = ranking.loc[ranking["rank"] < ranking.loc[row, "rank"], "run"]
        same_run = ranking.loc[row, "run"] in better.tolist()
        alike = any(np.corrcoef(scores[row], scores[other])[0, 1] > correlation for other in taken)
        if not same_run and not alike and len(taken) < top_n:
            taken.append(row)
    return taken


@pytest.mark.parametrize("seed", range(10))
def test_the_members_are_those_of_a_plain_reference(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 80)
    candidates = pd.DataFrame({"run": np.repeat([f"r{k}" for k in range(12)], 3), "epoch": np.tile([1, 2, 3], 12)})
    families = labels + rng.normal(size=(4, 80))
    scores = families[rng.integers(0, 4, 36)] + rng.choice([0.1, 0.5, 1.0], size=(36, 1)) * rng.normal(size=(36, 80))
    scores = (1 / (1 + np.exp(-scores))).astype(np.float32)
    ranking = rank_candidates(candidates, labels, scores)
    for top_n, correlation in [(3, 0.9), (20, 0.9), (20, 0.7), (5, 1.0)]:
        selection = select_members(ranking, scores, top_n, correlation)
        members = members_of(selection)
        assert members.index.tolist() == reference(ranking, scores, top_n, correlation)
        assert members["member"].tolist() == list(range(1, len(members) + 1))
        assert (members["reason"] == "").all()
        assert (selection.loc[selection["member"] == 0, "reason"] != "").all()


def chosen(runs, scores, top_n=20, correlation=0.9):
    table = pd.DataFrame(runs, columns=["run", "epoch"])
    return select_members(table, np.array(scores, dtype=np.float32), top_n, correlation)


A, TWIN, B, C = [0.1, 0.2, 0.8, 0.9], [0.1, 0.2, 0.8, 0.91], [0.9, 0.1, 0.2, 0.8], [0.2, 0.9, 0.1, 0.3]


def test_each_candidate_left_out_has_its_reason():
    selection = chosen([("a", 1), ("t", 2), ("a", 3), ("b", 1), ("c", 1)], [A, TWIN, B, B, C], top_n=2)
    assert selection["member"].tolist() == [1, 0, 0, 2, 0]
    assert selection["member"].dtype == np.int16
    assert selection["reason"].tolist() == [
        "",
        "correlates 1.000 with a epoch 1",
        "another epoch of the run is better",
        "",
        "more than 2",
    ]


def test_a_lesser_epoch_does_not_take_the_place_of_one_that_is_too_like_another():
    selection = chosen([("a", 1), ("t", 2), ("t", 1)], [A, TWIN, B])
    assert selection["member"].tolist() == [1, 0, 0]
    assert selection["reason"].tolist()[2] == "another epoch of the run is better"


def test_fewer_than_wanted_are_taken_where_no_more_differ():
    assert chosen([("a", 1), ("t", 2)], [A, TWIN])["member"].tolist() == [1, 0]


def test_opposite_scores_are_not_alike():
    assert chosen([("a", 1), ("b", 1)], [A, [1 - score for score in A]])["member"].tolist() == [1, 2]


def test_constant_scores_are_a_member_only_where_there_is_nothing_else():
    constant = [0.5] * 4
    selection = chosen([("k", 1), ("a", 1)], [constant, A])
    assert selection["member"].tolist() == [0, 1]
    assert selection["reason"].tolist() == ["all its scores are the same", ""]
    assert chosen([("k", 1), ("l", 1)], [constant, [0.25] * 4])["member"].tolist() == [1, 0]
