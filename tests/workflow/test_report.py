"""The report and the model card: they come in every configuration, say what the results say, and follow changes."""

import hashlib
import html
import json
import re

import pandas as pd
import pytest
from sklearn.metrics import fbeta_score

from browser import CHROMIUM, Browser, check_page
from stylevote.config.identity import slug
from stylevote.files.tables import read_table
from workflow.checkout import LABELS, RUNS, VOTED, Checkout, make_checkout, small_config

REPORT = {
    "describe_runs": 1,
    "draw_labels": 3,
    "draw_training": 1,
    "draw_overview": 1,
    "write_report": 1,
    "write_model_card": 1,
}


@pytest.fixture(scope="module")
def reported(finished, tmp_path_factory) -> Checkout:
    """The small workflow with its report. Not to be changed."""
    checkout = finished.copy(tmp_path_factory.mktemp("reported") / "copy")
    assert checkout.plan("all") == REPORT
    checkout.run("all")
    return checkout


@pytest.fixture
def changed(reported, tmp_path) -> Checkout:
    """A copy of it, to be changed."""
    other = reported.copy(tmp_path / "copy")
    other.config = small_config()
    return other


def page_of(checkout) -> str:
    return (checkout.folder / "out" / "report.html").read_text(encoding="utf-8")


def text_of(checkout) -> str:
    """Return what a reader sees of the page."""
    body = re.sub(r"<style.*?</style>", "", page_of(checkout), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_the_report_says_what_the_results_say(reported):
    out = reported.folder / "out"
    text = text_of(reported)
    honest = read_table(out / "estimate" / "summary.parquet").set_index("label")
    for column, name in (("nested_f_beta", "Honest estimate"), ("non_nested_f_beta", "Naive estimate")):
        assert f"{name} {honest.loc['macro', column]:.3f}" in text
    for label in LABELS:
        figures = honest.loc[label, ["positives", "nested_precision", "nested_recall", "nested_f_beta"]]
        shown = " ".join(f"{value:.3f}" for value in figures.iloc[1:])
        assert re.search(rf"{re.escape(label)} {figures.iloc[0]:.0f} \d+:\d+ {shown}", text)
    members = read_table(out / "ensemble" / "members.parquet")
    for run in members["run"].unique():
        assert run in text
    made = (read_table(out / "recolored" / "index.parquet")["outcome"] == "made").sum()
    assert f"{made} copies of photos" in text
    photos = re.findall(r'<div class="photo"><img src="data:image/webp;base64,', page_of(reported))
    assert len(photos) > 3
    assert "Losses compared" not in text, "its two runs differ in more than the loss"
    searches = read_table(out / "report" / "searches.parquet").set_index("method")
    assert f"L-BFGS {searches.loc['lbfgs', 'f_beta']:.4f}" in text
    assert f"× {members.groupby('label').size().max()} CNNs" in text


def test_single_networks_are_worth_what_scikit_learn_says(reported):
    out = reported.folder / "out"
    gains = read_table(out / "report" / "gains.parquet").set_index("name")["value"]
    truth = read_table(out / "photos" / "train" / "manifest.parquet")[LABELS].to_numpy()
    decided = read_table(out / "estimate" / "nested_decisions.parquet")[LABELS].to_numpy()
    assert gains["ensemble"] == pytest.approx(fbeta_score(truth, decided, beta=2, average="macro", zero_division=0))
    assert set(gains.index) == {"ensemble", "best", "one", "test_byobnet", "test_resnet"}


def test_the_model_card_names_the_files_that_are_there(reported):
    out = reported.folder / "out"
    card = (out / "model_card.md").read_text(encoding="utf-8")
    for path in ("submission.csv", "photos/train/manifest.parquet", "ensemble/members.parquet"):
        assert hashlib.sha256((out / path).read_bytes()).hexdigest() in card
    honest = read_table(out / "estimate" / "summary.parquet").iloc[-1]
    assert f"{honest['nested_low']:.4f} to {honest['nested_high']:.4f}" in card
    for name in (path.name for path in (out / "runs").iterdir()):
        assert name in card


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)")
def test_the_report_is_sound_in_a_browser(reported, tmp_path):
    with Browser(tmp_path / "profile") as browser:
        check_page(browser, reported.folder / "out" / "report.html")


def test_snakemakes_own_report_has_the_same_pictures(reported, tmp_path):
    reported.snakemake("--report", str(tmp_path / "report.html"), "--", "all")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for category in ("Result", "Thresholds", "Reliability", "Training", "Correlation of members", "Labels"):
        assert f'"{category}"' in page
    assert "on an axis of log odds" in page, "captions are missing"
    begin = page.index("{", page.index('<script id="results">'))
    listed = json.JSONDecoder().raw_decode(page, begin)[0].values()
    shown = {label.replace("\u2060", "") for picture in listed if (label := picture["labels"].get("label"))}
    assert shown == set(LABELS)
    assert "labels by epoch" in page


@pytest.mark.slow
def test_the_report_follows_what_changes_and_nothing_else_does(changed):
    assert changed.plan("all") == {}
    changed.config["threshold"] = {"method": "greedy"}
    decided = {"search_thresholds": 3, "estimate_nested": 3, "summarize_estimates": 1, **VOTED}
    drawn = {rule: jobs for rule, jobs in REPORT.items() if rule not in ("draw_training", "describe_runs")}
    assert changed.plan("all") == {**decided, **drawn}
    changed.config = small_config()
    changed.config["report"] = {"sizes": True}
    sized = {"estimate_sizes": 3, "measure_sizes": 1, "draw_overview": 1, "write_report": 1, "write_model_card": 1}
    assert changed.plan("all") == sized
    changed.run("all")
    curve = read_table(changed.folder / "out" / "estimate" / "size_curve.parquet")
    assert f"Below the best 1 {curve['members'].iloc[0]}" in text_of(changed)
    assert changed.plan("all") == {}
    changed.config["report"] = {"sizes": False}
    assert changed.plan("all") == {"draw_overview": 1, "write_report": 1, "write_model_card": 1}
    changed.config["report"] = {"sizes": True}
    # Where photos lie means nothing, nor that a student is to be trained; what jobs took is no reason either.
    changed.config["distillation"] = RUNS[0]["backbone"]
    changed.config["photosets"]["train"]["photos"] = "elsewhere"
    (changed.folder / "photos" / "train").rename(changed.folder / "elsewhere")
    (changed.folder / "out" / "benchmarks" / "collate_scores.tsv").unlink()
    assert changed.plan("all") == {}


@pytest.mark.slow
def test_losses_are_compared_by_runs_that_differ_in_nothing_else(changed):
    changed.config["runs"].append({**RUNS[0], "loss": {"focal": {"gamma": 1}}})
    changed.run("all")
    out = changed.folder / "out"
    tables = [read_table(path) for path in (out / "report" / "labels").glob("*/losses.parquet")]
    drawn = pd.concat(tables)
    assert sorted(drawn["label"]) == sorted(LABELS * 2)
    pair = {path.name for path in (out / "runs").iterdir() if path.name.startswith(RUNS[0]["backbone"])}
    assert set(drawn["run"]) == pair, "the focal run of another backbone is compared with nothing"
    searched = read_table(out / "report" / "loss_gains.parquet").set_index("searched").loc[True]
    better = "better" if searched["gain"] >= 0 else "worse"
    said = f"focal (alpha 0.25, gamma 1) is {abs(searched['gain']):.3f} {better} than bce"
    assert said in text_of(changed)
    changed.config["runs"].pop()
    changed.run("unused", cores=1)
    listed = (out / "unused.json").read_text()
    for path in ("report/losses/{0}/{0}.svg", "report/labels/{0}/loss_samples.parquet"):
        assert f'"{path.format(slug(LABELS[0]))}"' in listed


@pytest.mark.slow
def test_known_test_labels_and_external_members_are_shown(checkout):
    rows = (checkout.folder / "photos" / "train.csv").read_text().splitlines()
    marks = [row.split(",", 1)[1] for row in rows[1:13]]
    table = [rows[0], *(f"{1000 + k}.png,{mark}" for k, mark in enumerate(marks))]
    (checkout.folder / "photos" / "test.csv").write_text("\n".join(table) + "\n")
    checkout.config["photosets"]["test"]["labels"] = "photos/test.csv"
    for run in RUNS:
        checkout.export(run["backbone"], f"mine/{run['backbone']}.v1", "test")
    checkout.config["runs"] = []
    checkout.config["members"] = {"external": [f"mine/{run['backbone']}.v1" for run in RUNS]}
    checkout.run("all")
    text, scores = text_of(checkout), read_table(checkout.folder / "out" / "predictions" / "test" / "scores.parquet")
    assert f"On the test photos {scores['f_beta'].iloc[-1]:.3f}" in text
    assert "external member" in text
    assert "No network was trained here" in text
    assert "No run uses recoloured photos" in text
    assert checkout.plan("all") == {}


def test_a_photo_that_changed_is_read_again_before_it_is_shown(changed):
    path = next((changed.folder / "photos" / "train").iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    plan = changed.plan("all")
    assert (plan["ingest_photos"], plan["write_report"]) == (1, 1)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Checkout:
    """A simulated ensemble with its report."""
    checkout = make_checkout(tmp_path_factory.mktemp("bank") / "stylevote")
    checkout.config = {
        "results": "out",
        "labels": ["sport", "korean"],
        "simulation": {"photos": 1500, "test": 800, "members": 6, "epochs": 2, "families": 2, "twins": 3},
        "folds": {"count": 3},
        "stack": {"combiner": "mean"},
        "votes": {"aggregation": "vote_all"},
    }
    checkout.run("all")
    return checkout


@pytest.mark.slow
def test_a_simulated_ensemble_has_a_report_without_photos(simulated):
    text = text_of(simulated)
    assert "There are no photos to show" in text
    assert "Expected on new photos" not in text, "nothing is expected of votes"
    assert "without photos" in (simulated.folder / "out" / "model_card.md").read_text()
    assert simulated.plan("all") == {}


def test_left_over_pictures_are_unused(changed):
    run = next(path.stem for path in (changed.folder / "out" / "report" / "training").glob("test_byobnet*"))
    changed.config["runs"] = changed.config["runs"][1:]
    changed.config["labels"] = LABELS[:2]
    table = changed.folder / "photos" / "train.csv"
    pd.read_csv(table)[["image", *LABELS[:2]]].to_csv(table, index=False)  # other columns are refused
    changed.config["recipes"] = {"plain": {}, "more": {"repeat": {"labels": ["red"], "times": 2}}}
    changed.run("unused", cores=1)
    listed = (changed.folder / "out" / "unused.json").read_text()
    assert f'"report/training/{run}.svg"' in listed
    assert f'"report/thresholds/{slug(LABELS[2])}/{slug(LABELS[2])}.svg"' in listed
    assert '"report/scores.svg"' not in listed
