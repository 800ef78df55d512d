"""Members are runs' best epochs: the best that differ enough, those whose mean is best, or all of them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_curve

from stylevote.config.ensemble import Selection
from stylevote.config.identity import run_id
from stylevote.ensemble.rank import ALL, rank_by_fold, rank_candidates
from stylevote.ensemble.select import (
    apportion,
    backbone_of,
    bagged_counts,
    binned_f_beta,
    forward_counts,
    limit_size,
    members_of,
    select_by_fold,
    select_members,
)
from stylevote.errors import InputError
from stylevote.metrics import f_beta


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
        selection = select_members(ranking, scores, labels, top_n=top_n, correlation=correlation)
        members = members_of(selection)
        assert members.index.tolist() == reference(ranking, scores, top_n, correlation)
        assert members["member"].tolist() == list(range(1, len(members) + 1))
        assert (members["weight"] == 1).all()
        assert (members["reason"] == "").all()
        assert (selection.loc[selection["member"] == 0, "reason"] != "").all()


def test_decisions_may_be_compared_instead_of_scores():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 80)
    candidates = pd.DataFrame({"run": [f"r{k}" for k in range(12)], "epoch": 1})
    scores = labels + rng.normal(size=80) + 0.5 * rng.normal(size=(12, 80))
    scores = (1 / (1 + np.exp(-scores))).astype(np.float32)
    ranking = rank_candidates(candidates, labels, scores)
    thresholds = ranking["threshold"].sort_index().to_numpy()
    decisions = (scores >= thresholds[:, None]).astype(float)
    actual = select_members(ranking, scores, labels, correlation=0.7, correlation_of="decisions")
    expected = reference(ranking, decisions, 20, 0.7)
    assert members_of(actual).index.tolist() == expected
    assert 1 < len(expected) < 12
    assert expected != reference(ranking, scores, 20, 0.7)


def test_decisions_that_are_all_the_same_correlate_with_none():
    ranking = pd.DataFrame({"run": ["a", "b", "c"], "epoch": 1, "threshold": [0.1, 0.1, 0.5]})
    scores = np.array([[0.2, 0.3, 0.4, 0.9], [0.2, 0.3, 0.4, 0.8], [0.2, 0.3, 0.4, 0.7]], dtype=np.float32)
    actual = select_members(ranking, scores, np.array([0, 0, 1, 1]), correlation_of="decisions")
    assert actual["member"].tolist() == [1, 2, 3]


def chosen(runs, scores, top_n=20, correlation=0.9):
    table = pd.DataFrame(runs, columns=["run", "epoch"])
    scores = np.array(scores, dtype=np.float32)
    return select_members(table, scores, np.array([0, 0, 1, 1]), top_n=top_n, correlation=correlation)


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


GREEDY = {"bags": 1, "share": 1, "start": 3, "max_members": 8, "seed": 1}


def best_f_beta(labels, scores, beta=2):
    """Return the F-beta at the best of all cuts."""
    return max(f_beta(labels, scores >= cut, beta) for cut in np.unique(scores))


def plain_forward(scores, labels, start, most, beta=2):
    """Select forward as slowly and plainly as can be; ``scores`` are whole numbers, so that sums are exact."""

    def reached(taken):
        return best_f_beta(labels, scores[taken].sum(axis=0), beta)

    numbers = range(len(scores))
    steps = [max((list(numbers[:count]) for count in range(1, start + 1)), key=reached)]
    while len(steps[-1]) < most:
        steps.append(max(([*steps[-1], number] for number in numbers), key=reached))
    best = max(steps, key=reached)
    return [best.count(number) for number in numbers]


def noisy_candidates(seed, count=6, photos=40, prevalence=0.3):
    """Return labels, and scores of growing noise as whole 32nds."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(photos) < prevalence).astype(np.uint8)
    noise = rng.normal(size=(count, photos)) * np.linspace(0.3, 0.6, count)[:, None]
    return labels, np.clip(np.rint(32 * (0.3 + 0.4 * labels + noise)), 0, 32).astype(int)


def test_forward_selection_is_that_of_a_plain_reference():
    repeated, stopped = 0, 0
    for seed in range(12):
        labels, whole = noisy_candidates(seed)
        for start, most in [(1, 8), (3, 8), (6, 4), (1, 1)]:
            counts = forward_counts((whole / 32).astype(np.float32), labels, start, most).tolist()
            assert counts == plain_forward(whole, labels, min(start, most), most)
            repeated += max(counts) > 1
            stopped += sum(counts) < most
    assert repeated, "no candidate was taken twice"
    assert stopped, "the last mean was always the best"


def test_forward_selection_goes_by_beta():
    actual = {}
    for beta in (0.5, 1, 2):
        for seed in range(6):
            labels, whole = noisy_candidates(seed)
            actual[beta, seed] = forward_counts((whole / 32).astype(np.float32), labels, 3, 8, beta).tolist()
            assert actual[beta, seed] == plain_forward(whole, labels, 3, 8, beta)
    assert any(actual[0.5, seed] != actual[1, seed] != actual[2, seed] for seed in range(6)), "beta made no difference"


def test_candidates_that_complement_each_other_are_better_together_and_the_better_one_weighs_more():
    """Only 2 a + b parts the two positives, which come first, from the others."""
    a, b, useless = [0.6, 0.4, 0.3, 0.5], [0.2, 0.9, 0.6, 0.0], [0.1, 0.2, 0.9, 0.8]
    labels, scores = np.array([1, 1, 0, 0]), np.array([useless, b, a], dtype=np.float32)
    candidates = pd.DataFrame({"run": ["u", "b", "a"], "epoch": [1, 2, 3]})
    ranking = rank_candidates(candidates, labels, scores)
    selection = select_members(ranking, scores, labels, method="greedy", greedy=GREEDY | {"start": 1})
    assert selection[["run", "member", "weight", "reason"]].to_numpy().tolist() == [
        ["a", 1, 2, ""],
        ["b", 2, 1, ""],
        ["u", 0, 0, "never taken"],
    ]
    assert selection.dtypes[["member", "weight"]].tolist() == [np.int16, np.int16]
    members = members_of(selection)
    assert members[["run", "epoch", "member"]].to_numpy().tolist() == [["a", 3, 1], ["a", 3, 2], ["b", 2, 3]]
    assert ranking["f_beta"].max() < 1
    assert best_f_beta(labels, scores[members.index].mean(axis=0)) == 1


def test_one_bag_of_all_candidates_is_no_bagging_and_bags_are_added_up():
    labels, whole = noisy_candidates(3, count=10)
    scores = (whole / 32).astype(np.float32)
    unbagged = forward_counts(scores, labels, 3, 8)
    settings = {"start": 3, "max_members": 8}
    assert bagged_counts(scores, labels, bags=1, share=1, seed=1, **settings).tolist() == unbagged.tolist()
    assert bagged_counts(scores, labels, bags=3, share=1, seed=1, **settings).tolist() == (3 * unbagged).tolist()
    single = bagged_counts(scores, labels, bags=30, share=0.01, seed=1, **settings)
    assert single.sum() == 30, "a bag of one candidate takes it once"
    assert np.count_nonzero(single) > 5


def test_bags_are_drawn_by_the_seed_and_their_number():
    labels, whole = noisy_candidates(4, count=12)

    def counts(bags, seed):
        settings = {"share": 0.5, "start": 3, "max_members": 8}
        return bagged_counts((whole / 32).astype(np.float32), labels, bags=bags, seed=seed, **settings)

    assert counts(6, seed=1).tolist() == counts(6, seed=1).tolist()
    assert counts(6, seed=1).tolist() != counts(6, seed=2).tolist()
    assert (counts(6, seed=1) >= counts(5, seed=1)).all(), "a further bag leaves the others as they are"


def test_members_are_numbered_by_weight_then_by_rank():
    overtaken = 0
    for seed in range(5):
        labels, whole = noisy_candidates(seed)
        scores = (whole / 32).astype(np.float32)
        ranking = rank_candidates(pd.DataFrame({"run": list("fedcba"), "epoch": 1}), labels, scores)
        selection = select_members(ranking, scores, labels, method="greedy", greedy=GREEDY | {"bags": 4, "share": 0.7})
        taken = selection[selection["member"] > 0]
        expected = taken.sort_values(["weight", "rank"], ascending=[False, True])
        assert expected["member"].tolist() == list(range(1, len(taken) + 1))
        overtaken += not taken["member"].is_monotonic_increasing
    assert overtaken, "the better ranked always weighed more"


@pytest.mark.parametrize(
    ("counts", "most", "weights"),
    [
        ([6, 3], 50, [2, 1]),
        ([0, 20], 10, [0, 1]),
        ([5, 3, 1], 4, [2, 1, 1]),
        ([1, 1, 1], 2, [1, 1, 0]),
        ([60, 30, 9, 1], 10, [6, 3, 1, 0]),
        ([7, 5], 12, [7, 5]),
    ],
)
def test_counts_of_all_bags_become_few_members_in_their_proportion(counts, most, weights):
    assert apportion(np.array(counts), most).tolist() == weights


@pytest.mark.parametrize("beta", [0.5, 1, 2])
@pytest.mark.parametrize("prevalence", [0.002, 0.1, 0.5])
def test_binned_f_beta_is_hardly_below_the_exact_one(prevalence, beta):
    rng = np.random.default_rng(7)
    labels = (rng.random(20_000) < prevalence).astype(np.uint8)
    odds = np.log(prevalence / (1 - prevalence)) + 2.5 * labels + rng.normal(size=len(labels))
    scores = (1 / (1 + np.exp(-odds))).astype(np.float32)
    precision, recall, _ = precision_recall_curve(labels, scores)
    exact = np.max((1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-9))
    binned = binned_f_beta(scores, np.flatnonzero(labels), beta)
    assert exact - 0.002 < binned <= exact + 1e-12
    assert binned_f_beta(32 * scores, np.flatnonzero(labels), beta) == binned, "sums are binned as means are"


@pytest.mark.parametrize("method", ["top_n", "greedy", "all"])
def test_equals_are_taken_by_run_then_epoch(method):
    labels, whole = noisy_candidates(5, count=2)
    scores = (whole / 32).astype(np.float32)[[0, 1, 0, 0, 1]]
    candidates = pd.DataFrame({"run": ["b", "d", "a", "a", "c"], "epoch": [1, 1, 7, 2, 1]})
    ranking = rank_candidates(candidates, labels, scores)
    selection = select_members(ranking, scores, labels, method=method, greedy=GREEDY | {"start": 1})
    taken = selection.loc[selection["member"] > 0].sort_values("member")
    order = [("a", 2), ("b", 1), ("c", 1), ("d", 1)]
    expected = order if method == "all" else [order[0], order[2]]
    assert list(zip(taken["run"], taken["epoch"], strict=True)) == expected


@pytest.mark.parametrize("method", ["top_n", "greedy", "each_backbone", "all"])
def test_whatever_the_method_only_a_runs_best_epoch_that_tells_photos_apart_is_a_member(method, simulate):
    ensemble = simulate(runs=6, epochs=3)
    ensemble.scores["run4"][:] = 0.25
    candidates, scores = ensemble.candidates(1)
    labels = ensemble.truth[:, 1]
    best = candidates.assign(f_beta=[-best_f_beta(labels, row) for row in scores])
    best = best.sort_values(["run", "f_beta", "epoch"]).groupby("run").head(1)
    greedy = GREEDY | {"bags": 5, "share": 0.5}
    ranking = rank_candidates(candidates, labels, scores)
    selection = select_members(ranking, scores, labels, method=method, correlation=1, greedy=greedy)
    members = members_of(selection)
    assert set(members.index) <= set(best.index[best["run"] != "run4"])
    if method != "greedy":
        assert sorted(members["run"]) == ["run0", "run1", "run2", "run3", "run5"]
    left_out = selection[selection["member"] == 0].set_index(["run", "epoch"])["reason"]
    assert (left_out != "").all()
    assert left_out["run4", 1] == "all its scores are the same"


@pytest.mark.parametrize("method", ["top_n", "greedy", "each_backbone", "all"])
def test_there_is_a_member_whatever_the_scores_and_labels(method):
    table = pd.DataFrame([("k", 1), ("l", 1)], columns=["run", "epoch"])
    for rows, labels in [([[0.5] * 4, [0.25] * 4], [0, 1, 1, 0]), ([A, B], [0] * 4), ([A, B], [1] * 4)]:
        scores = np.array(rows, dtype=np.float32)
        selection = select_members(table, scores, np.array(labels), method=method, greedy=GREEDY)
        assert selection["member"].iloc[0] == 1


DENSENET, OTHER_RATE = "densenet201.tv_in1k-224-plain-0a1b2c3d", "densenet201.tv_in1k-224-plain-4e5f6a7b"
RESNET_101, RESNET_152 = "resnet101.tv_in1k-224-plain-8c9d0e1f", "resnet152.tv_in1k-224-plain-2a3b4c5d"


def test_each_backbone_gives_its_best_run_however_alike_they_are():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 500)
    first = labels + rng.normal(size=500)
    alike = [first + 0.1 * rng.normal(size=500) for _ in range(3)]
    scores = (1 / (1 + np.exp(-np.array([first, *alike])))).astype(np.float32)
    assert np.corrcoef(scores).min() > 0.98
    runs = [DENSENET, OTHER_RATE, RESNET_101, RESNET_152]
    ranking = rank_candidates(pd.DataFrame({"run": runs, "epoch": 1}), labels, scores)
    densenet = next(run for run in ranking["run"] if run in (DENSENET, OTHER_RATE))
    selection = select_members(ranking, scores, labels, method="each_backbone")
    taken = members_of(selection)
    assert set(taken["run"]) == {densenet, RESNET_101, RESNET_152}
    assert taken["rank"].is_monotonic_increasing
    assert (taken["weight"] == 1).all()
    left_out = selection[selection["member"] == 0]
    assert left_out["reason"].tolist() == ["another run of its backbone is better"]
    assert len(members_of(select_members(ranking, scores, labels, top_n=4, correlation=0.95))) == 1


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        (run_id({"backbone": "smp:timm/resnet18", "size": 224, "recipe": "plain"}), "smp_timm_resnet18"),
        (run_id({"backbone": "resnet101.tv_in1k", "size": 64, "recipe": "rare_10"}), "resnet101.tv_in1k"),
        ("member007", "member007"),
        ("my-resnet-224-best", "my-resnet-224-best"),
    ],
)
def test_the_backbone_is_read_from_a_runs_id_and_other_names_stand_for_themselves(name, backbone):
    assert backbone_of(name) == backbone


def test_another_method_is_refused():
    with pytest.raises(InputError, match=r"selection\.method: found 'best', expected one of top_n, greedy, each_"):
        select_members(
            pd.DataFrame({"run": ["a"], "epoch": [1]}), np.array([A], np.float32), np.array([0, 0, 1, 1]), method="best"
        )


METHODS = {
    "top_n": {"method": "top_n", "top_n": 4, "correlation": 0.57},
    "greedy": {"method": "greedy", "greedy": GREEDY | {"bags": 4, "share": 0.7}},
    "each_backbone": {"method": "each_backbone"},  # names that are no ids are backbones of their own
    "all": {"method": "all"},
}


@pytest.fixture
def six(simulate):
    """Return labels, folds, and the candidates of six runs with their scores in whole 32nds."""
    ensemble = simulate(photos=120, runs=6)
    candidates, scores = ensemble.candidates(0)
    return ensemble.truth[:, 0], ensemble.folds, candidates, (np.rint(32 * scores) / 32).astype(np.float32)


def rows_of(selection, *columns):
    """Return the members' rows, in their order."""
    members = selection[selection["member"] > 0].sort_values("member")
    return members[list(columns)].to_numpy().tolist()


@pytest.mark.parametrize("beta", [0.5, 2])
@pytest.mark.parametrize("method", METHODS)
def test_each_folds_members_are_those_of_a_plain_reference_on_the_photos_outside_it(six, method, beta):
    labels, folds, candidates, scores = six
    rankings = rank_by_fold(candidates, labels, scores, folds, beta)
    settings = METHODS[method] | ({"greedy": GREEDY} if method == "greedy" else {})
    selections = select_by_fold(rankings, scores, labels, folds, folds, Selection(**settings), beta=beta)
    assert selections["held_out_fold"].tolist() == rankings["held_out_fold"].tolist()
    chosen = []
    for held_out_fold in (ALL, 0, 1, 2):
        known = folds != held_out_fold
        ranking = rankings[rankings["held_out_fold"] == held_out_fold].set_index("candidate")
        best = ranking.index[~ranking["run"].duplicated()]
        if method == "top_n":
            expected = [[row, 1] for row in reference(ranking, scores[:, known], 4, 0.57)]
        elif method == "greedy":
            counts = np.array(plain_forward((32 * scores[best][:, known]).astype(int), labels[known], 3, 8, beta))
            weights = counts // np.gcd.reduce(counts)
            expected = [[row, weight] for row, weight in zip(best, weights, strict=True) if weight]
            expected.sort(key=lambda member: -member[1])
        else:
            expected = [[row, 1] for row in best]
        part = selections[selections["held_out_fold"] == held_out_fold]
        assert rows_of(part, "candidate", "weight") == expected
        assert part["reason"].eq("").tolist() == part["member"].gt(0).tolist()
        chosen.append(expected)
    assert any(members != chosen[0] for members in chosen[1:]), "every fold has the same members"


@pytest.mark.parametrize("method", METHODS)
def test_a_folds_labels_change_nothing_in_its_selection(ensemble, method):
    (candidates, scores), labels, folds = ensemble.candidates(0), ensemble.truth[:, 0], ensemble.folds
    actual = []
    for known in (labels, np.where(folds == 1, 1 - labels, labels)):
        rankings = rank_by_fold(candidates, known, scores, folds)
        actual.append(select_by_fold(rankings, scores, known, folds, folds, Selection(**METHODS[method])))
    before, after = actual
    assert before[before["held_out_fold"] == 1].equals(after[after["held_out_fold"] == 1])
    assert not before[before["held_out_fold"] != 1].equals(after[after["held_out_fold"] != 1])


@pytest.mark.parametrize("method", METHODS)
def test_a_smaller_size_is_the_beginning_of_a_larger_one(six, method):
    labels, _, candidates, scores = six
    ranking = rank_candidates(candidates, labels, scores)
    whole = METHODS[method] | ({"top_n": 6} if method == "top_n" else {})
    largest = select_members(ranking, scores, labels, **whole)
    members = rows_of(largest, "run", "epoch", "member", "weight")
    assert len(members) > 3
    for size in range(1, 8):
        selection = select_members(ranking, scores, labels, **limit_size(Selection(**METHODS[method]), size))
        assert rows_of(selection, "run", "epoch", "member", "weight") == members[:size]
        dropped = largest["member"] > size
        assert (selection.loc[dropped, ["weight", "member"]] == 0).all(axis=None)
        assert (selection.loc[dropped, "reason"] == f"more than {size}").all()
        assert (selection.loc[selection["member"] > 0, "reason"] == "").all()
        never = largest["member"] == 0
        assert (selection.loc[never, "reason"] != "").all()


def test_a_size_stands_for_top_n_and_leaves_the_correlation(six):
    labels, _, candidates, scores = six
    ranking = rank_candidates(candidates, labels, scores)
    actual = select_members(ranking, scores, labels, top_n=1, correlation=0.55, size=3)
    assert members_of(actual).index.tolist() == reference(ranking, scores, 3, 0.55)
    assert actual["reason"].str.startswith("correlates").any()


def test_a_fold_has_the_size_that_was_chosen_without_it_and_none_is_every_run(six):
    labels, folds, candidates, scores = six
    rankings = rank_by_fold(candidates, labels, scores, folds)
    greedy = Selection(**METHODS["greedy"])
    selections = select_by_fold(rankings, scores, labels, folds, folds, greedy, sizes={ALL: 2, 0: None, 1: 1, 2: 2})
    plain = select_by_fold(rankings, scores, labels, folds, folds, greedy)
    counts = {held_out_fold: (part["member"] > 0).sum() for held_out_fold, part in selections.groupby("held_out_fold")}
    assert counts == {ALL: 2, 0: 6, 1: 1, 2: 2}
    for held_out_fold, size in [(ALL, 2), (1, 1), (2, 2)]:
        actual, longer = (table[table["held_out_fold"] == held_out_fold] for table in (selections, plain))
        assert rows_of(actual, "candidate", "weight") == rows_of(longer, "candidate", "weight")[:size]
    every = selections[selections["held_out_fold"] == 0]
    assert every["run"][every["member"] > 0].nunique() == 6
    assert set(every["weight"][every["member"] > 0]) == {1}


def test_members_of_a_fold_are_those_selected_without_it_each_as_often_as_it_weighs():
    table = pd.DataFrame(
        [(-1, "a", 1, 1), (-1, "b", 2, 2), (-1, "c", 0, 0), (0, "a", 0, 0), (0, "b", 2, 1), (0, "c", 1, 3)],
        columns=["held_out_fold", "run", "member", "weight"],
    ).assign(fold=ALL, held_out_half=ALL)
    actual = {held_out_fold: members_of(table, held_out_fold) for held_out_fold in (ALL, 0)}
    assert actual[ALL]["run"].tolist() == ["a", "b", "b"]
    assert actual[0]["run"].tolist() == ["c", "c", "c", "b"]
    assert actual[0]["member"].tolist() == [1, 2, 3, 4]
    assert members_of(table).equals(actual[ALL])
