"""The figures of decisions are those of the field's own tools, and refuse what does not fit."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score, precision_score, recall_score

from stylevote.ensemble.decisions import (
    SCORE_COLUMNS,
    decision_matrix,
    holdout_scores,
    nested_scores,
    no_scores,
    score_decisions,
    summary_lines,
)
from stylevote.errors import InputError


def votes_of(labels, images, decisions):
    table = pd.DataFrame({"label": np.repeat(labels, len(images)), "image_id": np.tile(images, len(labels))})
    return table.assign(decision=np.array(decisions, dtype=np.uint8))


def test_decisions_become_a_row_a_photo():
    table = votes_of(["a", "b"], ["x", "y", "z"], [1, 0, 0, 0, 1, 1])
    assert decision_matrix(table, np.array(["x", "y", "z"]), ["a", "b"]).tolist() == [[1, 0], [0, 1], [0, 1]]


@pytest.mark.parametrize(("images", "labels"), [("yxz", "ab"), ("xy", "ab"), ("xyz", "ba"), ("xyz", "abc")])
def test_votes_of_other_photos_or_labels_are_refused(images, labels):
    table = votes_of(["a", "b"], ["x", "y", "z"], [1, 0, 0, 0, 1, 1])
    with pytest.raises(InputError, match=r"the votes \(6 rows\) are not those of"):
        decision_matrix(table, np.array(list(images)), list(labels))


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_scores_are_those_of_sklearn(bank, beta):
    decisions = np.random.default_rng(3).integers(0, 2, bank.truth.shape)
    table = score_decisions(bank.truth, decisions, bank.labels, beta)
    for k, row in enumerate(table.iloc[:-1].itertuples()):
        truth, decided = bank.truth[:, k], decisions[:, k]
        assert row.label == bank.labels[k]
        assert (row.photos, row.positives, row.decided) == (len(truth), truth.sum(), decided.sum())
        assert row.f_beta == pytest.approx(fbeta_score(truth, decided, beta=beta))
        assert row.precision == pytest.approx(precision_score(truth, decided))
        assert row.recall == pytest.approx(recall_score(truth, decided))
        assert row.all_ones_f_beta == pytest.approx(fbeta_score(truth, np.ones_like(truth), beta=beta))
    macro = table.iloc[-1]
    assert macro["label"] == "macro"
    assert macro["f_beta"] == pytest.approx(table["f_beta"].iloc[:-1].mean())
    assert macro["positives"] == bank.truth.sum()


def test_without_labels_the_table_has_its_columns_and_no_row(bank):
    assert no_scores().empty
    full = score_decisions(bank.truth, bank.truth, bank.labels)
    assert no_scores().dtypes.equals(full.dtypes)
    assert list(full.columns) == list(SCORE_COLUMNS)


def test_honest_stands_beside_naive(bank):
    decisions = np.ones_like(bank.truth)
    table = nested_scores(bank.truth, decisions, [0.9, 0.8], bank.labels)
    assert table["label"].tolist() == [*bank.labels, "macro"]
    assert table["non_nested_f_beta"].tolist() == pytest.approx([0.9, 0.8, 0.85])
    assert table["nested_f_beta"].equals(table["all_ones_f_beta"])
    assert table["nested_recall"].tolist() == [1, 1, 1]
    assert table["positives"].tolist() == [*bank.truth.sum(axis=0), bank.truth.sum()]
    assert (table["nested_low"] < table["nested_f_beta"]).all()
    assert (table["nested_f_beta"] < table["nested_high"]).all()


def test_holdout_photos_are_scored_with_an_interval(bank):
    """The bounds are held against samples of photos that are drawn here, one by one."""
    rng = np.random.default_rng(4)
    decisions = np.where(rng.random(bank.truth.shape) < 0.2, 1 - bank.truth, bank.truth)
    table = holdout_scores(bank.truth, decisions, bank.labels)
    assert list(table.columns) == ["holdout_f_beta", "holdout_low", "holdout_high"]

    def scores(photos):
        each = [fbeta_score(bank.truth[photos, k], decisions[photos, k], beta=2) for k in range(2)]
        return [*each, np.mean(each)]

    photos = len(bank.truth)
    assert table["holdout_f_beta"].tolist() == pytest.approx(scores(np.arange(photos)))
    drawn = np.array([scores(rng.integers(0, photos, photos)) for _ in range(400)])
    assert table["holdout_low"].tolist() == pytest.approx(np.quantile(drawn, 0.025, axis=0), abs=0.02)
    assert table["holdout_high"].tolist() == pytest.approx(np.quantile(drawn, 0.975, axis=0), abs=0.02)


def test_the_summary_says_what_holdout_photos_are_worth_only_where_there_are_any(bank):
    honest = nested_scores(bank.truth, bank.truth, [0.9, 0.8], bank.labels)
    without = summary_lines(honest, no_scores(), 7)
    assert not any("holdout" in line for line in without)
    holdout = pd.DataFrame(
        {"holdout_f_beta": [0.5, 0.7, 0.6], "holdout_low": [0.1, 0.3, 0.2], "holdout_high": [0.8, 1, 0.9]}
    )
    scores = score_decisions(bank.truth[:30], bank.truth[:30], bank.labels)
    lines = summary_lines(honest.join(holdout), no_scores(), 7, holdout=scores)
    (line,) = (line for line in lines if line not in without)
    assert lines.index(line) == 2  # between honest and naive
    assert line == (
        "macro F2, holdout: 0.6000  on 30 photos that nothing saw before the end;"
        " 95 % bootstrap interval over photos, networks held fixed: 0.2000 to 0.9000"
    )


def test_the_summary_adds_what_joining_the_folds_is_worth(bank):
    decisions = np.random.default_rng(3).integers(0, 2, bank.truth.shape)
    honest = nested_scores(bank.truth, decisions, [0.9, 0.8], bank.labels)
    without, lines = (summary_lines(honest, no_scores(), 7, joining=gain) for gain in (None, -0.0125))
    (line,) = (line for line in lines if line not in without)
    assert lines.index(line) == 2  # between honest and naive
    expected = fbeta_score(bank.truth, decisions, beta=2, average="macro") - 0.0125
    assert line.startswith(f"macro F2, expected: {expected:.4f}  the honest figure -0.0125: ")


@pytest.mark.parametrize("beta", [0.5, 1])
def test_honest_figures_are_of_their_beta(bank, beta):
    decisions = np.random.default_rng(3).integers(0, 2, bank.truth.shape)
    table = nested_scores(bank.truth, decisions, [0.9, 0.8], bank.labels, beta)
    expected = fbeta_score(bank.truth, decisions, beta=beta, average=None)
    assert table["nested_f_beta"].tolist() == pytest.approx([*expected, expected.mean()])
    assert ((table["nested_low"] < table["nested_f_beta"]) & (table["nested_f_beta"] < table["nested_high"])).all()
    said = summary_lines(table, score_decisions(bank.truth, decisions, bank.labels, beta), 7, beta=beta)
    figures = [line.split(":")[0] for line in said[1:] if ":" in line]
    assert figures[:2] == [f"macro F{beta:g}, honest", f"macro F{beta:g}, naive"]
    assert f"macro F{beta:g}, test:   {expected.mean():.4f}  on 240 photos with known labels" in said
    assert not any("F2" in line for line in said)


def test_the_summary_says_test_scores_only_where_they_are_known(bank):
    honest = nested_scores(bank.truth, bank.truth, [0.9, 0.8], bank.labels)
    unknown = summary_lines(honest, no_scores(), 7)
    assert unknown[0] == "7 photos decided, 2 labels each"
    assert unknown[1].startswith("macro F2, honest: 1.0000")
    assert unknown[2].startswith("macro F2, naive:  0.8500")
    assert unknown[-1] == "test photos: their labels are not known"
    known = summary_lines(honest, score_decisions(bank.truth, bank.truth, bank.labels), 7)
    assert known[-2] == "macro F2, test:   1.0000  on 240 photos with known labels"
