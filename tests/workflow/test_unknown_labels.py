"""Photos whose labels are partly unknown: all are decided, and measured on the labels that are known."""

import html
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score, log_loss

from stylevote.files.tables import UNKNOWN, read_table, write_table
from workflow.checkout import LABELS, RUNS


@pytest.fixture
def partly(fresh):
    """The small workflow without recolouring, with labelled test photos; the last label is known for none of them."""
    table = pd.read_csv(fresh.folder / "photos" / "train.csv")
    names = [f"{number}.png" for number in range(1000, 1012)]
    table[:12].assign(image=names).to_csv(fresh.folder / "photos" / "test.csv", index=False)
    for key in ("segmentation", "recolor"):
        del fresh.config[key]
    fresh.config["photosets"] = {
        "train": {"photos": "photos/train", "labels": "photos/train.csv"},
        "test": {"photos": "photos/test", "labels": "photos/test.csv"},
    }
    fresh.config["recipes"] = {"even": {"balanced": {"power": 0.5}}}
    run = {**RUNS[0], "phases": [{"epochs": 1, "lr": 0.01, "train": "all"}], "recipe": "even"}
    run |= {"loss": {"weighted_bce": {}}, "augment": {"mixup": 0.2}}
    fresh.config |= {"runs": [run], "stack": {"combiner": "logistic"}, "labels_per_job": 3}
    manifests = [f"out/photos/{name}/manifest.parquet" for name in ("train", "test")]
    fresh.run(*manifests)
    random = np.random.default_rng(2)
    for path in manifests:
        manifest = read_table(fresh.folder / path)
        values = manifest[LABELS].to_numpy()
        values = np.where(random.random(values.shape) < 0.25, UNKNOWN, values).astype(np.uint8)
        if "test" in path:
            values[:, 2] = UNKNOWN
        manifest[LABELS] = values
        write_table(manifest, fresh.folder / path)
    return fresh


def test_photos_with_unknown_labels_are_decided_and_measured_where_they_are_known(partly):
    partly.run("all")
    out = partly.folder / "out"
    photos, test = (read_table(out / "photos" / name / "manifest.parquet") for name in ("train", "test"))
    assert (photos[LABELS] == UNKNOWN).any(axis=0).all(), "the manifests are those that were written here"
    submission = pd.read_csv(out / "submission.csv")
    assert submission["image"].tolist() == test["image_id"].tolist()
    assert submission[LABELS].isin([0, 1]).all(axis=None)
    nested = read_table(out / "estimate" / "nested_decisions.parquet")
    summary = read_table(out / "estimate" / "summary.parquet").set_index("label")
    scores = read_table(out / "predictions" / "test" / "scores.parquet").set_index("label")
    text = re.sub(r"<style.*?</style>", "", (out / "report.html").read_text(encoding="utf-8"), flags=re.DOTALL)
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())
    card = (out / "model_card.md").read_text(encoding="utf-8")
    for label in LABELS:
        known = photos[label] != UNKNOWN
        truth = photos.loc[known, label]
        expected = fbeta_score(truth, nested.loc[known, label], beta=2)
        assert summary.loc[label, "nested_f_beta"] == pytest.approx(expected)
        assert summary.loc[label, "positives"] == truth.sum()
        row = f"{(~known).sum()} {truth.sum()} "
        assert f"{label} {row}" in text
        assert f"| {(~known).sum()} | {truth.sum()} |" in card
    for label in LABELS[:2]:
        known = test[label] != UNKNOWN
        expected = fbeta_score(test.loc[known, label], submission.loc[known, label], beta=2, zero_division=0)
        assert scores.loc[label, "f_beta"] == pytest.approx(expected)
    assert np.isnan(scores.loc[LABELS[2], "f_beta"])
    assert scores.loc["macro", "f_beta"] == pytest.approx(scores.loc[LABELS[:2], "f_beta"].mean())
    unknown = (test[LABELS] == UNKNOWN).to_numpy().sum()
    line = f"{scores.loc['macro', 'f_beta']:.4f}  on 12 photos with known labels ({unknown} of 36 labels unknown)"
    assert f"macro F2, test:   {line}" in (out / "summary.txt").read_text()
    assert "No test photo has" not in text.replace(f"No test photo has {LABELS[0]}", "")
    for history in (out / "runs").glob("*/fold*/history.parquet"):
        predicted = read_table(history.with_name("validation.parquet"))
        truth = photos.set_index("image_id").loc[predicted["image_id"], LABELS].to_numpy()
        known = truth != UNKNOWN
        expected = log_loss(truth[known], predicted[LABELS].to_numpy()[known])
        assert read_table(history)["validation_loss"].iloc[0] == pytest.approx(expected, rel=1e-4)
