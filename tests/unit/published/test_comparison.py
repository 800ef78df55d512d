"""Runs are judged by photos that chose nothing, and their seeds' means stand beside what was published."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import fbeta_score

from stylevote.estimate.single_networks import estimate_runs
from stylevote.files.tables import read_table
from stylevote.published.comparison import seed_interval, tabulate, tabulate_sizes, write_comparison


def f_beta(labels, decisions, beta=2):
    return fbeta_score(labels, decisions, beta=beta, zero_division=0)


def drawn(epochs=3, photos=150, seed=0):
    """Return labels, scores of a run's epochs, and folds: which epoch is best differs from fold to fold."""
    random = np.random.default_rng(seed)
    labels, folds = (random.random(photos) < 0.25).astype(np.uint8), random.permutation(np.arange(photos) % 3)
    scores = 0.7 * random.random((epochs, photos))
    for fold in range(3):  # an epoch that is better where the fold is not
        scores[fold, folds != fold] += 0.3 * labels[folds != fold]
    return labels, scores.clip(0, 1).astype(np.float32), folds


def at_cuts(labels, scores, cuts, beta):
    """Return F-beta at each cut, by precision and recall."""
    decided, labels = scores.astype(float) >= np.array(cuts)[:, None], labels == 1
    hits = (decided & labels).sum(axis=1)
    precision, recall = hits / np.maximum(decided.sum(axis=1), 1), hits / labels.sum()
    return (1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-9)


def brute_force(labels, scores, folds, beta, cuts=None):
    """Decide each fold by the epoch and cut that are best on the others; of equals, the first epoch and highest cut."""
    decided, chosen = np.zeros(len(labels), dtype=int), []
    for fold in np.unique(folds):
        known = folds != fold
        best = (-1.0, None, None)
        for epoch, row in enumerate(scores.astype(float)):
            ordered = np.sort(np.unique(row[known]))[::-1]
            tried = (ordered + np.append(ordered[1:], 0)) / 2 if cuts is None else cuts
            reached = at_cuts(labels[known], row[known], tried, beta)
            if reached.max() > best[0] + 1e-12:
                best = (reached.max(), epoch, tried[int(np.flatnonzero(reached > reached.max() - 1e-12)[0])])
        _, epoch, cut = best
        decided[~known] = scores[epoch].astype(float)[~known] >= cut
        chosen.append(epoch)
    return decided, chosen


@pytest.mark.parametrize("beta", [1, 2])
def test_each_fold_is_decided_by_what_is_best_on_the_others(beta):
    labels, scores, folds = drawn()
    expected, chosen = brute_force(labels, scores, folds, beta)
    assert len(set(chosen)) > 1, "the folds agree on the epoch: nothing is tested"
    decisions, non_nested = estimate_runs(labels, [scores], folds, beta=beta)
    assert decisions.tolist() == expected.tolist()
    everywhere = max(at_cuts(labels, row, np.unique(row), beta).max() for row in scores)
    assert non_nested == pytest.approx(everywhere)
    assert non_nested > f_beta(labels, decisions, beta)


def test_at_a_given_cut_the_epoch_alone_is_chosen():
    labels, scores, folds = drawn(seed=3)
    expected, chosen = brute_force(labels, scores, folds, 2, cuts=[0.5])
    assert len(set(chosen)) > 1
    decisions, non_nested = estimate_runs(labels, [scores], folds, threshold=0.5)
    assert decisions.tolist() == expected.tolist()
    assert non_nested == pytest.approx(max(f_beta(labels, row >= 0.5) for row in scores))


@pytest.mark.parametrize("cut", [None, 0.45])
def test_the_mean_of_several_runs_is_cut_where_it_is_best_on_the_other_folds(cut):
    labels, first, folds = drawn(seed=5)
    second = np.roll(first, 1, axis=0) * 0.9
    cuts = None if cut is None else [cut]
    decisions, non_nested = estimate_runs(labels, [first, second], folds, threshold=cut)
    epochs = [brute_force(labels, scores, folds, 2, cuts)[1] for scores in (first, second)]
    assert epochs[0] != epochs[1]
    for fold in range(3):
        outer = folds == fold
        mean = (first[epochs[0][fold]].astype(float) + second[epochs[1][fold]]) / 2
        expected, _ = brute_force(labels, mean[None], np.where(outer, 0, 1), 2, cuts)
        assert decisions[outer].tolist() == expected[outer].tolist()
    best = [
        max(scores, key=lambda row: at_cuts(labels, row, cuts or np.unique(row), 2).max()) for scores in (first, second)
    ]
    mean = (best[0].astype(float) + best[1]) / 2
    assert non_nested == pytest.approx(at_cuts(labels, mean, cuts or np.unique(mean), 2).max())


def test_labels_of_a_fold_have_no_part_in_its_decisions():
    labels, scores, folds = drawn()
    for fold in range(3):
        outside = folds == fold
        spoiled = np.where(outside, 1 - labels, labels)
        assert (
            estimate_runs(spoiled, [scores], folds)[0][outside].tolist()
            == estimate_runs(labels, [scores], folds)[0][outside].tolist()
        )


@pytest.mark.parametrize("count", [2, 3, 10])
def test_the_interval_over_seeds_is_students(count):
    values = np.random.default_rng(count).normal(0.5, 0.01, count)
    found = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert seed_interval(values) == pytest.approx((found.low, found.high))


def test_the_interval_over_seeds_holds_the_mean_as_often_as_it_says():
    random = np.random.default_rng(1)
    bounds = np.array([seed_interval(random.normal(0.4, 0.09, 3)) for _ in range(4000)])
    holds = np.mean((bounds[:, 0] < 0.4) & (bounds[:, 1] > 0.4))
    assert holds == pytest.approx(0.95, abs=0.015)


def test_the_interval_over_seeds_stays_where_f_beta_lies():
    assert seed_interval(np.array([0.4, 0.9])) == (0, 1)


def test_one_seed_has_no_interval():
    assert np.isnan(seed_interval(np.array([0.4]))).all()


LABELS = ["rare", "common"]
RARE = ["a0", "a1"]  # the runs of the first figure
CELLS = [
    {"row": "x", "label": "rare", "paper": 0.3, "cut": None, "repetitions": [{"rare": ["a0"]}, {"rare": ["a1"]}]},
    {"row": "x", "label": "macro", "paper": None, "cut": None, "repetitions": [{label: ["a0"] for label in LABELS}]},
    {
        "row": "y",
        "label": "macro",
        "paper": 0.6,
        "cut": 0.5,
        "repetitions": [{"rare": ["b0"], "common": ["a0"]}, {"rare": ["b1"], "common": ["a1"]}],
    },
    {"row": "z", "label": "rare", "paper": 0.5, "cut": None, "repetitions": [{"rare": ["b0", "a0"]}]},
]


@pytest.fixture
def runs():
    """Return labels and folds of photos, and each run's scores by label; the single nets have one label."""
    random = np.random.default_rng(2)
    truth = pd.DataFrame((random.random((300, 2)) < [0.1, 0.5]).astype(np.uint8), columns=LABELS)
    scores = {
        run: {
            label: (0.6 * random.random((2, 300)) + 0.4 * truth[label].to_numpy()).astype(np.float32)
            for label in (LABELS if run[0] == "a" else ["rare"])
        }
        for run in ("a0", "a1", "b0", "b1")
    }
    return truth, random.permutation(np.arange(300) % 3), scores


@pytest.mark.parametrize("beta", [1, 2])
def test_figures_are_means_over_seeds_of_honest_figures(runs, beta):
    truth, folds, scores = runs
    asked = []

    def read_run(run):
        asked.append(run)
        return scores[run]

    table = tabulate(CELLS, truth, folds, read_run, beta=beta)
    assert sorted(asked) == ["a0", "a1", "b0", "b1"], "each run is read once"

    def nested(run, label, cuts=None):
        return f_beta(
            truth[label], brute_force(truth[label].to_numpy(), scores[run][label], folds, beta, cuts)[0], beta
        )

    fused = [scores["b0"]["rare"], scores["a0"]["rare"]]
    reached = [
        [nested("a0", "rare"), nested("a1", "rare")],
        [np.mean([nested("a0", label) for label in LABELS])],
        [np.mean([nested(f"b{k}", "rare", [0.5]), nested(f"a{k}", "common", [0.5])]) for k in (0, 1)],
        [f_beta(truth["rare"], estimate_runs(truth["rare"].to_numpy(), fused, folds, beta=beta)[0], beta)],
    ]
    assert table["ours"].tolist() == pytest.approx([np.mean(values) for values in reached])
    assert table["paper"].tolist() == pytest.approx([0.3, np.nan, 0.6, 0.5], nan_ok=True)
    assert table["seeds"].tolist() == [2, 1, 2, 1]
    rare, common = truth.sum()
    assert table["positives"].tolist() == [rare, rare + common, rare + common, rare]
    for row, values in zip(table.itertuples(), reached, strict=True):
        if len(values) == 1:
            assert np.isnan([row.low, row.high]).all()
        else:
            found = stats.ttest_1samp(values, 0).confidence_interval(0.95)
            assert (row.low, row.high) == pytest.approx((max(found.low, 0), min(found.high, 1)))
        assert row.photos_low < row.ours < row.photos_high
        assert row.non_nested >= row.ours
    best = [max(at_cuts(truth["rare"].to_numpy(), row, row, beta).max() for row in scores[run]["rare"]) for run in RARE]
    assert table["non_nested"][0] == pytest.approx(np.mean(best))


def test_the_interval_by_photos_is_that_of_resamples_of_our_own_but_for_their_chance(runs):
    truth, folds, scores = runs
    table = tabulate(CELLS[:1], truth, folds, scores.__getitem__)
    labels = truth["rare"].to_numpy()
    decided = [brute_force(labels, scores[run]["rare"], folds, 2)[0] for run in RARE]
    random, means = np.random.default_rng(7), []
    for _ in range(400):
        rows = random.integers(0, 300, 300)
        means.append(np.mean([at_cuts(labels[rows], part[rows], [0.5], 2)[0] for part in decided]))
    bounds = np.quantile(means, [0.025, 0.975])
    assert table[["photos_low", "photos_high"]].to_numpy()[0] == pytest.approx(bounds, abs=0.03)


CURVE = pd.DataFrame(
    {
        "size": ["1", "5", "all"],
        "nested_f_beta": [0.5, 0.6, 0.7],
        "nested_low": [0.4, 0.5, 0.6],
        "nested_high": [0.6, 0.7, 0.8],
    }
)


def test_sizes_stand_beside_the_published_ones():
    table = tabulate_sizes(CURVE, {"5": 0.672, "20": 0.6834}, 1234)
    assert table["row"].tolist() == ["top 1", "top 5", "every run"]
    assert table["paper"].tolist() == pytest.approx([np.nan, 0.672, np.nan], nan_ok=True)
    assert table["ours"].tolist() == [0.5, 0.6, 0.7]
    assert table[["photos_low", "photos_high"]].to_numpy().tolist() == [[0.4, 0.6], [0.5, 0.7], [0.6, 0.8]]
    assert table[["low", "high", "non_nested"]].isna().all(axis=None)
    assert set(table["positives"]) == {1234}


def test_a_comparison_is_written_for_people_and_for_the_workflow(tmp_path):
    table = tabulate_sizes(CURVE, {"5": 0.672}, 10).assign(row=["a, b", 'quoted "c"', "d"])
    write_comparison(table, tmp_path / "x.parquet", tmp_path / "x.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "x.parquet"), table)
    read = pd.read_csv(tmp_path / "x.csv")
    assert read["row"].tolist() == ["a, b", 'quoted "c"', "d"]
    assert read["ours"].tolist() == [0.5, 0.6, 0.7]
    assert read["paper"].tolist() == pytest.approx([np.nan, 0.672, np.nan], nan_ok=True)
