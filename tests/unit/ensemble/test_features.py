"""A fold's photos choose among its own CNNs, and no photo is judged by a choice that its label had a part in."""

import numpy as np
import pandas as pd
import pytest

from stylevote.config.ensemble import Selection, Stack, Threshold
from stylevote.ensemble.features import member_scores, split_halves
from stylevote.ensemble.nested import predict_nested
from stylevote.ensemble.rank import ALL, rank_by_fold
from stylevote.ensemble.select import members_of, select_by_fold
from stylevote.metrics import f_beta

BY_FOLD = Selection(by="fold", top_n=4, correlation=0.6)
ALONE = np.arange(150)  # every photo is a group


@pytest.fixture
def drawn(simulate):
    """Return labels, folds, halves, candidates and scores of eight runs with two epochs each."""
    ensemble = simulate(photos=150, runs=8, strength=1.5)
    labels = ensemble.truth[:, 0]
    return labels, ensemble.folds, split_halves(labels, ensemble.folds, ALONE), *ensemble.candidates(0)


def choose(labels, folds, halves, candidates, scores, **more):
    rankings = rank_by_fold(candidates, labels, scores, folds)
    return select_by_fold(rankings, scores, labels, folds, halves, BY_FOLD, **more)


def plain_choice(labels, candidates, scores, top_n=4, correlation=0.6) -> list[int]:
    """Return the candidates that these photos choose, as slowly and plainly as can be."""
    f2 = [max(f_beta(labels, row >= cut) for cut in row) for row in scores]
    order = sorted(
        range(len(f2)), key=lambda row: (-round(f2[row], 9), candidates["run"][row], candidates["epoch"][row])
    )
    runs, taken = set(), []
    for row in order:
        first = candidates["run"][row] not in runs
        runs.add(candidates["run"][row])
        alike = any(np.corrcoef(scores[row], scores[other])[0, 1] > correlation for other in taken)
        if first and not alike and len(taken) < top_n:
            taken.append(row)
    return taken


def test_halves_share_the_label_and_keep_groups_together():
    rng = np.random.default_rng(0)
    groups = np.sort(rng.integers(0, 120, 200))
    folds, labels = groups % 3, (rng.random(200) < 0.2).astype(np.uint8)
    halves = split_halves(labels, folds, groups)
    table = pd.DataFrame({"group": groups, "fold": folds, "label": labels, "half": halves})
    assert (table.groupby("group")["half"].nunique() == 1).all()
    of_groups = table.groupby(["fold", "group"]).agg({"label": "max", "half": "first"}).reset_index()
    for _, part in of_groups.groupby(["fold", "label"]):
        assert abs((part["half"] == 0).sum() - (part["half"] == 1).sum()) <= 1
    assert np.array_equal(halves, split_halves(labels, folds, groups))


def test_each_folds_photos_choose_among_its_cnns(drawn):
    labels, folds, halves, candidates, scores = drawn
    selection = choose(*drawn)
    chosen = []
    for held_out_fold in (ALL, 0, 1, 2):
        members = members_of(selection, held_out_fold)
        expected = {}
        for fold in range(3):
            for half in (0, 1) if fold == held_out_fold else (ALL,):
                known = (folds == fold) & (halves != half)
                expected[fold, half] = plain_choice(labels[known], candidates, scores[:, known])
        fewest = min(map(len, expected.values()))
        found = members.groupby(["fold", "held_out_half"])["candidate"].agg(list).to_dict()
        assert found == {key: rows[:fewest] for key, rows in expected.items()}
        numbers = members.groupby(["fold", "held_out_half"])["member"].agg(list)
        assert numbers.tolist() == [[*range(1, fewest + 1)]] * len(expected)
        chosen.append(found)
    assert len({tuple(chosen[0][fold, ALL]) for fold in range(3)}) > 1, "every fold has the same members"


def test_other_folds_choose_for_a_half_whose_other_half_has_one_class_of_photos(drawn):
    labels, folds, _, candidates, scores = drawn
    # All positives of fold 0 are of one group, and all photos of fold 1.
    groups = np.where((folds == 0) & (labels == 1), 200, np.where(folds == 1, 201, ALONE))
    halves = split_halves(labels, folds, groups)
    selection = choose(labels, folds, halves, candidates, scores)
    for fold in (0, 1):
        known = folds != fold
        expected = plain_choice(labels[known], candidates, scores[:, known])
        members = members_of(selection, fold)
        judges = members[(members["fold"] == fold) & (members["held_out_half"] == 0)]["candidate"].tolist()
        assert judges == expected[: len(judges)]


def test_a_column_is_the_same_rank_of_every_fold(drawn):
    labels, folds, halves, _, scores = drawn
    selection = choose(*drawn)
    for held_out_fold in (ALL, 1):
        members = members_of(selection, held_out_fold)
        columns = member_scores(lambda rows: scores[rows["candidate"]], selection, folds, halves, held_out_fold)
        assert columns.shape == (members["member"].max(), len(labels))
        for photo in range(len(labels)):
            half = halves[photo] if folds[photo] == held_out_fold else ALL
            judges = members[(members["fold"] == folds[photo]) & (members["held_out_half"] == half)]
            assert columns[:, photo].tolist() == scores[judges.sort_values("member")["candidate"], photo].tolist()


@pytest.mark.parametrize("half", [0, 1])
def test_labels_change_nothing_for_the_photos_that_they_are_of(drawn, half):
    labels, folds, halves, candidates, scores = drawn
    judged = (folds == 1) & (halves == half)

    def decide(labels):
        selection = choose(labels, folds, halves, candidates, scores)
        read = lambda rows: scores[rows["candidate"]]  # noqa: E731
        features = lambda fold: member_scores(read, selection, folds, halves, fold).T  # noqa: E731
        return predict_nested(features, labels, folds, Stack(combiner="logistic"), Threshold(method="exact"))

    before, after = decide(labels), decide(np.where(judged, 1 - labels, labels))
    pd.testing.assert_frame_equal(before[judged], after[judged])
    assert not before[~judged].equals(after[~judged])


def test_a_fold_with_few_members_limits_the_others(drawn):
    labels, folds, halves, candidates, scores = drawn
    first = scores[:, folds == 0][:1]
    scores[:, folds == 0] = first + np.float32(1e-6) * scores[:, folds == 0]  # all alike
    selection = choose(labels, folds, halves, candidates, scores)
    counts = selection[(selection["held_out_fold"] == ALL) & (selection["member"] > 0)].groupby("fold").size()
    assert counts[0] == 1 and counts[1] > 1
    assert members_of(selection)["member"].tolist() == [1, 1, 1]
    assert (
        selection.loc[selection["fold"].eq(0) & selection["held_out_fold"].eq(ALL), "reason"]
        .str.contains("correlates")
        .any()
    )


def test_the_ensembles_size_and_that_of_each_estimate_may_differ(drawn):
    selection = choose(*drawn, sizes={ALL: 2, 0: 1, 1: 3, 2: None})
    assert [members_of(selection, fold)["member"].max() for fold in (ALL, 0, 1, 2)] == [2, 1, 3, 8]
