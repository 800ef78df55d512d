"""The drawn demo, computed from the repository's own configuration: it beats all-ones and each of its networks."""

import json
import subprocess
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from sklearn.metrics import fbeta_score

import warm
from browser import CHROMIUM, Browser, check_page
from places import REPOSITORY
from programs import ENVIRONMENT, PROGRAMS
from stylevote.demo.canvas import CLASSES
from stylevote.files.tables import read_json, read_table
from stylevote.metrics import best_threshold
from workflow.checkout import make_checkout

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The results of the demo."""
    checkout = make_checkout(tmp_path_factory.mktemp("demo") / "stylevote")
    checkout.config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    checkout.run("all")
    assert checkout.plan("all") == {}
    return checkout.folder / "results"


def macro_f2(truth: pd.DataFrame, decided: np.ndarray) -> float:
    return fbeta_score(truth.to_numpy(), decided, beta=2, average="macro", zero_division=0)


def test_the_demo_is_as_the_issue_wants_it(demo):
    truth, decided = pd.read_csv(demo / "demo" / "test.csv"), pd.read_csv(demo / "submission.csv")
    labels = list(truth.columns[1:])
    assert len(labels) == 13
    assert decided["image"].tolist() == truth["image"].tolist()
    score = macro_f2(truth[labels], decided[labels].to_numpy())
    assert score >= macro_f2(truth[labels], np.ones((len(truth), 13), dtype=int)) + 0.15
    reported = read_table(demo / "predictions" / "test" / "scores.parquet").set_index("label")["f_beta"]
    assert reported["macro"] == pytest.approx(score)
    assert f"{score:.4f}" in (demo / "summary.txt").read_text()


def test_the_segmenter_finds_clothes_on_photos_it_has_not_seen(demo):
    assert read_json(demo / "segmenter" / "summary.json")["iou"] >= 0.8
    segmentation = yaml.safe_load((REPOSITORY / "config.yaml").read_text())["segmentation"]
    masks = demo / "masks_of_test.parquet"
    paths = {
        "--photos": demo / "demo" / "test",
        "--manifest": demo / "photos" / "test" / "manifest.parquet",
        "--weights": demo / "segmenter" / "weights.safetensors",
        "--masks": masks,
    }
    options = [str(part) for option in paths.items() for part in option]
    program = PROGRAMS / "augment" / "segment_photos.py"
    settings = {"segmentation": {**segmentation, "shards": 1}}
    options += ["--shard", "0", "--threads", "1", "--settings", json.dumps(settings)]
    subprocess.run([warm.python(), program, *options], check=True, capture_output=True, env=ENVIRONMENT)
    clothing = CLASSES.index[CLASSES["group"] == "clothing"]
    overlaps = []
    for row in read_table(masks).itertuples():
        found = np.asarray(Image.open(BytesIO(row.mask)))
        stem = row.image_id.rpartition(".")[0]
        truth = np.isin(np.asarray(Image.open(demo / "demo" / "masks" / "test" / f"{stem}.png")), clothing)
        overlaps.append((found & truth).sum() / (found | truth).sum())
    assert len(overlaps) == 300
    assert np.mean(overlaps) >= 0.8


def test_recolored_photos_are_used_and_kept_to_what_the_gates_allow(demo):
    index = read_table(demo / "recolored" / "index.parquet")
    made = index[index["outcome"] == "made"]
    assert len(made) == 160
    assert made["skin_change"].max() <= 2
    assert made["clothing_change"].min() >= 15
    assert (index["outcome"] == "near skin").any()
    for fold in range(3):
        epochs = read_table(demo / "manifests" / "mixed" / "7" / f"fold{fold}.parquet")
        assert (epochs[epochs["variant"] != "original"].groupby("epoch").size() == 80).all()
    with Image.open(demo / "recolored" / "contact_sheet.png") as sheet:
        assert sheet.width > 1000


def test_the_ensemble_is_better_than_each_of_its_networks(demo):
    """Each network, of one run, epoch and fold, decides by the thresholds best for its run's out-of-fold scores."""
    truth, train = pd.read_csv(demo / "demo" / "test.csv"), read_table(demo / "photos" / "train" / "manifest.parquet")
    labels = list(truth.columns[1:])
    score = macro_f2(truth[labels], pd.read_csv(demo / "submission.csv")[labels].to_numpy())
    members = read_table(demo / "ensemble" / "members.parquet")[["run", "epoch"]].drop_duplicates()
    assert members["run"].nunique() >= 3
    assert members["run"].str.split("-").str[0].nunique() >= 2
    for run, epoch in members.itertuples(index=False):
        validation = pd.concat([read_table(path) for path in (demo / "runs" / run).glob("fold*/validation.parquet")])
        validation = validation[validation["epoch"] == epoch].set_index("image_id").loc[train["image_id"]]
        thresholds = [best_threshold(train[label].to_numpy(), validation[label].to_numpy())[0] for label in labels]
        for path in (demo / "predictions" / "test" / run).glob("fold*.parquet"):
            scores = read_table(path)
            decided = scores.loc[scores["epoch"] == epoch, labels].to_numpy() >= thresholds
            assert macro_f2(truth[labels], decided.astype(int)) < score, (run, epoch, path.name)


def test_the_demos_card_says_what_its_report_says(demo):
    honest = read_table(demo / "estimate" / "summary.parquet")["nested_f_beta"].iloc[-1]
    assert f"**{honest:.4f}**" in (demo / "model_card.md").read_text(encoding="utf-8")
    page = (demo / "report.html").read_text(encoding="utf-8")
    assert f"<b>{honest:.3f}</b>" in page
    assert len(page) < 10e6
    assert page.count("<svg") == 4 + 1 + 4 + 4 * 13 + 3, (
        "overview, ensemble, runs, four a label, gains, sizes and resampling"
    )
    for empty in ("Not measured", "No run uses"):
        assert empty not in page


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)")
def test_the_demos_report_is_sound_on_a_phone_and_on_a_wide_screen(demo, tmp_path):
    with Browser(tmp_path / "profile") as browser:
        check_page(browser, demo / "report.html")
        for width in (400, 1400):
            browser.open(demo / "report.html", width)
            browser.photograph(tmp_path / f"{width}.png")
            with Image.open(tmp_path / f"{width}.png") as seen:
                assert seen.width == width
                assert seen.height > 5000
