"""Probes together with a trained run: what they decide, what a change computes again, and what stops them."""

import copy
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy
import timm
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression

from stylevote.files.tables import read_table
from workflow.checkout import LABELS, RUNS, Checkout, draw_photo, draw_photos
from workflow.test_rebuilds import AFTER_COLLATING, AFTER_RANKING, AFTER_TRAINING

PROBE = {"backbone": "test_resnet", "weights": "net.safetensors", "size": 40, "probe": {"penalties": [0.01]}}
RECOLORED = {**PROBE, "recipe": "more", "hidden_units": []}
ALL = [RUNS[0], PROBE, RECOLORED]
SCORED = {"predict_photos": 1, "predict_by_probe": 2}


def of_probes(jobs: dict[str, int], **more: int) -> dict[str, int]:
    """Return the jobs that follow, if one run is trained and two are probes."""
    return {**jobs, **SCORED, **more}


def bring_weights(checkout: Checkout, seed: int = 0) -> None:
    """Write a file of a backbone's weights, as a user brings it."""
    torch.manual_seed(seed)
    save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), checkout.folder / "net.safetensors")


@pytest.fixture(scope="session")
def fitted(once) -> Checkout:
    """A small workflow of a trained run and two probes, computed once."""

    def compute(checkout: Checkout) -> str:
        bring_weights(checkout)
        checkout.config["runs"] = ALL
        return checkout.run()

    return once("probes", compute)


@pytest.fixture
def probes(fitted, tmp_path) -> Checkout:
    """A copy of that workflow, to be changed."""
    other = fitted.copy(tmp_path / "copy")
    other.config = copy.deepcopy(fitted.config)
    return other


def runs_of(checkout: Checkout, recipe: str, backbone: str = "test_resnet") -> list:
    """Return the folders of a backbone's runs with a recipe."""
    return sorted((checkout.folder / "out" / "runs").glob(f"{backbone}-40-{recipe}-*"))


def test_probes_decide_beside_a_trained_run_and_nothing_is_left_to_do(fitted):
    lines = (fitted.folder / "out" / "submission.csv").read_text().splitlines()
    assert len(lines) == 1 + 12
    members = read_table(fitted.folder / "out" / "ensemble" / "members.parquet")
    assert any(run.startswith("test_resnet-40") for run in members["run"])
    assert fitted.plan() == {}
    # One backbone, and its features once per set of photos.
    assert len(list((fitted.folder / "out" / "backbones").glob("*.safetensors"))) == 1
    features = sorted(path.parts[-3] for path in (fitted.folder / "out" / "features").rglob("*.npy"))
    assert features == ["test", "train", "train-recolored"]


def test_a_probe_is_scikit_learns_regression_on_its_features(fitted):
    out = fitted.folder / "out"
    (run,) = runs_of(fitted, "plain")
    (features,) = (out / "features" / "train").rglob("*.npy")
    values = np.load(features).astype(np.float64)
    manifest, folds = (read_table(out / "photos" / "train" / f"{name}.parquet") for name in ("manifest", "folds"))
    fold_of = folds.set_index("image_id")["fold"].loc[manifest["image_id"]].to_numpy()
    for fold in range(3):
        training = fold_of != fold
        mean, std = values[training].mean(axis=0), values[training].std(axis=0)
        scaled = (values - mean) / np.maximum(std, np.median(std[std > 0]))
        validation = read_table(run / f"fold{fold}" / "validation.parquet")
        assert validation["image_id"].tolist() == manifest["image_id"][~training].tolist()
        assert validation["epoch"].unique().tolist() == [0]
        for label in LABELS:
            model = LogisticRegression(C=1 / (0.01 * training.sum()), tol=1e-8, max_iter=10_000)
            model.fit(scaled[training], manifest[label][training])
            expected = model.predict_proba(scaled[~training])[:, 1]
            np.testing.assert_allclose(validation[label], expected, atol=2e-3)


def test_scores_of_a_photoset_are_those_of_the_stored_heads(fitted):
    out = fitted.folder / "out"
    (run,) = runs_of(fitted, "plain")
    values = np.load(next((out / "features" / "test").rglob("*.npy"))).astype(np.float64)
    wanted = read_table(out / "ensemble" / "members.parquet").query("run == @run.name")
    for fold in range(3):
        scores = read_table(out / "predictions" / "test" / run.name / f"fold{fold}.parquet")
        head = safetensors.numpy.load_file(run / f"fold{fold}" / "weights" / "epoch0.safetensors")
        assert sorted(head) == ["head.0.bias", "head.0.weight"]
        logits = values @ head["head.0.weight"].T.astype(np.float64) + head["head.0.bias"]
        assert len(scores) in ((len(values),) if fold in set(wanted["fold"]) else (0, len(values)))
        if len(scores):
            np.testing.assert_allclose(scores[LABELS], 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_recolored_photos_are_trained_on(fitted):
    """The recipe `more` adds 8 copies and repeats photos."""
    plain, more = (runs_of(fitted, recipe)[0] / "fold0" / "history.parquet" for recipe in ("plain", "more"))
    assert read_table(more)["photos"][0] > read_table(plain)["photos"][0] + 8
    penalties = read_table(more.parents[1] / "penalties.parquet")
    assert penalties["label"].tolist() == LABELS * 3
    assert set(penalties["penalty"]) == {0.01}


def test_another_penalty_fits_and_extracts_nothing(probes):
    probes.config["runs"] = [RUNS[0], {**PROBE, "probe": {"penalties": [0.1]}}, RECOLORED]
    assert probes.plan() == of_probes(AFTER_TRAINING, fit_probe=1)


def test_another_probe_of_the_same_backbone_extracts_nothing(probes):
    probes.config["runs"] = [*ALL, {**PROBE, "probe": {"whiten": True}, "hidden_units": [8]}]
    assert probes.plan() == of_probes(AFTER_TRAINING, fit_probe=1, predict_by_probe=3)


@pytest.mark.parametrize("keys", [{"tta": "none"}, {"probe": {"penalties": [0.01], "pooling": "mean_max"}}])
def test_other_features_of_the_same_photos_are_extracted(probes, keys):
    probes.config["runs"] = [*ALL, {**PROBE, **keys}]
    expected = {"store_backbone": 1, "extract_features": 2, "fit_probe": 1, "predict_by_probe": 3}
    assert probes.plan() == of_probes(AFTER_TRAINING, **expected)


def test_another_size_brings_its_pixels_and_features(probes):
    probes.config["runs"] = [*ALL, {**PROBE, "size": 48}]
    expected = {"cache_pixels": 2, "store_backbone": 1, "extract_features": 2, "fit_probe": 1, "predict_by_probe": 3}
    assert probes.plan() == of_probes(AFTER_TRAINING, **expected)


def test_other_weights_in_the_same_file_extract_and_fit_again(probes):
    bring_weights(probes, seed=1)
    os.utime(probes.folder / "net.safetensors", (1e9, 1e9))
    assert probes.plan() == of_probes(AFTER_TRAINING, store_backbone=1, extract_features=3, fit_probe=2)
    bring_weights(probes)
    assert probes.plan() == {}


def test_another_test_photo_is_scored_and_fits_nothing(probes):
    draw_photo([1, 0, 1], 7).save(probes.folder / "photos" / "test" / "new.png")
    plan = probes.plan()
    assert (plan["extract_features"], plan["predict_by_probe"]) == (1, 2)
    assert not {"fit_probe", "train_cnn", "store_backbone"} & plan.keys()


@pytest.mark.slow
def test_another_photoset_is_decided_by_the_heads_that_there_are(probes):
    draw_photos(probes.folder / "photos" / "summer", 5, first=2000)
    probes.config["photosets"]["summer"] = {"photos": "photos/summer"}
    target = "out/predictions/summer/decisions.csv"
    plan = probes.plan(target)
    assert (plan["extract_features"], plan["predict_by_probe"], plan["predict_photos"]) == (1, 2, 1)
    assert not {"fit_probe", "train_cnn", "store_backbone"} & plan.keys()
    probes.run(target)
    assert len((probes.folder / target).read_text().splitlines()) == 1 + 5


def test_code_of_heads_fits_and_code_of_features_extracts(probes):
    something = ("import numpy as np", "import numpy as np\nX = 1")
    probes.edit("workflow_scripts/stylevote/probe/logistic.py", *something)
    assert probes.plan() == of_probes(AFTER_TRAINING, fit_probe=2)
    probes.edit("workflow_scripts/stylevote/cnn/frozen.py", "import torch\n", "import torch\nX = 1\n")
    plan = probes.plan()
    assert (plan["store_backbone"], plan["extract_features"], plan["fit_probe"]) == (1, 3, 2)
    assert "train_cnn" not in plan


def test_other_members_fit_nothing(probes):
    probes.config["selection"] = {"top_n": 1}
    assert probes.plan() == of_probes(AFTER_COLLATING)
    probes.config["selection"], probes.config["beta"] = {}, 1
    assert probes.plan() == of_probes(AFTER_RANKING)


def test_files_of_probes_are_unused_without_probes(probes):
    probes.config["runs"] = ALL[:1]
    printed = probes.run("unused", cores=1)
    assert all(f"  {folder}/" in printed for folder in ("backbones", "features/train", "features/train-recolored"))
    assert "that no rule makes" not in printed


@pytest.mark.slow
def test_damaged_features_and_backbones_are_named(probes):
    (run,) = runs_of(probes, "plain")
    (features,) = (probes.folder / "out" / "features" / "train").rglob("*.npy")
    (backbone,) = (probes.folder / "out" / "backbones").glob("*.safetensors")
    for path, target in ((features, run / "penalties.parquet"), (backbone, features)):
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))
        target.unlink()
        done = probes.snakemake("--cores", "1", "--", str(target.relative_to(probes.folder)), check=False)
        assert done.returncode != 0
        assert f"{path.relative_to(probes.folder)}: damaged" in done.stdout
        assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_a_label_with_four_photos_in_all_is_fitted(fresh):
    """Two folds have one of them, or two; some fit has none of them."""
    table = fresh.folder / "photos" / "train.csv"
    lines = table.read_text().splitlines()
    rows = [f"{line},{int(number < 4)}" for number, line in enumerate(lines[1:])]
    table.write_text("\n".join([lines[0] + ",rare", *rows]) + "\n")
    bring_weights(fresh)
    fresh.config["labels"] = [*LABELS, "rare"]
    fresh.config["runs"] = [{**PROBE, "probe": {}}]
    fresh.run()
    (run,) = runs_of(fresh, "plain")
    scores = [read_table(run / f"fold{fold}" / "validation.parquet")["rare"] for fold in range(3)]
    assert all(np.isfinite(of_fold).all() and (of_fold < 0.9).any() for of_fold in scores)


@pytest.mark.slow
def test_a_killed_extraction_continues_from_finished_shards(fresh):
    bring_weights(fresh)
    fresh.config["runs"] = [PROBE]
    fresh.config["features"] = {"shards": 4}
    target = "out/submission.csv"
    fresh.plan(target)  # which writes the configuration
    command = [sys.executable, "-m", "snakemake", "--configfile", "small.yaml", "--cores", "2", "--", target]
    snakemake = subprocess.Popen(command, cwd=fresh.folder, start_new_session=True)
    features = fresh.folder / "out" / "features" / "train"
    while len(list(features.rglob("*.parquet"))) < 3:
        assert snakemake.poll() is None
        time.sleep(0.05)
    os.killpg(snakemake.pid, signal.SIGKILL)
    snakemake.wait()
    fresh.snakemake("--unlock")
    # Of two jobs at a time, Snakemake may not have recorded the last two.
    assert fresh.plan(target)["extract_features"] < 4 + 4
    fresh.run(target)
    # The shards are the photos in their order, as in one file.
    (index,) = {path.parent for path in features.rglob("*.parquet")}
    ids = [name for shard in range(4) for name in read_table(index / f"{shard}.parquet")["image_id"]]
    assert ids == read_table(fresh.folder / "out" / "photos" / "train" / "manifest.parquet")["image_id"].tolist()
    assert fresh.plan(target) == {}


def test_a_killed_fit_is_fitted_again_to_the_same_bytes(probes):
    (run,) = runs_of(probes, "plain")
    tables = [run / f"fold{fold}" / "validation.parquet" for fold in range(3)]
    before = [path.read_bytes() for path in tables]
    tables[1].unlink()  # as Snakemake leaves it
    probes.run(str(tables[1].relative_to(probes.folder)))
    assert [path.read_bytes() for path in tables] == before


@pytest.mark.slow
def test_heads_are_removed_after_photos_are_scored_if_no_weights_are_kept(fresh):
    bring_weights(fresh)
    fresh.config |= {"runs": [PROBE], "keep_weights": "none"}
    fresh.run("out/submission.csv")
    assert not list((fresh.folder / "out" / "runs").rglob("*.safetensors"))
    assert fresh.plan("out/submission.csv") == {}
