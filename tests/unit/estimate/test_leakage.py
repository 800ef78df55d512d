"""Alarms are raised by what has seen the answers, and by nothing else."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from stylevote.config.ensemble import Selection
from stylevote.estimate.leakage import (
    auc_error,
    fold_aucs,
    noise_alarm,
    non_nested_alarms,
    permuted_alarm,
    run_alarms,
    shuffle_within_folds,
)

TOP = Selection(method="top_n", top_n=4, correlation=0.95)


def figures_of(ensemble):
    """Return the figures of each run's first epoch, of all labels."""
    parts = []
    for k, label in enumerate(ensemble.labels):
        candidates, scores = ensemble.candidates(k)
        first = np.flatnonzero(candidates["epoch"] == 1)
        figures = fold_aucs(candidates.iloc[first], scores[first], ensemble.truth[:, k], ensemble.folds)
        parts.append(figures.assign(label=label))
    return pd.concat(parts)


def raised(ensemble):
    return {(alarm["alarm"], alarm["subject"]) for alarm in run_alarms(figures_of(ensemble)) if alarm["raised"]}


@pytest.fixture
def clean(simulate):
    return simulate(photos=1500, prevalence=(0.4, 0.1, 0.03), runs=5, folds=5, strength=1.5, seed=3)


def knowing(ensemble, run, photos):
    """Let a run know the labels of these photos: it is hardly in doubt any more where there is one."""
    known = ensemble.scores[run][:, photos]
    ensemble.scores[run][:, photos] = np.where(ensemble.truth[photos] == 1, 1 - 0.05 * (1 - known), known)


def test_shuffling_stays_within_the_folds(clean):
    numbers = shuffle_within_folds(clean.folds, 5)
    assert sorted(numbers) == list(range(len(numbers)))
    assert (clean.folds[numbers] == clean.folds).all()
    assert (numbers != np.arange(len(numbers))).mean() > 0.9


def test_figures_are_those_of_scikit_learn(clean):
    figures = figures_of(clean)
    for row in figures.sample(12, random_state=1).itertuples():
        k = clean.labels.index(row.label)
        scores, inside = clean.scores[row.run][0, :, k], clean.folds == row.fold
        assert row.auc == pytest.approx(roc_auc_score(clean.truth[inside, k], scores[inside]))
        negative = clean.truth[:, k] == 0
        separation = roc_auc_score(inside[negative], scores[negative])
        assert row.separation == pytest.approx(max(separation, 1 - separation))


def test_the_standard_error_of_an_auc_is_that_of_many_samples():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], [200, 40])
    actual = [roc_auc_score(labels, rng.exponential(1 + 2 * labels)) for _ in range(400)]
    assert auc_error(np.mean(actual), 40, 200) == pytest.approx(np.std(actual), rel=0.12)
    assert 0 < auc_error(1.0, 40, 200) < 0.01


@pytest.mark.parametrize("seed", range(6))
def test_honest_runs_raise_no_alarm(simulate, seed):
    assert raised(simulate(photos=900, prevalence=(0.4, 0.1, 0.03), runs=5, folds=3, strength=2, seed=seed)) == set()


def test_a_run_that_knows_one_fold_is_caught(clean):
    knowing(clean, "run2", clean.folds == 3)
    actual = [alarm for alarm in run_alarms(figures_of(clean)) if alarm["raised"]]
    assert [(alarm["alarm"], alarm["subject"]) for alarm in actual] == [("fold", "run2")]
    assert "in fold 3" in actual[0]["meaning"]


def test_a_lone_run_that_knows_one_fold_is_caught(clean):
    knowing(clean, "run2", clean.folds == 3)
    clean.scores = {"run2": clean.scores["run2"]}
    assert raised(clean) == {("fold", "run2")}


def test_a_run_that_knows_all_folds_is_caught(clean):
    knowing(clean, "run0", clean.folds >= 0)
    assert raised(clean) == {("error", "run0")}


def test_a_fold_on_another_scale_is_caught(clean):
    clean.scores["run4"][:, clean.folds == 1] **= 4
    assert raised(clean) == {("separation", "run4")}


def test_a_fold_that_is_easy_for_all_runs_is_no_alarm(clean):
    for run in clean.scores:
        knowing(clean, run, clean.folds == 3)
    assert not {alarm for alarm, _ in raised(clean)} & {"fold", "error"}


def test_a_fold_without_positives_is_left_out(clean):
    clean.truth[clean.folds == 2, 2] = 0
    figures = figures_of(clean)
    assert set(figures.loc[figures["label"] == "style 2", "fold"]) == {0, 1, 3, 4}
    assert raised(clean) == set()


def test_knowing_permuted_labels_is_an_alarm_and_guessing_is_none():
    rng = np.random.default_rng(2)
    labels = (rng.random(2000) < 0.1).astype(np.uint8)
    for _ in range(20):
        guessed = (rng.random(2000) < rng.random()).astype(np.uint8)
        assert not permuted_alarm("red", labels, guessed)["raised"]
    some = np.where(rng.random(2000) < 0.5, labels, 1).astype(np.uint8)
    alarm = permuted_alarm("red", labels, some)
    assert (alarm["alarm"], alarm["subject"], alarm["raised"]) == ("permuted", "red", True)
    share = labels.mean()
    assert alarm["expected"] == pytest.approx(5 * share / (1 + 4 * share))


@pytest.mark.parametrize("method", [TOP, Selection(method="all")])
def test_noise_does_not_outdo_what_tells_the_label(clean, method):
    alarm = noise_alarm("red", *clean.candidates(0), clean.truth[:, 0], clean.folds, clean.folds, method, seed=1)
    assert not alarm["raised"]
    assert alarm["value"] == (0 if method is TOP else 0.5)


def test_noise_of_a_backbone_takes_one_place_per_backbone(simulate):
    ensemble = simulate(photos=1500, prevalence=(0.2,), runs=16)
    candidates, scores = ensemble.candidates(0)
    names = {f"run{k}": f"{'ab'[k % 2]}-224-plain-{k:08x}" for k in range(16)}
    candidates["run"] = candidates["run"].map(names)
    selection = Selection(method="each_backbone")
    labels, folds = ensemble.truth[:, 0], ensemble.folds
    alarm = noise_alarm("red", candidates, scores, labels, folds, folds, selection, seed=1)
    assert (alarm["value"], alarm["raised"]) == (0.5, False)


def test_a_selection_that_prefers_noise_is_caught(simulate):
    ensemble = simulate(photos=1500, prevalence=(0.2,), runs=12, strength=-1.5)  # scores that point the wrong way
    selection = Selection(method="top_n", top_n=12, correlation=0.95)
    labels, folds = ensemble.truth[:, 0], ensemble.folds
    alarm = noise_alarm("red", *ensemble.candidates(0), labels, folds, folds, selection, seed=1)
    assert alarm["raised"]
    assert alarm["value"] == 1


def test_a_nested_figure_above_the_non_nested_one_is_an_alarm():
    figures = {"label": ["red", "macro"], "nested_low": [0.5, 0.62], "nested_f_beta": [0.6, 0.7]}
    summary = pd.DataFrame(figures | {"non_nested_f_beta": [0.55, 0.61]})
    assert [(alarm["subject"], alarm["raised"]) for alarm in non_nested_alarms(summary)] == [
        ("red", False),
        ("macro", True),
    ]
