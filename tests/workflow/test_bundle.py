"""A bundle that the workflow made decides as the workflow does, and making one trains nothing."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fuzz.mutations import png
from stylevote.bundle.contents import open_bundle
from stylevote.files.tables import read_table
from workflow.checkout import LABELS, RUNS


@pytest.mark.slow
def test_a_bundle_decides_as_the_workflow_does(checkout):
    assert checkout.plan("out/bundle") == {"describe_runs": 1, "make_bundle": 1}
    checkout.config["abstain"] = {"precision": 0.9}
    checkout.run("out/bundle", "out/predictions/test/details.csv")
    out = checkout.folder / "out"
    assert checkout.decided_by("out/bundle") == (out / "submission.csv").read_bytes()

    details = pd.read_csv(out / "predictions" / "test" / "details.csv")
    votes = read_table(out / "predictions" / "test" / "votes.parquet").set_index(["image_id", "label"])
    truth = read_table(out / "photos" / "train" / "manifest.parquet")
    scores = pd.concat(map(read_table, sorted((out / "ensemble" / "stacked").iterdir())))
    for row in details.itertuples():
        vote = votes.loc[(row.image, row.label)]
        assert row.decision == vote["decision"]
        stacked = scores.loc[scores["label"] == row.label, "score"]
        # Given, and at no cut up to its score have nine in ten of the training photos above it the label.
        as_high = [cut for cut in stacked if cut <= vote["score"] and (stacked >= cut).sum() >= 10]
        sure = any(truth.loc[stacked >= cut, row.label].mean() >= 0.9 for cut in as_high)
        assert row.abstain == (row.decision and not sure)
    np.testing.assert_allclose(3 * details["agreement"], np.rint(3 * details["agreement"]))

    # Without a precision, details and bundle no longer mention one.
    checkout.config["abstain"] = None
    wanted = ("out/bundle", "out/predictions/test/details.csv")
    assert checkout.plan(*wanted) == {"write_details": 1, "make_bundle": 1}

    checkout.config["votes"] = {"aggregation": "vote_all", "min_labels": 1, "max_labels": 2}
    checkout.run("out/bundle", "out/submission.csv")
    assert checkout.decided_by("out/bundle") == (out / "submission.csv").read_bytes()


@pytest.mark.slow
def test_a_bundle_decides_photos_of_12_bits_as_the_workflow_does(fresh):
    for path in sorted(fresh.folder.glob("photos/t*/*.png")):
        values = (16 * np.asarray(Image.open(path).convert("RGB"), dtype=np.uint16)).astype(">u2")  # at most 4080
        rows = b"".join(b"\0" + row.tobytes() for row in values)
        path.write_bytes(png(values.shape[1], values.shape[0], 16, 2, pixels=rows))
    photos, out = fresh.folder / "photos" / "test", fresh.folder / "out"
    shutil.copyfile(min(photos.glob("*.png")), photos / "without")
    fresh.run("out/bundle", "out/submission.csv")
    assert open_bundle(out / "bundle").content.ranges == {"16 bits": (0, 4095)}
    assert fresh.decided_by("out/bundle") == (out / "submission.csv").read_bytes()
    summary = (out / "summary.txt").read_text()
    assert "photos of train, test: of the values of 16 bits, 0 is black and 4095 is white" in summary
    assert "left out of test: 1 file, 'without'" in summary
    assert pd.read_csv(out / "left_out.csv")[["photoset", "file"]].to_numpy().tolist() == [["test", "without"]]
    assert fresh.plan("out/bundle", "out/submission.csv") == {}


@pytest.mark.slow
def test_a_bundle_scores_photos_at_the_test_size(checkout):
    checkout.config["runs"] = [{**RUNS[0], "backbone": "test_vit", "size": 32, "test_size": 48}]
    checkout.run("out/bundle", "out/submission.csv")
    out = checkout.folder / "out"
    assert checkout.decided_by("out/bundle") == (out / "submission.csv").read_bytes()
    assert {network.setting["size"] for network in open_bundle(out / "bundle").networks} == {48}
    assert (out / "pixels" / "train" / "48").exists() and (out / "pixels" / "test" / "48").exists()
    assert checkout.plan("out/bundle", "out/submission.csv") == {}


@pytest.mark.slow
def test_a_bundle_has_only_the_networks_that_its_folds_chose(checkout):
    """As the first-place team did: by their report, and by their code."""
    booster = {"grid": {"eta": [0.3], "max_depth": [2, 3], "min_child_weight": [0]}, "rounds": 5}
    checkout.config |= {"preset": "paper_2018", "stack": {"xgboost": booster}, "selection": {"top_n": 1}}
    planned = checkout.plan("out/bundle", "out/submission.csv")
    assert planned["select_members"] == 3 and "train_cnn" not in planned and "rank_candidates" not in planned
    out = checkout.folder / "out"
    for preset in ("paper_2018", "winners_2018"):
        checkout.config["preset"] = preset
        checkout.run("out/bundle", "out/submission.csv")
        assert checkout.decided_by("out/bundle") == (out / "submission.csv").read_bytes()
        members = read_table(out / "ensemble" / "members.parquet")
        assert members.groupby("label")["fold"].agg(list).tolist() == [[0, 1, 2]] * 3
        chosen = set(members[["run", "fold", "epoch"]].itertuples(index=False, name=None))
        bundle = open_bundle(out / "bundle")
        assert {(network.run, network.fold, network.epoch) for network in bundle.networks} == chosen
        for run, fold in {(run, fold) for run in set(members["run"]) for fold in range(3)}:
            predicted = read_table(out / "predictions" / "test" / run / f"fold{fold}.parquet")["epoch"]
            assert {(run, fold, epoch) for epoch in predicted} == {one for one in chosen if one[:2] == (run, fold)}
    assert checkout.plan("out/bundle", "out/submission.csv") == {}


@pytest.mark.slow
def test_the_small_ensemble_of_a_bundle_leaves_the_ensemble_as_it_is(checkout):
    submission = (checkout.folder / "out" / "submission.csv").read_bytes()
    checkout.config["bundle"] = {"members": 1}
    expected = {"shorten_members": 3, "gather_members": 1, "stack_members": 3, "search_thresholds": 3}
    expected |= {"describe_runs": 1, "make_bundle": 1}
    assert checkout.plan("out/bundle") == expected
    checkout.run("out/bundle")
    bundle = open_bundle(checkout.folder / "out" / "bundle")
    assert all(len(bundle.members(label)) == 1 for label in LABELS)
    for label in LABELS:
        path = next((checkout.folder / "out" / "ensemble" / "members").glob(f"*{label.strip('{}').split()[0]}*"))
        ranking = read_table(path)
        first = ranking[(ranking["held_out_fold"] == ranking["held_out_fold"].min()) & (ranking["member"] == 1)].iloc[0]
        assert bundle.members(label) == [(first["run"], first["epoch"])]
    decided = checkout.decided_by("out/bundle").decode().splitlines()
    assert len(decided) == 13
    assert (checkout.folder / "out" / "submission.csv").read_bytes() == submission
    assert checkout.plan() == {}
    checkout.config["bundle"] = None
    assert checkout.plan("out/bundle") == {"make_bundle": 1}


@pytest.mark.slow
def test_the_size_of_a_bundle_is_chosen_by_what_its_ensemble_loses(checkout):
    checkout.config["bundle"] = {"tolerance": 0.5}
    planned = checkout.plan("out/bundle")
    assert (planned["estimate_sizes"], planned["choose_sizes"], planned["shorten_members"]) == (3, 1, 3)
    assert "train_cnn" not in planned and "select_members" not in planned
    checkout.run("out/bundle")
    bundle = open_bundle(checkout.folder / "out" / "bundle")
    assert all(len(bundle.members(label)) == 1 for label in LABELS)


def test_a_bundle_without_networks_is_refused(checkout):
    checkout.config["keep_weights"] = "none"
    printed = checkout.snakemake("--dry-run", "--", "out/bundle", check=False).stdout
    assert "bundle: keep_weights is none, so there are no weights to put into it" in printed
    checkout.config["keep_weights"] = "all"
    checkout.config["bundle"] = {"member": 1}
    printed = checkout.snakemake("--dry-run", "--", "out/bundle", check=False).stdout
    assert "bundle: unknown key 'member'; did you mean 'members'?" in printed
