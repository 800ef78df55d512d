"""The report's figures agree with scikit-learn, and with counting."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import fbeta_score

from stylevote.ensemble.rank import rank_by_fold
from stylevote.files.tables import UNKNOWN
from stylevote.metrics import best_threshold
from stylevote.report.measures import (
    co_occurrence,
    compare_searches,
    confident_mistakes,
    curve_points,
    decide_by_one,
    decide_by_singles,
    disagreements,
    flat_range,
    reliability,
    wilson,
)

ONE, TWO = "one-32-plain-0000000a", "two-32-plain-0000000b"  # ids of runs


def drawn(count: int = 400, rate: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, and float32 scores that know something of them."""
    random = np.random.default_rng(seed)
    labels = (random.random(count) < rate).astype(np.uint8)
    scores = 1 / (1 + np.exp(3 - 3 * labels - random.normal(size=count)))
    return labels, scores.astype(np.float32)


def f2(labels, scores, threshold) -> float:
    return fbeta_score(labels, scores.astype(np.float64) >= threshold, beta=2, zero_division=0)


def test_a_curve_reaches_from_the_lowest_to_the_highest_score_and_holds_the_chosen_threshold():
    _, scores = drawn()
    points = curve_points(scores, 0.123456, points=60)
    assert 0.123456 in points
    assert len(points) <= 61
    assert (np.diff(points) > 0).all()
    assert points[0] == pytest.approx(scores.min(), rel=1e-5)
    assert points[-1] == pytest.approx(scores.max(), rel=1e-5)
    # Neither the crowd of low scores nor the few high ones are passed over.
    for part in np.array_split(np.sort(scores), 8):
        assert ((points >= part[0]) & (points <= part[-1])).sum() >= 3
    assert np.diff(np.log(points / (1 - points))).max() < 0.6


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.2, 1.0])
def test_every_threshold_within_the_flat_range_is_as_good_and_those_beside_it_are_not(seed, loss):
    labels, scores = drawn(80, 0.2, seed)
    random = np.random.default_rng(seed)
    chosen = float(random.choice(scores)) - 1e-4 * seed
    low, high = flat_range(labels, scores, chosen, tolerance=loss)
    least = f2(labels, scores, chosen) - loss - 1e-12
    assert low < chosen <= high
    for threshold in np.linspace(low, high, 50)[1:]:
        assert f2(labels, scores, threshold) >= least
    if high < scores.max():
        assert f2(labels, scores, np.nextafter(high, 1)) < least
    if low > 0:
        assert f2(labels, scores, low) < least


def test_reliability_of_one_score_a_part_is_scikit_learns():
    """Where scores take few values of the same sum, parts of equal sums are parts of equal scores."""
    random = np.random.default_rng(3)
    values, counts = np.array([0.1, 0.2, 0.4, 0.8]), [800, 400, 200, 100]  # each adds up to 80
    scores = np.repeat(values, counts).astype(np.float32)
    labels = (random.random(len(scores)) < scores).astype(np.uint8)
    order = random.permutation(len(scores))
    found = reliability(labels[order], scores[order], bins=4)
    observed, expected = calibration_curve(labels, np.round(scores.astype(float), 3), n_bins=20)
    assert found["photos"].tolist() == counts
    assert np.allclose(found["observed"], observed)
    assert np.allclose(found["expected"], expected)


def test_reliabilitys_parts_hold_equally_many_expected_positives():
    labels, scores = drawn(5000, 0.02)
    found = reliability(labels, scores, bins=5)
    assert len(found) == 5
    assert found["photos"].sum() == 5000
    sums = found["photos"] * found["expected"]
    assert sums.max() < 1.05 * sums.min()
    assert (found["photos"] * found["observed"]).sum() == pytest.approx(labels.sum())
    assert found["expected"].is_monotonic_increasing
    assert ((found["low"] <= found["observed"]) & (found["observed"] <= found["high"])).all()


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_reliability_of_scores_that_are_all_the_same(value):
    found = reliability(np.array([0, 0, 1, 0], dtype=np.uint8), np.full(4, value, dtype=np.float32))
    assert found[["photos", "expected", "observed"]].to_numpy().tolist() == [[4, value, 0.25]]


def test_wilsons_interval_holds_the_shares_that_a_test_would_not_reject():
    """Its ends are where the distance from the share is 1.96 standard deviations of a share that lies there."""
    for share, count in [(0.0, 10), (0.1, 30), (0.5, 7), (1.0, 12)]:
        low, high = wilson(np.array([share]), np.array([count]))
        for end in (low[0], high[0]):
            if 0 < end < 1:
                assert abs(share - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / count))


def candidates() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Return six networks of three runs, their scores, labels and folds: which is best differs from fold to fold."""
    random = np.random.default_rng(5)
    labels, folds = (random.random(300) < 0.3).astype(np.uint8), random.integers(0, 3, 300)
    table = pd.DataFrame({"run": np.repeat([ONE, TWO, "mine"], 2), "epoch": [0, 1] * 3})
    scores = random.random((6, 300)).astype(np.float32) * 0.8 + 0.2 * labels
    for fold in range(3):
        scores[fold, folds != fold] = 0.5 * scores[fold, folds != fold] + 0.5 * labels[folds != fold]
    return table, scores.astype(np.float32), labels, folds


def reader(table, scores):
    return lambda wanted: np.stack(
        [
            scores[table.index[(table["run"] == row.run) & (table["epoch"] == row.epoch)][0]]
            for row in wanted.itertuples()
        ]
    )


def closed_f2(labels, decided):
    """Return the F2 of decisions in closed form: a loop over scikit-learn's takes a minute here."""
    return 5 * np.sum(labels & decided) / (4 * labels.sum() + decided.sum())


def test_single_networks_are_chosen_and_cut_without_the_photos_that_they_decide():
    table, scores, labels, folds = candidates()
    rankings = rank_by_fold(table, labels, scores, folds)
    found = decide_by_singles(rankings, reader(table, scores), folds, {"mine"})
    assert list(found) == ["best", "external member", "one", "two"]
    kinds = {"best": range(6), "one": [0, 1], "two": [2, 3], "external member": [4, 5]}
    best = set()
    for kind, rows in kinds.items():
        for fold in range(3):
            known = folds != fold
            tried = [
                (closed_f2(labels[known], scores[row][known] >= cut), -row, cut)
                for row in rows
                for cut in np.unique(scores[row][known].astype(np.float64))
            ]
            reached, row, _ = max(tried)
            best |= {row} if kind == "best" else set()
            cuts = [cut for value, other, cut in tried if value == reached and other == row]
            inside = np.sort(scores[-row][known].astype(np.float64))
            below = inside[inside < max(cuts)]
            middle = (max(cuts) + (below[-1] if len(below) else 0)) / 2
            expected = scores[-row][~known].astype(np.float64) >= middle
            assert found[kind].to_numpy()[~known].tolist() == expected.tolist()
    assert len(best) > 1, "the folds agree on who is best: nothing is tested"


def test_searches_are_scored_on_the_photos_that_a_sample_leaves_out():
    labels, scores = drawn(600, 0.3)
    found = compare_searches(labels, scores, resamples=4)
    assert found.groupby("method").size().to_dict() == {"greedy": 4, "lbfgs": 4}
    random = np.random.default_rng(1)
    for sample in range(4):
        inside = random.integers(0, 600, 600)
        left_out = ~np.isin(np.arange(600), inside)
        rows = found[found["sample"] == sample].set_index("method")
        reached = [f2(labels[left_out], scores[left_out], threshold) for threshold in rows["threshold"]]
        assert rows["f_beta"].tolist() == pytest.approx(reached)
        steps = [f2(labels[inside], scores[inside], step / 100) for step in range(101)]
        assert f2(labels[inside], scores[inside], rows.loc["greedy", "threshold"]) == pytest.approx(max(steps))


def test_one_network_for_all_labels_is_chosen_without_the_photos_that_it_decides():
    table, scores, labels, folds = candidates()
    other_scores, other_labels = scores[::-1], np.roll(labels, 7)
    both = [(scores, labels), (other_scores, other_labels)]
    rankings = [rank_by_fold(table, truth, given, folds) for given, truth in both]
    found = decide_by_one(rankings, [reader(table, given) for given, _ in both], folds)
    for fold in range(3):
        known = folds != fold
        cuts = [[best_threshold(truth[known], row[known]) for row in given] for given, truth in both]
        row = int(np.argmax(np.mean(cuts, axis=0)[:, 1]))
        for k, (given, _) in enumerate(both):
            expected = given[row][~known].astype(np.float64) >= cuts[k][row][0]
            assert found[~known, k].tolist() == expected.tolist()
    lacking = [rankings[0][rankings[0]["run"] == "mine"], rankings[1][rankings[1]["run"] != "mine"]]
    assert decide_by_one(lacking, [reader(table, given) for given, _ in both], folds) is None


def test_confident_mistakes_are_the_furthest_on_either_side():
    labels = np.array([[0, 1], [0, 1], [1, 0], [1, 1], [0, 0]], dtype=np.uint8)
    scores = np.array([[0.9, 0.3], [0.6, 0.9], [0.2, 0.1], [0.01, 0.8], [0.99, 0.05]], dtype=np.float32)
    thresholds = np.full(scores.shape, 0.5)
    thresholds[:, 1] = 0.2
    decided = (scores >= thresholds).astype(np.uint8)
    found = confident_mistakes(labels, decided, scores, thresholds, count=6)
    assert found[["photo", "label", "kind"]].to_numpy().tolist() == [
        [4, 0, "added"],
        [0, 0, "added"],
        [3, 0, "missed"],
        [2, 0, "missed"],
    ]
    # 0.99 is 99 to 1, where even odds are asked for.
    assert found["away"].iloc[0] == pytest.approx(np.log(99), rel=1e-4)
    # Each label is shown a third of the time at most.
    assert confident_mistakes(labels, decided, scores, thresholds, count=3)["photo"].tolist() == [4, 3]


def test_a_photo_is_one_mistake_and_right_decisions_are_none():
    labels, scores = np.zeros((3, 4), dtype=np.uint8), np.full((3, 4), 0.9, dtype=np.float32)
    cut = np.full((3, 4), 0.5)
    assert sorted(confident_mistakes(labels, np.ones_like(labels), scores, cut, 9)["photo"]) == [0, 1, 2]
    # Whatever the scores say: what was not decided is no mistake.
    assert confident_mistakes(labels, np.zeros_like(labels), scores, cut, 9).empty


def test_folds_disagree_where_they_are_nearly_half_and_half_and_far_apart():
    scores = np.array(
        [
            [[0.1, 0.1, 0.1, 0.9]],  # one of four
            [[0.45, 0.45, 0.55, 0.55]],  # two of four, near each other
            [[0.1, 0.2, 0.8, 0.9]],  # two of four, far apart
            [[0.9, 0.9, 0.9, 0.9]],  # all
            [[0.1, 0.1, 0.1, 0.1]],  # none
        ],
        dtype=np.float32,
    )
    found = disagreements(scores, np.array([0.5]), count=9)
    assert found["photo"].tolist() == [2, 1, 0]
    assert found["votes"].tolist() == [2, 2, 1]
    assert disagreements(scores, np.array([0.05]), count=9).empty


def test_co_occurrence_counts_photos():
    labels = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=np.uint8)
    assert co_occurrence(labels).tolist() == [[1, pytest.approx(2 / 3), 0], [pytest.approx(2 / 3), 1, 0], [0, 0, 0]]


def test_unknown_labels_are_no_mistakes_and_occur_with_none():
    labels = np.array([[1, UNKNOWN, 0], [1, 1, UNKNOWN], [1, 0, 1], [UNKNOWN, 1, 1]], dtype=np.uint8)
    # 2 of the first label's 3 photos are known for the second label, and 1 of them has it.
    expected = [[1, 1 / 2, 1 / 2], [1, 1, 1], [1, 1 / 2, 1]]
    np.testing.assert_array_equal(co_occurrence(labels), expected)
    decided, scores = np.array([[0, 1, 1], [0, 0, 1], [0, 1, 0], [1, 0, 0]]), np.full((4, 3), 0.5)
    found = confident_mistakes(labels, decided, scores, np.full((4, 3), 0.4), 12)
    mistakes = set(zip(found["photo"], found["label"], found["kind"], strict=True))
    assert mistakes <= {(0, 0, "missed"), (0, 2, "added"), (1, 0, "missed"), (1, 1, "missed"), (2, 0, "missed")} | {
        (2, 1, "added"),
        (2, 2, "missed"),
        (3, 1, "missed"),
        (3, 2, "missed"),
    }
    assert {kind for _, _, kind in mistakes} == {"added", "missed"}
