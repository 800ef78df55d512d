"""Size against score: sizes are selected as by themselves, measured as by hand, and the smallest good one is chosen."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score

from stylevote.config.ensemble import Selection
from stylevote.ensemble.rank import ALL, rank_by_fold
from stylevote.ensemble.select import select_by_fold
from stylevote.ensemble.sizes import SIZES, read_sizes
from stylevote.estimate.sizes import choose_sizes, select_sizes, size_curve
from stylevote.files.tables import write_table

GREEDY = {"bags": 2, "share": 0.5, "start": 3, "max_members": 12, "seed": 1}
METHODS = {
    "top_n": Selection(method="top_n", top_n=3, correlation=0.65),
    "greedy": Selection(method="greedy", greedy=GREEDY),
    "all": Selection(method="all"),
}


@pytest.mark.parametrize("method", METHODS)
def test_each_size_is_what_a_selection_of_that_size_alone_gives(method, simulate):
    ensemble = simulate(photos=90, runs=43, epochs=1)
    (candidates, scores), labels = ensemble.candidates(0), ensemble.truth[:, 0]
    rankings = rank_by_fold(candidates, labels, scores, ensemble.folds, beta=1)
    folds = ensemble.folds
    actual = select_sizes(rankings, scores, labels, folds, folds, METHODS[method], beta=1)
    assert list(actual) == list(SIZES)
    counts = {}
    for size, members in actual.items():
        most = None if size == "all" else int(size)
        alone = select_by_fold(
            rankings, scores, labels, folds, folds, METHODS[method], sizes=dict.fromkeys((ALL, 0, 1, 2), most), beta=1
        )
        columns = ["held_out_fold", "candidate", "run", "epoch", "member", "weight"]
        expected = alone.loc[alone["member"] > 0, columns]
        assert members[columns].to_numpy().tolist() == expected.to_numpy().tolist()
        counts[size] = members["held_out_fold"].value_counts().to_dict()
    assert counts["2"] == dict.fromkeys((ALL, 0, 1, 2), 2)
    assert counts["all"] == dict.fromkeys((ALL, 0, 1, 2), 43)
    if method == "all":
        assert counts["40"] == dict.fromkeys((ALL, 0, 1, 2), 40)
    else:
        assert 5 <= counts["40"][ALL] < 40, "as many as differ, or are ever taken"


@pytest.fixture
def decided():
    """Return labels and decisions (photos, labels) of three sizes, and folds."""
    random = np.random.default_rng(0)
    labels = (random.random((300, 3)) < [0.4, 0.2, 0.1]).astype(np.uint8)
    decisions = {
        size: np.where(random.random(labels.shape) < right, labels, 1 - labels).astype(np.uint8)
        for size, right in [("1", 0.75), ("5", 0.93), ("all", 0.9)]
    }
    return labels, decisions, random.permutation(np.arange(300) % 4)


def macro(labels, decisions, beta):
    return fbeta_score(labels, decisions, beta=beta, average="macro", zero_division=0)


# Two labels' members; those of the larger ensembles hold an external member, and "b" at two epochs.
MEMBERS = pd.DataFrame(
    [
        *[("1", "red", "a", 2, 1), ("1", "blue", "a", 2, 1)],
        *[("5", "red", "a", 2, 1), ("5", "red", "b", 1, 2), ("5", "blue", "b", 3, 1), ("5", "blue", "a", 2, 2)],
        *[("all", "red", "a", 2, 1), ("all", "red", "b", 1, 2), ("all", "red", "theirs", 7, 3)],
        *[("all", "blue", "b", 3, 1), ("all", "blue", "a", 1, 2)],
    ],
    columns=["size", "label", "run", "epoch", "member"],
).assign(fold=ALL)
# Seconds of an epoch and fold: of "a" 10, of "b" 100, and of "c", which is nobody's member, 1000.
SECONDS = {"a": 10.0, "b": 100.0, "c": 1000.0}
HISTORIES = pd.DataFrame(
    [(run, epoch, SECONDS[run]) for run in SECONDS for _ in range(4) for epoch in (1, 2, 3, 4)],
    columns=["run", "epoch", "seconds"],
)


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_scores_are_those_of_scikit_learn(decided, beta):
    labels, decisions, _ = decided
    curve = size_curve(labels, decisions, MEMBERS, 4, HISTORIES, beta=beta)
    expected = [macro(labels, part, beta) for part in decisions.values()]
    assert curve["size"].tolist() == ["1", "5", "all"]
    assert curve["nested_f_beta"].tolist() == pytest.approx(expected)
    assert curve["loss"].tolist() == pytest.approx(max(expected) - np.array(expected))
    assert np.argmax(expected) == 1


def test_intervals_are_those_of_resamples_of_our_own_but_for_their_chance(decided):
    labels, decisions, _ = decided
    curve = size_curve(labels, decisions, MEMBERS, 4, HISTORIES, beta=1)
    random, resampled = np.random.default_rng(5), []
    for _ in range(300):
        rows = random.integers(0, 300, 300)
        resampled.append([macro(labels[rows], part[rows], 1) for part in decisions.values()])
    resampled = np.array(resampled)
    for low, high, values in [
        ("nested_low", "nested_high", resampled),
        ("loss_low", "loss_high", resampled[:, [1]] - resampled),
    ]:
        bounds = np.quantile(values, [0.025, 0.975], axis=0)
        assert np.allclose(curve[[low, high]].to_numpy().T, bounds, rtol=0, atol=0.015)
    assert curve.loc[1, ["loss", "loss_low", "loss_high"]].tolist() == [0, 0, 0]
    assert curve["loss_low"][0] > 0


def test_costs_are_of_different_networks_up_to_the_last_epoch_that_is_needed(decided):
    labels, decisions, _ = decided
    curve = size_curve(labels, decisions, MEMBERS, 4, HISTORIES).set_index("size")
    assert curve["members"].to_dict() == {"1": 2, "5": 4, "all": 5}
    assert curve["runs"].to_dict() == {"1": 1, "5": 2, "all": 3}
    assert curve["cnns"].to_dict() == {"1": 4 * 1, "5": 4 * 3, "all": 4 * 5}
    assert curve["external"].to_dict() == {"1": 0, "5": 0, "all": 1}
    a, b = 4 * 2 * 10, 4 * 3 * 100
    hours = {"1": a / 3600, "5": (a + b) / 3600, "all": (a + b) / 3600}
    assert curve["training_hours"].to_dict() == pytest.approx(hours)


def test_networks_of_single_folds_count_once(decided):
    labels, decisions, _ = decided
    rows = [("a", 1, 0, 1), ("b", 2, 0, 2), ("a", 1, 1, 1), ("a", 2, 1, 2)]
    members = pd.concat(
        pd.DataFrame(rows, columns=["run", "epoch", "fold", "member"]).assign(size=size, label=label)
        for size in decisions
        for label in ("red", "blue")
    )
    curve = size_curve(labels, decisions, members, 2, HISTORIES)
    assert curve["members"].tolist() == [4, 4, 4]
    assert curve["cnns"].tolist() == [4, 4, 4]


def test_external_members_alone_cost_no_training(decided):
    labels, decisions, _ = decided
    curve = size_curve(labels, decisions, MEMBERS, 4, HISTORIES.iloc[:0])
    assert curve["external"].tolist() == curve["runs"].tolist() == [1, 2, 3]
    assert curve["training_hours"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("beta", [0.5, 2])
def test_the_smallest_size_within_the_tolerance_is_chosen(decided, beta):
    labels, decisions, folds = decided
    chosen = {value: choose_sizes(labels, decisions, folds, value, beta) for value in (0, 0.05, 0.1, 0.3, 1)}
    for tolerance, table in chosen.items():
        assert table["held_out_fold"].tolist() == [ALL, 0, 1, 2, 3]
        assert table["held_out_fold"].dtype == np.int16
        for held_out_fold, size in table.itertuples(index=False):
            known = folds != held_out_fold
            reached = {name: macro(labels[known], part[known], beta) for name, part in decisions.items()}
            enough = [name for name, score in reached.items() if score >= max(reached.values()) - tolerance]
            assert size == enough[0]
    assert chosen[0]["size"].tolist() == ["5"] * 5, "all the size's worth, though a larger one follows"
    assert chosen[1]["size"].tolist() == ["1"] * 5


def test_of_equals_the_smallest_is_chosen():
    labels = np.array([[1], [0], [1], [0]])
    sizes = choose_sizes(labels, dict.fromkeys(SIZES, labels), np.array([0, 1, 2, 0]), 0)
    assert sizes["size"].tolist() == ["1"] * 4


@pytest.mark.parametrize("fold", range(4))
def test_what_is_decided_in_a_fold_does_not_matter_for_its_size(decided, fold):
    labels, decisions, folds = decided
    before = choose_sizes(labels, decisions, folds, 0.01).set_index("held_out_fold")["size"]
    outside = (folds == fold)[:, None]
    # In this fold alone the smallest is always right, and the others always wrong.
    spoiled = {size: np.where(outside, labels if size == "1" else 1 - labels, part) for size, part in decisions.items()}
    after = choose_sizes(labels, spoiled, folds, 0.01).set_index("held_out_fold")["size"]
    assert after[fold] == before[fold]
    assert (after.drop(fold) != before.drop(fold)).all()


def test_sizes_are_read_back(tmp_path):
    write_table(pd.DataFrame({"held_out_fold": [-1, 0, 1], "size": ["all", "20", "1"]}), tmp_path / "sizes.parquet")
    assert read_sizes(tmp_path / "sizes.parquet", np.array([1, 0, 0])) == {ALL: None, 0: 20, 1: 1}
