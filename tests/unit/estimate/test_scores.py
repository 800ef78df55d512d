"""Scores of decisions are those of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import fbeta_score, precision_score, recall_score

from stylevote.estimate.scores import SCORE_COLUMNS, holdout_scores, nested_scores, no_scores, score_decisions
from stylevote.files.tables import UNKNOWN


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_scores_are_those_of_sklearn(ensemble, beta):
    decisions = np.random.default_rng(3).integers(0, 2, ensemble.truth.shape)
    table = score_decisions(ensemble.truth, decisions, ensemble.labels, beta)
    for k, row in enumerate(table.iloc[:-1].itertuples()):
        truth, decided = ensemble.truth[:, k], decisions[:, k]
        assert row.label == ensemble.labels[k]
        assert (row.photos, row.positives, row.decided) == (len(truth), truth.sum(), decided.sum())
        assert row.f_beta == pytest.approx(fbeta_score(truth, decided, beta=beta))
        assert row.precision == pytest.approx(precision_score(truth, decided))
        assert row.recall == pytest.approx(recall_score(truth, decided))
        assert row.all_ones_f_beta == pytest.approx(fbeta_score(truth, np.ones_like(truth), beta=beta))
    macro = table.iloc[-1]
    assert macro["label"] == "macro"
    assert macro["f_beta"] == pytest.approx(table["f_beta"].iloc[:-1].mean())
    assert macro["positives"] == ensemble.truth.sum()


def test_without_labels_the_table_has_its_columns_and_no_row(ensemble):
    assert no_scores().empty
    full = score_decisions(ensemble.truth, ensemble.truth, ensemble.labels)
    assert no_scores().dtypes.equals(full.dtypes)
    assert list(full.columns) == list(SCORE_COLUMNS)


def test_honest_stands_beside_naive(ensemble):
    decisions = np.ones_like(ensemble.truth)
    table = nested_scores(ensemble.truth, decisions, [0.9, 0.8], ensemble.labels)
    assert table["label"].tolist() == [*ensemble.labels, "macro"]
    assert table["non_nested_f_beta"].tolist() == pytest.approx([0.9, 0.8, 0.85])
    assert table["nested_f_beta"].equals(table["all_ones_f_beta"])
    assert table["nested_recall"].tolist() == [1, 1, 1]
    assert table["positives"].tolist() == [*ensemble.truth.sum(axis=0), ensemble.truth.sum()]
    assert (table["nested_low"] < table["nested_f_beta"]).all()
    assert (table["nested_f_beta"] < table["nested_high"]).all()


def test_holdout_photos_are_scored_with_an_interval(ensemble):
    """The bounds are held against samples of photos that are drawn here, one by one."""
    rng = np.random.default_rng(4)
    decisions = np.where(rng.random(ensemble.truth.shape) < 0.2, 1 - ensemble.truth, ensemble.truth)
    table = holdout_scores(ensemble.truth, decisions, ensemble.labels)
    assert list(table.columns) == ["holdout_f_beta", "holdout_low", "holdout_high"]

    def scores(photos):
        each = [fbeta_score(ensemble.truth[photos, k], decisions[photos, k], beta=2) for k in range(2)]
        return [*each, np.mean(each)]

    photos = len(ensemble.truth)
    assert table["holdout_f_beta"].tolist() == pytest.approx(scores(np.arange(photos)))
    drawn = np.array([scores(rng.integers(0, photos, photos)) for _ in range(400)])
    assert table["holdout_low"].tolist() == pytest.approx(np.quantile(drawn, 0.025, axis=0), abs=0.02)
    assert table["holdout_high"].tolist() == pytest.approx(np.quantile(drawn, 0.975, axis=0), abs=0.02)


def test_unknown_labels_are_not_scored(ensemble):
    rng = np.random.default_rng(6)
    labels, decisions = ensemble.truth.copy(), rng.integers(0, 2, ensemble.truth.shape, dtype=np.uint8)
    labels[rng.random(labels.shape) < 0.3] = UNKNOWN
    table = nested_scores(labels, decisions, [0.9, 0.8], ensemble.labels).set_index("label")
    scores = score_decisions(labels, decisions, ensemble.labels).set_index("label")
    for k, name in enumerate(ensemble.labels):
        known = labels[:, k] != UNKNOWN
        truth, decided = labels[known, k], decisions[known, k]
        counts = known.sum(), truth.sum(), decided.sum()
        assert tuple(scores.loc[name, ["photos", "positives", "decided"]]) == counts
        assert table.loc[name, "nested_f_beta"] == pytest.approx(fbeta_score(truth, decided, beta=2))
        assert scores.loc[name, "precision"] == pytest.approx(precision_score(truth, decided))
        assert scores.loc[name, "recall"] == pytest.approx(recall_score(truth, decided))
        assert scores.loc[name, "all_ones_f_beta"] == pytest.approx(fbeta_score(truth, np.ones_like(truth), beta=2))
    assert table.loc["macro", "positives"] == (labels == 1).sum()
    assert scores.loc["macro", "photos"] == len(labels)


def test_a_label_that_no_photo_is_known_for_has_no_score_and_does_not_lower_the_mean(ensemble):
    labels = ensemble.truth.copy()
    labels[:, 1] = UNKNOWN
    table = score_decisions(labels, ensemble.truth, ensemble.labels)
    assert table["photos"].tolist() == [len(labels), 0, len(labels)]
    assert np.isnan(table["f_beta"][1])
    assert table["f_beta"][2] == 1
    bounds = holdout_scores(labels, ensemble.truth, ensemble.labels)
    assert bounds.iloc[1].isna().all()
    assert bounds.iloc[2].tolist() == [1, 1, 1]
