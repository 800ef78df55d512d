"""Holdout photos: nothing sees them before the end, when they are decided and scored."""

import shutil

import pandas as pd
import pytest
import yaml
from sklearn.metrics import fbeta_score

from places import REPOSITORY
from stylevote.config.identity import slug
from stylevote.files.tables import read_table, write_table
from workflow.checkout import LABELS, RUNS, Checkout, draw_photo, draw_photos, make_checkout

COPIES = 6
# Jobs with the training photos, whichever photos are held out.
TRAINING = {
    "assign_folds": 1,
    "compare_photosets": 1,
    "segment_photos": 2,
    "recolor_photos": 2,
    "gather_recolored": 1,
    "draw_contact_sheet": 1,
    "cache_recolored": 1,
    "resample_manifest": 6,
    "train_cnn": 6,
    "collate_scores": 1,
    "rank_candidates": 3,
    "select_members": 3,
    "gather_members": 1,
    "stack_members": 3,
    "search_thresholds": 3,
    "estimate_nested": 3,
    "summarize_estimates": 1,
    "write_submission": 1,
}
WITHOUT = {
    **TRAINING,
    "ingest_photos": 1,
    "cache_pixels": 2,
    "predict_photos": 2,
    "combine_folds": 1,
    "score_decisions": 1,
    "estimate_fold_averaging": 1,
}
WITH = {
    **WITHOUT,
    "hold_out_photos": 1,
    "cache_pixels": 4,
    "predict_photos": 4,
    "combine_folds": 2,
    "score_decisions": 2,
}


@pytest.fixture(scope="module")
def holdout(tmp_path_factory) -> Checkout:
    """The small workflow with a fifth of its photos held out; the first six are there twice. Not to be changed."""
    checkout = make_checkout(tmp_path_factory.mktemp("holdout") / "stylevote")
    photos = checkout.folder / "photos"
    rows = (photos / "train.csv").read_text().splitlines()[1:]
    for number in range(COPIES):
        for folder in ("train", "masks"):
            shutil.copyfile(photos / folder / f"{number:04d}.png", photos / folder / f"copy{number}.png")
    copies = [f"copy{number}.png{rows[number].removeprefix(f'{number:04d}.png')}" for number in range(COPIES)]
    with (photos / "train.csv").open("a") as table:
        table.write("\n".join(copies) + "\n")
    checkout.config["holdout"] = {"share": 0.2}
    checkout.printed = checkout.run()
    return checkout


@pytest.fixture
def changed(holdout, tmp_path) -> Checkout:
    """A copy of it, to be changed."""
    other = holdout.copy(tmp_path / "copy")
    other.config = yaml.safe_load(yaml.safe_dump(holdout.config))
    return other


def photos_of(checkout, photoset: str) -> pd.DataFrame:
    return read_table(checkout.folder / "out" / "photos" / photoset / "manifest.parquet")


@pytest.mark.slow
def test_a_fifth_of_the_photos_is_apart_and_copies_are_together(holdout):
    train, apart = photos_of(holdout, "train"), photos_of(holdout, "holdout")
    everything = (holdout.folder / "photos" / "train.csv").read_text().splitlines()[1:]
    assert sorted([*train["image_id"], *apart["image_id"]]) == sorted(row.split(",")[0] for row in everything)
    assert len(set(apart["sha256"])) == pytest.approx(60 / 5, abs=1)
    assert not set(train["sha256"]) & set(apart["sha256"])
    of_groups = [table.groupby("group")[LABELS].max() for table in (apart, train)]  # near-duplicates count once
    for label in LABELS:
        held_out, others = (groups[label].mean() for groups in of_groups)
        assert held_out == pytest.approx(others, abs=2 / len(of_groups[0]))


@pytest.mark.slow
def test_nothing_sees_holdout_photos_before_the_end(holdout):
    out = holdout.folder / "out"
    train, apart = set(photos_of(holdout, "train")["image_id"]), set(photos_of(holdout, "holdout")["image_id"])
    assert set(read_table(out / "photos" / "train" / "folds.parquet")["image_id"]) == train
    seen = [
        *(out / "manifests").rglob("fold*.parquet"),
        *(out / "masks").glob("*.parquet"),
        *(out / "recolored").rglob("*.parquet"),
        *(out / "pixels" / "train").rglob("index.parquet"),
        *(out / "pixels" / "train-recolored").rglob("index.parquet"),
        *(out / "runs").rglob("validation.parquet"),
        *(out / "ensemble" / "stacked").glob("*.parquet"),
        *(out / "estimate" / "nested").glob("*.parquet"),
        out / "estimate" / "nested_decisions.parquet",
    ]
    assert len(seen) == 6 + 2 + 5 + 2 + 1 + 6 + 3 + 3 + 1
    for path in seen:
        names = set(read_table(path)["image_id"])
        assert names, path
        assert names <= train, path
        assert not names & apart, path
    for label in LABELS:
        scores = read_table(out / "ensemble" / "scores" / f"{slug(label)}.parquet")["scores"]
        assert set(scores.map(len)) == {len(train)}


@pytest.mark.slow
def test_holdout_photos_are_decided_and_scored(holdout):
    out = holdout.folder / "out"
    apart = photos_of(holdout, "holdout")
    votes = read_table(out / "predictions" / "holdout" / "votes.parquet")
    scores = read_table(out / "predictions" / "holdout" / "scores.parquet").set_index("label")
    summary = read_table(out / "estimate" / "summary.parquet").set_index("label")
    assert scores.loc["macro", "photos"] == len(apart)
    expected = []
    for label in LABELS:
        decided = votes[votes["label"] == label]
        assert decided["image_id"].tolist() == apart["image_id"].tolist()
        expected.append(fbeta_score(apart[label], decided["decision"], beta=2))
        assert scores.loc[label, "f_beta"] == pytest.approx(expected[-1])
        assert summary.loc[label, "holdout_f_beta"] == pytest.approx(expected[-1])
    macro, mean = summary.loc["macro"], sum(expected) / len(expected)
    assert scores.loc["macro", "f_beta"] == pytest.approx(mean)
    assert macro["holdout_f_beta"] == pytest.approx(mean)
    line = (
        f"macro F2, holdout: {mean:.4f}  on {len(apart)} photos that no step used before the end;"
        " 95 % bootstrap interval over groups of photos, networks held fixed:"
        f" {macro['holdout_low']:.4f} to {macro['holdout_high']:.4f}\n"
    )
    assert line in (out / "summary.txt").read_text()
    assert line in holdout.printed


@pytest.mark.slow
def test_nothing_is_to_be_done_after_it_and_further_photos_train_nothing(holdout, changed):
    assert holdout.plan() == {}
    draw_photo([1, 0, 1], 7).save(changed.folder / "photos" / "test" / "new.png")
    draw_photos(changed.folder / "photos" / "summer", 5, first=2000)
    changed.config["photosets"]["summer"] = {"photos": "photos/summer"}
    plan = changed.plan("decide", "out/predictions/summer/decisions.csv")
    assert plan["ingest_photos"] == 2
    assert not {"train_cnn", "hold_out_photos", "assign_folds"} & plan.keys()


@pytest.mark.slow
def test_other_holdout_photos_train_again(changed):
    again = {**WITH, "cache_pixels": 4}
    del again["ingest_photos"], again["compare_photosets"]  # the photos and their labels are the same
    for holdout in ({"share": 0.25}, {"share": 0.2, "seed": 2}):
        changed.config["holdout"] = holdout
        assert changed.plan() == again


@pytest.mark.slow
def test_without_holdout_photos_the_plan_is_as_it_was(changed):
    changed.config["holdout"]["share"] = 0
    assert changed.plan() == WITHOUT


def test_photos_are_held_out_later(checkout):
    checkout.config["holdout"] = {"share": 0.2}
    assert checkout.plan() == WITH
    checkout.config["holdout"] = {"share": 0, "seed": 5}
    assert checkout.plan() == {}
    summary = read_table(checkout.folder / "out" / "estimate" / "summary.parquet")
    assert not [column for column in summary if column.startswith("holdout")]
    assert "holdout" not in (checkout.folder / "out" / "summary.txt").read_text()


@pytest.mark.slow
def test_external_members_bring_their_scores_of_holdout_photos(changed):
    out = changed.folder / "out"
    before = [(out / name).read_bytes() for name in ("submission.csv", "summary.txt")]
    for run in RUNS:
        changed.export(run["backbone"], f"mine/{run['backbone']}", "test", "holdout")
    changed.config |= {"runs": [], "members": {"external": [f"mine/{run['backbone']}" for run in RUNS]}}
    assert not {"train_cnn", "predict_photos", "hold_out_photos"} & changed.plan().keys()
    changed.run()
    assert [(out / name).read_bytes() for name in ("submission.csv", "summary.txt")] == before
    path = changed.folder / "mine" / RUNS[0]["backbone"] / "fold1" / "holdout.parquet"
    table = read_table(path)
    write_table(table.assign(red=1 - table["red"]), path)
    assert changed.plan() == {"combine_folds": 1, "score_decisions": 1, "summarize_estimates": 1, "write_submission": 1}


def test_photos_of_the_demo_can_be_held_out(fresh):
    fresh.config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    without = fresh.plan()
    fresh.config["holdout"] = {"share": 0.1}
    plan = fresh.plan()
    assert (plan["draw_demo"], plan["hold_out_photos"], plan["ingest_photos"]) == (1, 1, 2)
    assert plan["cache_pixels"] == without["cache_pixels"] * 3 // 2
    assert plan["predict_photos"] == 2 * without["predict_photos"]


def test_weights_that_do_not_stay_score_holdout_photos_first(fresh):
    fresh.config |= {"holdout": {"share": 0.2}, "keep_weights": "none"}
    plan = fresh.plan()
    assert (plan["train_cnn"], plan["predict_photos"], plan["choose_epochs"]) == (6, 4, 2)


@pytest.mark.slow
def test_the_report_and_the_card_give_the_f_beta_of_holdout_photos(changed):
    changed.run("all")
    out = changed.folder / "out"
    value = read_table(out / "estimate" / "summary.parquet")["holdout_f_beta"].iloc[-1]
    assert f"<span>On holdout photos</span><b>{value:.3f}</b>" in (out / "report.html").read_text()
    card = (out / "model_card.md").read_text()
    assert f"| On holdout photos | {value:.4f} |" in card
    assert f"{len(photos_of(changed, 'holdout'))} in `holdout`" in card
    assert changed.plan("all") == {}
