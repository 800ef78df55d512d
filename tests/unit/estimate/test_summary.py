"""The summary states the estimates, and only those that were made."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score

from stylevote.estimate.scores import nested_scores, no_scores, score_decisions
from stylevote.estimate.summary import summary_lines
from stylevote.files.tables import UNKNOWN

COMPOSITION = {"cnns": 12, "size": "12 different CNNs", "warnings": []}


def test_the_summary_says_how_many_cnns_there_are_and_which_labels_lack_members(ensemble):
    nested = nested_scores(ensemble.truth, ensemble.truth, [0.9, 0.8], ensemble.labels)
    lines = summary_lines(nested, no_scores(), 7, COMPOSITION | {"warnings": ["fewer than 20 members", "another"]})
    assert lines[1:4] == ["ensemble: 12 different CNNs", "warning: fewer than 20 members", "warning: another"]
    assert lines[:2] + lines[4:] == summary_lines(nested, no_scores(), 7, COMPOSITION)


def test_the_summary_says_what_holdout_photos_are_worth_only_where_there_are_any(ensemble):
    nested = nested_scores(ensemble.truth, ensemble.truth, [0.9, 0.8], ensemble.labels)
    other_lines = summary_lines(nested, no_scores(), 7, COMPOSITION)
    assert not any("holdout" in line for line in other_lines)
    holdout = pd.DataFrame(
        {"holdout_f_beta": [0.5, 0.7, 0.6], "holdout_low": [0.1, 0.3, 0.2], "holdout_high": [0.8, 1, 0.9]}
    )
    scores = score_decisions(ensemble.truth[:30], ensemble.truth[:30], ensemble.labels)
    lines = summary_lines(nested.join(holdout), no_scores(), 7, COMPOSITION, holdout=scores)
    (line,) = (line for line in lines if line not in other_lines)
    assert lines.index(line) == 3  # between honest and naive
    assert line == (
        "macro F2, holdout: 0.6000  on 30 photos that no step used before the end;"
        " 95 % bootstrap interval over groups of photos, networks held fixed: 0.2000 to 0.9000"
    )


def test_the_summary_adds_what_fold_averaging_is_worth(ensemble):
    decisions = np.random.default_rng(3).integers(0, 2, ensemble.truth.shape)
    nested = nested_scores(ensemble.truth, decisions, [0.9, 0.8], ensemble.labels)
    other_lines, lines = (
        summary_lines(nested, no_scores(), 7, COMPOSITION, fold_averaging=gain) for gain in (None, -0.0125)
    )
    (line,) = (line for line in lines if line not in other_lines)
    assert lines.index(line) == 3  # between honest and naive
    expected = fbeta_score(ensemble.truth, decisions, beta=2, average="macro") - 0.0125
    assert line.startswith(f"macro F2, expected: {expected:.4f}  the honest figure -0.0125: ")


@pytest.mark.parametrize("beta", [0.5, 1])
def test_honest_figures_are_of_their_beta(ensemble, beta):
    decisions = np.random.default_rng(3).integers(0, 2, ensemble.truth.shape)
    table = nested_scores(ensemble.truth, decisions, [0.9, 0.8], ensemble.labels, beta=beta)
    expected = fbeta_score(ensemble.truth, decisions, beta=beta, average=None)
    assert table["nested_f_beta"].tolist() == pytest.approx([*expected, expected.mean()])
    assert ((table["nested_low"] < table["nested_f_beta"]) & (table["nested_f_beta"] < table["nested_high"])).all()
    output = summary_lines(
        table, score_decisions(ensemble.truth, decisions, ensemble.labels, beta=beta), 7, COMPOSITION, beta=beta
    )
    figures = [line.split(":")[0] for line in output[2:] if ":" in line]
    assert figures[:2] == [f"macro F{beta:g}, honest", f"macro F{beta:g}, naive"]
    assert f"macro F{beta:g}, test:   {expected.mean():.4f}  on 240 photos with known labels" in output
    assert not any("F2" in line for line in output)


def test_the_summary_says_test_scores_only_where_they_are_known(ensemble):
    nested = nested_scores(ensemble.truth, ensemble.truth, [0.9, 0.8], ensemble.labels)
    unknown = summary_lines(nested, no_scores(), 7, COMPOSITION)
    assert unknown[0] == "7 photos decided, 2 labels each"
    assert unknown[2].startswith("macro F2, honest: 1.0000")
    assert unknown[3].startswith("macro F2, naive:  0.8500")
    assert unknown[-1] == "test photos: their labels are not known"
    known = summary_lines(nested, score_decisions(ensemble.truth, ensemble.truth, ensemble.labels), 7, COMPOSITION)
    assert known[-2] == "macro F2, test:   1.0000  on 240 photos with known labels"
    labels = ensemble.truth.copy()
    labels[:50, 0], labels[:9, 1] = UNKNOWN, UNKNOWN
    partly = summary_lines(nested, score_decisions(labels, ensemble.truth, ensemble.labels), 7, COMPOSITION)
    assert partly[-2] == "macro F2, test:   1.0000  on 240 photos with known labels (59 of 480 labels unknown)"
