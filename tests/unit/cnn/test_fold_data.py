"""What one fold's training learns from: counts of what its epochs hold."""

import os
import subprocess

import numpy as np
import pandas as pd
import pytest
import torch

import warm
from places import REPOSITORY
from stylevote.augment.resample import resample
from stylevote.cnn.fold_data import count_seen, target_scores
from stylevote.files.tables import UNKNOWN, epoch_rows, read_table, write_table

LABELS = ["odd", "even"]
PLAIN = {"seed": 1, "epochs": 1, "recolored": None, "repeat": None, "drop": None, "balanced": None}
NO_RECOLORED = pd.DataFrame({"image_id": [], "variant": []}, dtype=str)


@pytest.fixture
def photos() -> list[np.ndarray]:
    """40 photos that are all the same: a network can learn nothing but how frequent the labels are."""
    return [np.full((40, 40, 3), 128, dtype=np.uint8)] * 40


def test_repeated_dropped_and_recolored_photos_are_counted_as_epochs_hold_them(tmp_path):
    random = np.random.default_rng(3)
    manifest = pd.DataFrame(random.random((50, 2)) < (0.1, 0.7), columns=LABELS).astype("uint8")
    manifest.insert(0, "image_id", [f"p{number}" for number in range(50)])
    recolored = pd.DataFrame({"image_id": np.repeat(manifest["image_id"], 2), "variant": ["red", "blue"] * 50})
    recipe = PLAIN | {
        "epochs": 3,
        "recolored": {"labels": None, "per_epoch": 30},
        "repeat": {"labels": ["odd"], "times": 4},
        "drop": {"label_sets": [["even"]], "largest": None, "rarer_than": 0.2, "keep": 0.5},
    }
    drawn = resample(manifest, LABELS, recolored, recipe, 0, name="mixed")
    write_table(drawn, tmp_path / "epochs.parquet")
    variants = pd.concat([manifest[["image_id"]].assign(variant="original"), recolored], ignore_index=True)
    truth = manifest.set_index("image_id")
    targets = torch.tensor(truth.loc[variants["image_id"]].to_numpy(), dtype=torch.float32)
    positives, seen = count_seen(
        targets, list(map(torch.from_numpy, epoch_rows(tmp_path / "epochs.parquet", variants)))
    )
    assert seen.tolist() == [len(drawn)] * 2
    assert positives.tolist() == [sum(truth[label][name] for name in drawn["image_id"]) for label in LABELS]


def test_photos_are_counted_for_the_labels_that_are_known():
    manifest = pd.DataFrame({"image_id": ["a", "b", "c"], "odd": [1, UNKNOWN, 0], "even": [UNKNOWN, UNKNOWN, 1]})
    variants = pd.DataFrame({"image_id": ["a", "b", "c", "a"]})
    targets = target_scores(manifest, variants, np.zeros(3, dtype=bool), LABELS, None)
    assert targets.dtype == torch.float32
    np.testing.assert_array_equal(targets, [[1, np.nan], [np.nan, np.nan], [0, 1], [1, np.nan]])
    positives, seen = count_seen(targets, [torch.tensor([0, 1, 2, 3]), torch.tensor([2, 2, 1])])
    assert positives.tolist() == [2, 3]
    assert seen.tolist() == [5, 3]


@pytest.mark.parametrize("power", [1, 0.5])
def test_a_recipe_and_a_weighted_loss_do_not_correct_twice(tmp_path, setting, arguments, power):
    """All photos are alike, so a network learns the odds that the loss gives: those of the epoch, to 1 - power."""
    setting |= {"backbone": "test_convnext", "hidden_units": [], "batch": 52, "ema": None, "gradient_clip": None}
    setting |= {"backbone_args": {}, "loss": {"weighted_bce": {"power": power, "cap": 100}}}
    setting["phases"] = [{"epochs": 4, "lr": 0.02, "train": "head", "policy": "triangular", "cycle": 4}]
    command = arguments(tmp_path / "run")
    manifest = read_table(tmp_path / "manifest.parquet")
    manifest["odd"], manifest["even"] = np.arange(40) < 3, np.arange(40) % 8 > 0
    write_table(manifest.astype(dict.fromkeys(LABELS, "uint8")), tmp_path / "manifest.parquet")
    recipe = PLAIN | {"repeat": {"labels": ["odd"], "times": 9}}
    drawn = resample(manifest[:28], LABELS, NO_RECOLORED, recipe, 2, name="odd9")
    # Each step sees the whole epoch: 25 photos once, and 3 nine times.
    write_table(pd.concat([drawn.assign(epoch=epoch) for epoch in range(4)] * 20), tmp_path / "epochs.parquet")
    scripts = REPOSITORY / "workflow_scripts"
    command = [warm.python(), scripts / "train" / "train_cnn.py", *command]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(scripts)})
    predicted = read_table(tmp_path / "run" / "validation.parquet").set_index("epoch").loc[3]
    held = manifest.set_index("image_id").loc[drawn["image_id"], LABELS].mean()
    for label in LABELS:
        odds = (held[label] / (1 - held[label])) ** (1 - power)
        np.testing.assert_allclose(predicted[label], odds / (1 + odds), atol=0.03)
