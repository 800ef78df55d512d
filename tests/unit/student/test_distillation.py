"""A student: its targets, its epoch and thresholds, and its comparison with the ensemble."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, fbeta_score

from places import REPOSITORY
from stylevote.config.ensemble import Stack, Threshold
from stylevote.ensemble.log_odds import log_odds
from stylevote.files.tables import UNKNOWN, read_table, write_table
from stylevote.student.distillation import choose_epoch, compare_student, distillation_targets, nested_decisions

EXACT = Threshold(method="exact")
LOGISTIC = Stack(combiner="logistic", logistic={"alpha": [1]})


def members(ensemble):
    """Return one label's features, (photos, members), and its labels."""
    return ensemble.candidates(0)[1].T, ensemble.truth[:, 0]


def targets_of(ensemble, truth):
    features, _ = members(ensemble)
    return distillation_targets(lambda fold: features, truth, ensemble.folds, LOGISTIC)


def test_a_target_is_what_a_regression_without_both_folds_says(ensemble):
    features, truth = members(ensemble)
    targets = targets_of(ensemble, truth).set_index(["held_out_fold", "photo"])["score"]
    odds = log_odds(features)
    for student in range(3):
        assert targets.loc[student].index.tolist() == np.flatnonzero(ensemble.folds != student).tolist()
        for fold in {0, 1, 2} - {student}:
            known = (ensemble.folds != student) & (ensemble.folds != fold)
            model = LogisticRegression(C=1, tol=1e-10, max_iter=10_000).fit(odds[known], truth[known])
            photos = np.flatnonzero(ensemble.folds == fold)
            expected = model.predict_proba(odds[photos])[:, 1]
            np.testing.assert_allclose(targets.loc[student].loc[photos], expected, atol=1e-4)


def test_the_members_are_those_selected_without_the_students_fold(ensemble):
    features, truth = members(ensemble)
    targets = distillation_targets(lambda fold: features[:, [fold]], truth, ensemble.folds, Stack(combiner="mean"))
    expected = features[targets["photo"], targets["held_out_fold"]]
    assert np.array_equal(targets["score"], expected)
    assert targets["score"].dtype == np.float32


def test_no_label_of_the_fold_that_judges_is_in_what_its_student_learns(ensemble):
    _, truth = members(ensemble)
    before = targets_of(ensemble, truth)
    for fold in range(3):
        after = targets_of(ensemble, np.where(ensemble.folds == fold, 1 - truth, truth))
        same = (before["score"] == after["score"]).groupby(before["held_out_fold"]).all()
        assert same.to_dict() == {student: student == fold for student in range(3)}


def f2(truth, decided):
    return 5 * (truth & decided).sum() / (4 * truth.sum() + decided.sum())


def best_by_trying(truth, scores):
    """Return epoch and thresholds of the highest macro F2, of all epochs and of cuts between all scores."""
    tried = []
    for epoch in scores:
        best = []
        for label, column in zip(truth.T == 1, epoch.T, strict=True):
            levels = np.append(0, np.unique(column))
            best.append(max((f2(label, column > cut), cut) for cut in (levels[1:] + levels[:-1]) / 2))
        tried.append(best)
    epoch = int(np.argmax([np.mean([figure for figure, _ in best]) for best in tried]))
    return epoch, [cut for _, cut in tried[epoch]]


def student_scores(ensemble):
    """Return a student's scores, (epochs, photos, labels): its second epoch knows more than the others."""
    random = np.random.default_rng(3)
    knowing = np.array([0.3, 1.2, 0.8])[:, None, None]
    odds = knowing * (2.0 * ensemble.truth - 1) + random.normal(size=(3, *ensemble.truth.shape))
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


def test_epoch_and_thresholds_are_the_best_of_all(ensemble):
    scores = student_scores(ensemble)
    epoch, thresholds, reached = choose_epoch(ensemble.truth, scores, EXACT)
    expected_epoch, expected = best_by_trying(ensemble.truth, scores)
    assert epoch == expected_epoch == 1
    np.testing.assert_allclose(thresholds, expected, rtol=1e-6)
    for k in range(2):
        assert reached[k] == pytest.approx(fbeta_score(ensemble.truth[:, k], scores[1, :, k] >= thresholds[k], beta=2))


def test_a_fold_is_decided_by_what_the_others_chose(ensemble):
    scores = student_scores(ensemble)
    # On fold 2 alone, another epoch is better than on the others.
    scores[0][ensemble.folds == 2] = np.where(ensemble.truth, 0.99, 0.01)[ensemble.folds == 2]
    decided = nested_decisions(ensemble.truth, scores, ensemble.folds, EXACT)
    for fold in range(3):
        others = ensemble.folds != fold
        epoch, cuts = best_by_trying(ensemble.truth[others], scores[:, others])
        assert np.array_equal(decided[~others], scores[epoch][~others] > np.array(cuts))
        wrong = np.where((ensemble.folds == fold)[:, None], 1 - ensemble.truth, ensemble.truth)
        again = nested_decisions(wrong, scores, ensemble.folds, EXACT)
        assert np.array_equal(again[~others], decided[~others])


@pytest.mark.parametrize(("min_labels", "max_labels"), [(0, 1), (0, None), (1, 1), (1, None)])
def test_a_photo_has_as_many_labels_as_it_may_have(ensemble, min_labels, max_labels):
    scores, limits = student_scores(ensemble), {"min_labels": min_labels, "max_labels": max_labels}
    decided = nested_decisions(ensemble.truth, scores, ensemble.folds, EXACT, **limits)
    counts = decided.sum(axis=1)
    assert counts.min() == min_labels
    assert counts.max() == (max_labels or 2)


def test_the_comparison_says_what_scikit_learn_says(ensemble):
    random = np.random.default_rng(0)
    kinds = ["ensemble", "student", "single"]
    decided = [
        np.where(random.random(ensemble.truth.shape) < share, ensemble.truth, 1 - ensemble.truth)
        for share in (0.9, 0.8, 0.7)
    ]
    table = compare_student(ensemble.truth, *decided, ensemble.labels).set_index("label")
    for kind, decisions in zip(kinds, decided, strict=True):
        each = fbeta_score(ensemble.truth, decisions, beta=2, average=None)
        np.testing.assert_allclose(table[f"{kind}_f_beta"], [*each, each.mean()])
    np.testing.assert_allclose(table["difference"], table["student_f_beta"] - table["ensemble_f_beta"])
    assert (table["low"] < table["difference"]).all()
    assert (table["difference"] < table["high"]).all()
    assert table["high"]["macro"] < 0  # it is clearly worse
    assert table["positives"].tolist() == [*ensemble.truth.sum(axis=0), ensemble.truth.sum()]


def votes_of(ensemble, decisions):
    """Return decisions as a table of votes."""
    parts = [pd.DataFrame({"image_id": ensemble.image_ids, "label": label}) for label in ensemble.labels]
    return pd.concat(parts).assign(decision=decisions.T.ravel())


def test_the_program_prints_the_comparison_on_holdout_photos_where_there_are_any(ensemble, tmp_path):
    every, holdout = np.ones_like(ensemble.truth), np.arange(len(ensemble.truth)) % 3 == 0
    write_table(ensemble.manifest, tmp_path / "truth.parquet")
    write_table(ensemble.manifest.assign(**dict.fromkeys(ensemble.labels, 1)), tmp_path / "every.parquet")
    wrong = np.where(holdout[:, None], 1 - ensemble.truth, ensemble.truth)
    for name, decisions in (("good", ensemble.truth), ("bad", wrong)):
        write_table(votes_of(ensemble, decisions), tmp_path / f"{name}.parquet")
    scripts = REPOSITORY / "workflow_scripts"
    program, environment = scripts / "student" / "compare_student.py", os.environ | {"PYTHONPATH": str(scripts)}
    words = {"manifest": "truth", "ensemble": "truth", "student": "every", "singles": "every", "scores": "scores"}
    words = [part for name, file in words.items() for part in (f"--{name}", f"{file}.parquet")]
    words += ["--summary", "summary.txt", "--settings", json.dumps({"labels": ensemble.labels, "beta": 1})]
    f_every, f_bad = (f1_score(ensemble.truth, decided, average="macro") for decided in (every, wrong))
    files = {"manifest": "truth", "ensemble": "good", "student": "bad"}
    for holdout_photos in ({}, files):
        more = [part for name, file in holdout_photos.items() for part in (f"--holdout-{name}", f"{file}.parquet")]
        command = [sys.executable, program, *words, *more]
        printed = subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True, env=environment
        ).stdout
        assert "macro F1, ensemble: 1.0000" in printed
        assert f"macro F1, student:  {f_every:.4f}" in printed
        assert f"macro F1, student less ensemble: {f_every - 1:+.4f}" in printed
        assert f"macro F1, single networks trained on labels: {f_every:.4f}" in printed
        assert "The student's figure is probably too high" in printed
        assert ("holdout photos:" in printed) == bool(holdout_photos)
        assert (tmp_path / "summary.txt").read_text() == printed
    assert f"macro F1, student, holdout photos:  {f_bad:.4f}" in printed
    assert f"macro F1, student less ensemble, holdout photos: {f_bad - 1:+.4f}" in printed
    macro = read_table(tmp_path / "scores.parquet").iloc[-1]
    assert macro["holdout_low"] < f_bad - 1 < macro["holdout_high"] < 0


def test_unknown_labels_count_neither_way_for_a_student(ensemble):
    random, scores = np.random.default_rng(3), student_scores(ensemble)
    truth = np.where(random.random(ensemble.truth.shape) < 0.3, UNKNOWN, ensemble.truth)
    for k in range(2):
        known = truth[:, k] != UNKNOWN
        alone = truth[known, k : k + 1], scores[:, known, k : k + 1]
        one = truth[:, k : k + 1], scores[:, :, k : k + 1]
        assert choose_epoch(*one, EXACT)[:2] == choose_epoch(*alone, EXACT)[:2]
        decided = nested_decisions(*one, ensemble.folds, EXACT)
        assert np.array_equal(decided[known], nested_decisions(*alone, ensemble.folds[known], EXACT))
        decisions = [random.integers(0, 2, (len(truth), 1), dtype=np.uint8) for _ in range(3)]
        table = compare_student(one[0], *decisions, ["a"])
        expected = [fbeta_score(truth[known, k], each[known], beta=2) for each in decisions]
        columns = ["ensemble_f_beta", "student_f_beta", "single_f_beta"]
        assert table.loc[0, columns].tolist() == pytest.approx(expected)
        assert table.loc[0, "positives"] == (truth[:, k] == 1).sum()
    targets = targets_of(ensemble, truth[:, 0])
    assert targets.groupby("held_out_fold").size().tolist() == [(ensemble.folds != fold).sum() for fold in range(3)]
