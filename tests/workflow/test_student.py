"""A student learns a small ensemble: it is scored as its tables say, decides photos, and leaves the ensemble alone."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score

from stylevote.config.identity import slug
from stylevote.files.tables import read_table
from workflow.checkout import LABELS, PHASES, Checkout

STUDENT = {
    "backbone": "test_byobnet",
    "weights": "none",
    "size": 32,
    "batch": 16,
    "hidden_units": [16],
    "phases": PHASES,
}
TARGETS = ["out/student/scores.parquet", "out/student/predictions/test/decisions.csv", "out/student/bundle"]
JUDGED = {"evaluate_student": 1, "compare_student": 1, "bundle_student": 1}
DECIDED = {"decide_by_student": 1, "score_decisions": 1, "write_decisions": 1}
TAUGHT = {"train_cnn": 3, "predict_photos": 1, **JUDGED, **DECIDED}


def f2(truth: np.ndarray, decided: np.ndarray) -> float:
    return 5 * (truth & decided).sum() / (4 * truth.sum() + decided.sum())


def best_network(truth: pd.DataFrame, scores: pd.DataFrame) -> tuple[int, dict[str, float]]:
    """Return the epoch of highest macro F2 and each label's cut, by trying all cuts between two scores."""
    figures, cuts = {}, {}
    for epoch, table in scores.groupby("epoch"):
        known = truth.loc[table["image_id"]]
        for label in LABELS:
            levels = np.append(0, np.unique(table[label]))
            figures[epoch, label], cuts[epoch, label] = max(
                (f2(known[label].to_numpy() == 1, table[label].to_numpy() > cut), cut)
                for cut in (levels[1:] + levels[:-1]) / 2
            )
    means = pd.Series(figures).groupby(level=0).mean()
    return means.idxmax(), {label: cuts[means.idxmax(), label] for label in LABELS}


def decided(scores: pd.DataFrame, cuts: dict[str, float]) -> pd.DataFrame:
    return (scores[LABELS] > pd.Series(cuts)).astype(int)


def run_of_student(checkout: Checkout) -> str:
    """Return the id of the student's run, which its table of thresholds names."""
    (run,) = read_table(checkout.folder / "out" / "student" / "chosen.parquet")["run"].unique()
    return run


def check_scores(checkout: Checkout) -> None:
    """Compare the figures of the student with its own out-of-fold scores."""
    out, run = checkout.folder / "out", run_of_student(checkout)
    truth = read_table(out / "photos" / "train" / "manifest.parquet").set_index("image_id")[LABELS]
    folds = [read_table(out / "runs" / run / f"fold{fold}" / "validation.parquet") for fold in range(3)]
    parts = []
    for fold, own in enumerate(folds):
        epoch, cuts = best_network(truth, pd.concat(folds[:fold] + folds[fold + 1 :]))
        parts.append(decided(own[own["epoch"] == epoch].set_index("image_id"), cuts))
    student = pd.concat(parts).loc[truth.index]
    found = read_table(out / "student" / "scores.parquet").set_index("label")
    tables = {"student": student, "ensemble": read_table(out / "estimate" / "nested_decisions.parquet")[LABELS]}
    for kind, decisions in tables.items():
        each = fbeta_score(truth.to_numpy(), decisions.to_numpy(), beta=2, average=None, zero_division=0)
        np.testing.assert_allclose(found[f"{kind}_f_beta"], [*each, each.mean()])


def check_decisions(checkout: Checkout) -> None:
    """Compare the decisions for new photos with the mean of the folds' scores."""
    out, run = checkout.folder / "out", run_of_student(checkout)
    truth = read_table(out / "photos" / "train" / "manifest.parquet").set_index("image_id")[LABELS]
    known = [read_table(out / "runs" / run / f"fold{fold}" / "validation.parquet") for fold in range(3)]
    epoch, cuts = best_network(truth, pd.concat(known))
    predicted = [read_table(out / "predictions" / "test" / run / f"fold{fold}.parquet") for fold in range(3)]
    assert all((table["epoch"] == epoch).all() for table in predicted)
    mean = sum(table[LABELS].astype(float) for table in predicted) / 3
    written = pd.read_csv(out / "student" / "predictions" / "test" / "decisions.csv")
    assert written["image"].tolist() == predicted[0]["image_id"].tolist()
    assert np.array_equal(written[LABELS], decided(mean, cuts))


@pytest.mark.slow
def test_a_student_learns_the_ensemble_and_leaves_it_alone(checkout):
    checkout.config["distillation"] = STUDENT
    assert checkout.plan("decide", *TARGETS) == {"make_distillation_targets": 3, "gather_targets": 1, **TAUGHT}
    printed = checkout.run(*TARGETS)
    scores = read_table(checkout.folder / "out" / "student" / "scores.parquet").iloc[-1]
    assert f"macro F2, student:  {scores['student_f_beta']:.4f}" in printed
    assert f"macro F2, ensemble: {scores['ensemble_f_beta']:.4f}" in printed
    check_scores(checkout)
    check_decisions(checkout)
    written = checkout.folder / "out" / "student" / "predictions" / "test" / "decisions.csv"
    assert checkout.decided_by("out/student/bundle") == written.read_bytes()
    # A fold's student learned the scores of all photos that are not of its fold.
    out = checkout.folder / "out"
    folds = read_table(out / "photos" / "train" / "folds.parquet").set_index("image_id")["fold"]
    targets = read_table(out / "student" / "targets" / "fold1.parquet")
    assert set(targets["image_id"]) == set(folds.index[folds != 1])
    taught = read_table(out / "student" / "taught" / f"{slug(LABELS[1])}.parquet")
    assert np.array_equal(targets[LABELS[1]], taught.loc[taught["held_out_fold"] == 1, "score"])

    assert checkout.plan("decide", *TARGETS) == {}
    checkout.config["distillation"] = {**STUDENT, "seed": 1}
    assert checkout.plan("decide", *TARGETS) == TAUGHT
    checkout.config |= {"distillation": STUDENT, "threshold": {"method": "greedy"}}
    thresholds = {"search_thresholds": 3, "estimate_nested": 3, "summarize_estimates": 1}
    assert checkout.plan(*TARGETS) == {**thresholds, "predict_photos": 1, **JUDGED, **DECIDED}
    checkout.config["distillation"] = None
    refused = checkout.snakemake("--dry-run", "--", "out/student/scores.parquet", check=False)
    assert refused.returncode != 0
    assert "distillation is null: there is no student; set it to a backbone" in refused.stdout


def test_the_students_weights_stay_even_if_those_of_runs_do_not(fresh):
    fresh.config |= {"distillation": STUDENT, "keep_weights": "none"}
    plan = fresh.plan("out/student/scores.parquet")
    assert (plan["train_cnn"], plan["keep_student"]) == (6 + 3, 3)
    fresh.config["keep_weights"] = "selectable"
    assert "keep_student" not in fresh.plan("out/student/scores.parquet", "out/student/bundle")


def test_a_student_that_no_bundle_can_hold_is_refused_before_it_is_trained(fresh):
    fresh.config["distillation"] = STUDENT | {"backbone_args": {"norm_eps": 9000}}
    printed = fresh.snakemake("--dry-run", "--", "out/student/bundle", check=False).stdout
    assert "distillation: backbone_args: a bundle cannot hold this: 'norm_eps': found 9000" in printed


def test_holdout_photos_are_decided_by_the_student_too(fresh):
    fresh.config |= {"distillation": {**STUDENT, "size": 48, "recipe": "more"}, "holdout": {"share": 0.2}}
    plan = fresh.plan("out/student/scores.parquet")
    assert (plan["predict_photos"], plan["decide_by_student"]) == (2 + 1, 1)
    # Its size brings pixels of its own; the epochs are those of the run of its recipe and length.
    assert plan["cache_pixels"] == 2 * 2 + 2
    assert (plan["cache_recolored"], plan["resample_manifest"], plan["train_cnn"]) == (2, 6, 6 + 3)
