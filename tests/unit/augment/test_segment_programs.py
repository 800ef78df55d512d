"""The programs, called as the workflow calls them: drawn photos and masks in, a trained network and masks out."""

import json
import subprocess

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import jaccard_score

import warm
from programs import ENVIRONMENT, PROGRAMS
from stylevote.augment.masks import decode_mask
from stylevote.config.label_table import LabelTable
from stylevote.demo.canvas import CLASSES
from stylevote.demo.label_sets import sample_label_sets
from stylevote.demo.photos import write_photos
from stylevote.demo.styles import LABELS
from stylevote.files.tables import write_table
from stylevote.photos.ingest import ingest_photos

PHOTOS, SHARDS = 40, 3
SMP = {
    "architecture": "unet",
    "encoder": "tu-test_resnet",
    "weights": "none",
    "args": {"encoder_depth": 4, "decoder_channels": [32, 16, 16, 8]},
    "size": 64,
    "epochs": 8,
    "batch": 4,
    "lr": 0.01,
    "held_out": 0.2,
    "seed": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Drawn photos and their masks, with one training photo's mask missing."""
    folder = tmp_path_factory.mktemp("segment")
    write_photos(folder, "train", sample_label_sets(PHOTOS, 0, np.random.default_rng(3)), side=170, seed=3)
    CLASSES.to_csv(folder / "mask_labels.csv")
    (folder / "masks" / "train" / "train_0002.png").unlink()
    table = LabelTable(file=str(folder / "train.csv"))
    manifest, *_ = ingest_photos(folder / "train", table, list(LABELS), photoset="all", folds=2)
    write_table(manifest, folder / "manifest.parquet")
    return folder


def call(folder, program, *arguments, expected=0):
    """Run a program in ``folder`` on its photos; a value that is no text is JSON. Return what it says."""
    words = ["--photos", "train", "--manifest", "manifest.parquet", "--threads", "1"]
    words += [word if isinstance(word, str) else json.dumps(word) for word in arguments]
    command = [warm.python(), str(PROGRAMS / "augment" / f"{program}.py"), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == expected, done.stderr
    return done.stderr


def true_masks(folder, region):
    """Whole masks of the training photos, which are smaller than the size asked for, and not cut."""
    inside = np.array(CLASSES["group"] != "background" if region == "person" else CLASSES["group"] == "clothing")
    paths = sorted((folder / "masks" / "train").iterdir())
    return {f"{path.stem}.jpg": inside[np.asarray(Image.open(path))] for path in paths}


def test_a_segmenter_is_trained_and_used(folder):
    settings = {"region": "person", "size": 512, "smp": SMP}
    files = ["--weights", "w.safetensors", "--history", "history.parquet", "--summary", "summary.json"]
    given = ["--given-masks", "masks/train", "--mask-labels", "mask_labels.csv", "--start"]
    said = call(folder, "train_segmenter", *given, "--settings", settings, *files)
    assert "31 photos with a mask to train on, 8 held out" in said
    summary = json.loads((folder / "summary.json").read_text())
    history = pd.read_parquet(folder / "history.parquet")
    assert (summary["region"], summary["trained_on"], summary["held_out"]) == ("person", 31, 8)
    assert len(history) == 8
    # The stored weights are in half precision.
    assert summary["iou"] == pytest.approx(history["iou"].iloc[-1], abs=0.01)
    assert summary["pooled_iou"] == pytest.approx(history["pooled_iou"].iloc[-1], abs=0.01)

    settings = {"segmentation": {**settings, "model": "smp", "shards": SHARDS}}
    use = ["--given-masks", "", "--mask-labels", "--weights", "w.safetensors", "--shard", "1", "--settings", settings]
    said = call(folder, "segment_photos", *use, "--masks", "masks/1.parquet")
    masks = pd.read_parquet(folder / "masks" / "1.parquet")
    assert masks["image_id"].tolist() == [f"train_{k:04d}.jpg" for k in range(2, PHOTOS + 1, SHARDS)]
    assert f"person found in {len(masks)} of {len(masks)} photos" in said
    true = true_masks(folder, "person")
    found = masks.set_index("image_id")["mask"].map(decode_mask)
    overlaps = [jaccard_score(true[name].ravel(), found[name].ravel()) for name in found.index if name in true]
    assert np.mean(overlaps) > 0.6
    assert masks["area"].tolist() == pytest.approx([mask.mean() for mask in found])
    assert masks["score"].between(0.5, 1).all()


def test_given_masks_are_used(folder):
    settings = {"segmentation": {"model": "given", "region": "clothing", "size": 512, "shards": 2}}
    given = ["--given-masks", "masks/train", "--mask-labels", "mask_labels.csv", "--weights"]
    said = call(folder, "segment_photos", *given, "--shard", "1", "--settings", settings, "--masks", "given.parquet")
    assert "clothing found in 19 of 20 photos" in said
    masks = pd.read_parquet(folder / "given.parquet").set_index("image_id")
    true = true_masks(folder, "clothing")
    assert masks.loc["train_0002.jpg", ["score", "area"]].tolist() == [0, 0]
    assert masks.loc["train_0002.jpg", "mask"] is None
    for name, row in masks.drop("train_0002.jpg").iterrows():
        assert (decode_mask(row["mask"]) == true[name]).all()
        assert row["area"] == pytest.approx(true[name].mean())


def test_programs_end_with_the_message(folder):
    settings = {"segmentation": {"model": "given", "region": "clothing", "size": 512, "shards": 2}}
    files = ["--given-masks", "none", "--mask-labels", "mask_labels.csv", "--masks", "x.parquet"]
    said = call(folder, "segment_photos", *files, "--shard", "0", "--settings", settings, expected=1)
    assert said == "error: none: expected a folder of masks\n"
    assert not (folder / "x.parquet").exists()
