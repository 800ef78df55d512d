"""The figures that the report begins with."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, fbeta_score

from stylevote.estimate.scores import holdout_scores, nested_scores, no_scores, score_decisions
from stylevote.files.tables import UNKNOWN
from stylevote.report.overview import (
    best_run_by_epoch,
    bounds,
    compare_singles,
    label_figures,
    macro_figures,
    pictured_labels,
    resampled_counts,
    search_figures,
)

NAMES = ["a", "b"]


@pytest.fixture
def photos() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    labels = (random.random((200, 2)) < [0.1, 0.4]).astype(np.uint8)
    return labels, (labels ^ (random.random((200, 2)) < 0.15)).astype(np.uint8)


def test_bounds_hold_the_value_and_are_those_of_a_bootstrap(photos):
    labels, decisions = photos
    found = bounds(labels, decisions, beta=1)
    expected = f1_score(labels, decisions, average=None)
    assert found["value"].tolist() == pytest.approx([*expected, expected.mean()])
    random = np.random.default_rng(99)
    drawn = [random.integers(0, 200, 200) for _ in range(600)]
    means = [f1_score(labels[rows], decisions[rows], average="macro") for rows in drawn]
    assert found[["low", "high"]].iloc[-1].tolist() == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)
    assert ((found["low"] < found["value"]) & (found["value"] < found["high"])).all()


@pytest.mark.parametrize("holdout", [False, True])
@pytest.mark.parametrize("tested", [False, True])
def test_what_is_known_is_told_and_nothing_else(photos, tested, holdout):
    labels, decisions = photos
    honest = nested_scores(labels, decisions, [0.9, 0.8], NAMES)
    if holdout:
        honest = honest.join(holdout_scores(labels, decisions, NAMES))
    scores = score_decisions(labels, decisions, NAMES) if tested else no_scores()
    test = bounds(labels, decisions) if tested else None
    found = macro_figures(honest, bounds(labels, labels), test, scores, 0.01 if holdout else None).set_index("key")
    macro = fbeta_score(labels, decisions, beta=2, average="macro")
    assert found.loc["honest", "value"] == pytest.approx(macro)
    assert found.loc["naive", "value"] == 1
    assert found.loc["all_ones", "value"] == pytest.approx(
        fbeta_score(labels, np.ones_like(labels), beta=2, average="macro")
    )
    assert ("holdout" in found.index) == ("expected" in found.index) == holdout
    assert ("test" in found.index) == tested
    if holdout:
        assert found.loc["expected", "value"] == pytest.approx(macro + 0.01)
    figures = pd.DataFrame({"label": NAMES, "threshold": 0.5, "flat_low": 0.4, "flat_high": 0.6, "members": 2})
    by_label = label_figures(honest, np.array([0, 7]), figures, test, scores).set_index("label")
    assert list(by_label.index) == NAMES
    assert ("test_f_beta" in by_label) == tested
    assert by_label.loc["b", "nested_f_beta"] == pytest.approx(fbeta_score(labels[:, 1], decisions[:, 1], beta=2))
    assert by_label.loc["a", ["flat_low", "flat_high", "members"]].tolist() == [0.4, 0.6, 2]
    assert by_label["unknown"].tolist() == [0, 7]


def test_unknown_labels_are_counted_and_a_label_that_no_test_photo_is_known_for_has_no_bounds(photos):
    labels, decisions = photos
    tested = labels.copy()
    tested[:30, 0], tested[:, 1] = UNKNOWN, UNKNOWN
    scores, test = score_decisions(tested, decisions, NAMES), bounds(tested, decisions)
    figures = pd.DataFrame({"label": NAMES, "threshold": 0.5, "flat_low": 0.4, "flat_high": 0.6, "members": 2})
    honest = nested_scores(labels, decisions, [0.9, 0.8], NAMES)
    by_label = label_figures(honest, np.array([0, 0]), figures, test, scores)
    assert by_label["test_unknown"].tolist() == [30, 200]
    assert by_label["test_photos"].tolist() == [170, 0]
    assert test["value"][0] == test["value"][2] == pytest.approx(fbeta_score(labels[30:, 0], decisions[30:, 0], beta=2))
    assert test.iloc[1].isna().all()
    assert by_label.loc[1, ["test_f_beta", "test_low", "test_high"]].isna().all()


def test_of_many_labels_the_lowest_are_pictured_and_some_up_to_the_highest():
    names = [f"label{number}" for number in range(100)]
    scores = np.random.default_rng(0).permutation(100) / 100
    honest = pd.DataFrame({"label": [*names, "macro"], "nested_f_beta": [*scores, 0.5]})
    pictured = pictured_labels(honest, 10)
    assert pictured == [name for name in names if name in pictured], "they keep their order"
    found = sorted(scores[names.index(name)] for name in pictured)
    assert found[:5] == [0, 0.01, 0.02, 0.03, 0.04]
    assert found[5:] == [0.23, 0.42, 0.61, 0.8, 0.99]
    assert pictured_labels(honest, 100) == names
    assert pictured_labels(honest, 1) == [names[int(scores.argmin())]]


def test_the_gain_over_single_networks_is_that_of_the_same_photos(photos):
    labels, decisions = photos
    random = np.random.default_rng(2)
    worse = (labels ^ (random.random(labels.shape) < 0.3)).astype(np.uint8)
    singles = [
        pd.DataFrame({"best": decisions[:, k], "resnet": worse[:, k], "densenet": decisions[:, k]}) for k in range(2)
    ]
    singles = [table.assign(one=worse[:, k]) for k, table in enumerate(singles)]
    singles[1] = singles[1].assign(only_here=1)
    found = compare_singles(labels, decisions, singles).set_index("name")
    assert list(found.index) == ["ensemble", "best", "one", "densenet", "resnet", "only_here"]
    assert found.loc["only_here"].isna().all()
    assert found.loc["one"].equals(found.loc["resnet"])
    assert found.loc["best", ["gain", "gain_low", "gain_high"]].tolist() == [0, 0, 0]
    better, lesser = (fbeta_score(labels, one, beta=2, average="macro") for one in (decisions, worse))
    assert found.loc["resnet", ["value", "gain"]].tolist() == pytest.approx([lesser, better - lesser])
    assert 0 < found.loc["resnet", "gain_low"] < better - lesser < found.loc["resnet", "gain_high"]


def test_photos_of_an_epoch_are_counted_as_often_as_they_are_seen():
    labels = pd.DataFrame({"a": [1, 0, 1], "b": [0, 1, 1]}, index=["x", "y", "z"])
    epochs = pd.DataFrame({"epoch": [0, 0, 0, 1], "image_id": ["x", "x", "z", "y"]})
    assert resampled_counts(labels, epochs).to_dict() == {"a": 1.5, "b": 1.0}


def test_searches_are_compared_sample_by_sample():
    steps = [("a", 0, 0.2, 0.5), ("b", 0, 0.3, 0.7), ("a", 1, 0.4, 0.6), ("b", 1, 0.3, 0.6)]
    lbfgs = [("a", 0, 0.2, 0.6), ("b", 0, 0.3, 0.8), ("a", 1, 0.2, 0.5), ("b", 1, 0.3, 0.6)]
    columns = ["label", "sample", "threshold", "f_beta"]
    tables = [pd.DataFrame(rows, columns=columns) for rows in (steps, lbfgs)]
    found = search_figures(pd.concat([tables[0].assign(method="greedy"), tables[1].assign(method="lbfgs")]))
    steps, lbfgs = found.to_dict("records")
    assert (steps["f_beta"], lbfgs["f_beta"]) == pytest.approx((0.6, 0.625))
    assert (steps["f_spread"], lbfgs["f_spread"]) == pytest.approx((0, np.std([0.7, 0.55], ddof=1)))
    assert (steps["threshold_spread"], lbfgs["threshold_spread"]) == pytest.approx((np.std([0.2, 0.4], ddof=1) / 2, 0))
    assert [lbfgs[name] for name in ("gain", "gain_low", "gain_high")] == pytest.approx([0.025, -0.05, 0.1])


def test_the_run_with_the_best_mean_at_one_epoch_is_drawn_by_epoch():
    def ranking(values):
        table = pd.DataFrame({"run": ["x", "x", "y", "y", "easy"], "epoch": [1, 0, 0, 1, 0], "f_beta": values})
        other_folds = table.assign(held_out_fold=0, f_beta=1.0)
        return pd.concat([other_folds, table.assign(held_out_fold=-1)], ignore_index=True)

    rankings = {"a": ranking([0.9, 0.1, 0.6, 0.2, 1]), "b": ranking([0.2, 0.8, 0.6, 0.1, 1])[:-1]}
    found = best_run_by_epoch(rankings, ["x", "y"])
    assert found.attrs["run"] == "y", "x is better for each label, but at different epochs"
    assert found.to_dict("list") == {"a": [0.6, 0.2], "b": [0.6, 0.1]}
