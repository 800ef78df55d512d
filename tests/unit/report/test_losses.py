"""Losses are compared by runs that differ in nothing else, and the figures agree with scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score

from stylevote.ensemble.rank import rank_by_fold
from stylevote.report.losses import compare_losses, loss_flatness, loss_gains, runs_of_label, sample_losses

GROUPS = [{"bce": "plain-0", "focal": "focal-0"}, {"bce": "plain-1", "focal": "focal-1"}]
RUNS = ["plain-0", "plain-1", "focal-0", "focal-1", "better"]


def f2(labels, decided) -> float:
    return fbeta_score(labels, decided, beta=2, zero_division=0)


def drawn(seed: int = 5):
    """Return rankings, a reader of scores, the scores, labels and folds of five runs of two epochs."""
    random = np.random.default_rng(seed)
    labels, folds = (random.random(240) < 0.3).astype(np.uint8), random.integers(0, 3, 240)
    networks = pd.DataFrame({"run": np.repeat(RUNS, 2), "epoch": [0, 1] * 5})
    skill = np.repeat([0.2, 0.3, 0.4, 0.5, 0.9], 2)[:, None]
    scores = ((1 - skill) * random.random((10, 240)) + skill * labels).astype(np.float32)
    scores[4:8] *= 0.5  # no score of focal is above 0.5: without a search, it decides nothing

    def read(wanted):
        return np.stack(
            [scores[2 * RUNS.index(run) + epoch] for _, run, epoch in wanted[["run", "epoch"]].itertuples()]
        )

    return rank_by_fold(networks, labels, scores, folds), read, scores, labels, folds


def nested(labels, scores, folds, thresholds) -> np.ndarray:
    """Decide by brute force: each fold by the epoch and the threshold that are best on the other folds."""
    decided = np.zeros(len(labels), bool)
    for fold in np.unique(folds):
        known = folds != fold
        tried = [
            (f2(labels[known], row[known] >= cut), -epoch, cut)
            for epoch, row in enumerate(scores)
            for cut in (thresholds or np.unique(row[known]))
        ]
        best, epoch, _ = max(tried)
        cut = max(cut for value, other, cut in tried if (value, other) == (best, epoch))
        row = scores[-epoch]
        below = row[known][row[known] < cut]
        decided[~known] = row[~known] >= (cut if thresholds else (cut + max(below, default=0)) / 2)
    return decided


def test_losses_are_compared_only_within_pairs_and_a_better_run_without_a_partner_counts_for_nothing():
    rankings, read, scores, labels, folds = drawn()
    samples = sample_losses(rankings, read, labels, folds, GROUPS).assign(label="red")
    actual = samples[samples["sample"] == 0].set_index("searched")
    for searched, thresholds in ((False, [0.5]), (True, None)):
        of_run = [f2(labels, nested(labels, scores[2 * k : 2 * k + 2], folds, thresholds)) for k in range(4)]
        expected = np.mean(of_run[:2]), np.mean(of_run[2:])
        assert actual.loc[searched, ["first_f", "second_f"]].tolist() == pytest.approx(expected)
    assert actual.loc[False, "second_f"] == 0, "focal decides nothing at 0.5"
    gains = loss_gains(samples).set_index("searched")
    assert gains.loc[False, "high"] < 0
    assert gains.loc[True, "gain"] > 0


def test_the_interval_is_that_of_paired_resamples():
    """Runs with equal scores differ by nothing on every sample, although each F-beta varies from sample to sample."""
    rankings, read, _, labels, folds = drawn()
    same = [{"bce": "plain-0", "focal": "plain-0"}]
    samples = sample_losses(rankings, read, labels, folds, same).assign(label="red")
    (_, row) = (row for _, row in loss_gains(samples).iterrows())
    assert (row["gain"], row["low"], row["high"]) == (0, 0, 0)
    assert samples["first_f"].std() > 0.01


def test_gains_are_means_over_labels_sample_by_sample():
    rows = [(label, sample, 0.5, 0.5 + change) for label, changes in (("a", (0.1, 0.3)), ("b", (0.2, 0.0)))
            for sample, change in enumerate(changes)]  # fmt: skip
    samples = pd.DataFrame(rows, columns=["label", "sample", "first_f", "second_f"])
    (row,) = loss_gains(samples.assign(first="bce", second="focal", searched=True)).to_dict("records")
    assert row["labels"] == 2
    assert row["gain"] == pytest.approx(0.15)
    assert (row["low"], row["high"]) == pytest.approx((0.15, 0.15))


def test_the_best_pair_is_drawn_and_labels_without_a_pair_have_none():
    rankings, *_ = drawn()
    missing = {"bce": "plain-0", "focal": "of another label"}
    assert runs_of_label([missing, *GROUPS], rankings) == GROUPS[::-1]
    assert runs_of_label([missing], rankings) == []


def test_a_runs_curves_and_figures_are_scikit_learns():
    rankings, read, scores, labels, _ = drawn()
    new_labels, new_scores = labels[::-1], scores[9]
    asked = []

    def read_new(run, epoch):
        asked.append((run, epoch))
        return new_scores if run == "plain-1" else None

    plain, focal = compare_losses(rankings, read, labels, GROUPS[1], checked=(new_labels, read_new))
    for curves, rows in ((plain, scores[2:4]), (focal, scores[6:8])):
        best = [max(f2(labels, row >= cut) for cut in row) for row in rows]
        assert curves.epochs["at_half"].tolist() == pytest.approx([f2(labels, row >= 0.5) for row in rows])
        assert curves.epochs["f_beta"].tolist() == pytest.approx(best)
        figures, epoch = curves.figures, int(np.argmax(best))
        assert figures["epoch"] == epoch
        assert figures["f_beta"] == pytest.approx(f2(labels, rows[epoch] >= figures["threshold"]))
        expected = [f2(labels, rows[epoch].astype(float) >= point) for point in curves.thresholds]
        assert curves.curves[0].tolist() == pytest.approx(expected)
        assert figures["flat_low"] < figures["threshold"] <= figures["flat_high"]
    assert asked == [(curves.figures["run"], curves.figures["epoch"]) for curves in (plain, focal)]
    assert len(focal.curves) == 1
    assert np.isnan(focal.figures["checked"])
    assert plain.figures["checked"] == pytest.approx(f2(new_labels, new_scores >= plain.figures["threshold"]))
    assert plain.figures["checked_best"] == pytest.approx(max(f2(new_labels, new_scores >= cut) for cut in new_scores))


def test_flatness_is_a_mean_over_the_runs_of_a_loss():
    nan = np.nan
    rows = [("bce", 0.1, 0.3, 0.5, 0.6), ("bce", 0.2, 0.3, nan, nan), ("focal", 0.0, 1.0, nan, nan)]
    figures = pd.DataFrame(rows, columns=["loss", "flat_low", "flat_high", "checked", "checked_best"])
    plain, focal = loss_flatness(figures).to_dict("records")
    assert (plain["span"], plain["lost"]) == pytest.approx((0.15, 0.1))
    assert focal["span"] == 1
    assert np.isnan(focal["lost"])
