"""Training on scores in the place of labels."""

import os
import subprocess

import numpy as np
import pandas as pd
import pytest

import warm
from places import REPOSITORY
from stylevote.files.tables import read_table, write_table


@pytest.fixture
def photos() -> list[np.ndarray]:
    """40 photos that are all the same: a network can learn nothing but how frequent the labels are."""
    return [np.full((40, 40, 3), 128, dtype=np.uint8)] * 40


def test_what_cannot_be_told_from_the_photo_becomes_the_mean_of_the_scores(tmp_path, setting, arguments):
    arguments(tmp_path / "run")
    setting |= {
        "backbone": "test_convnext",
        "hidden_units": [],
        "batch": 28,
        "ema": None,
        "gradient_clip": None,
        "backbone_args": {},
    }
    setting["phases"] = [{"epochs": 4, "lr": 0.3, "train": "head", "policy": "triangular", "cycle": 4}]
    command = arguments(tmp_path / "run")
    epochs = read_table(tmp_path / "epochs.parquet")
    # Each step sees all 28 photos once.
    write_table(pd.concat([epochs.assign(epoch=epoch) for epoch in range(4)] * 10), tmp_path / "epochs.parquet")
    manifest = read_table(tmp_path / "manifest.parquet")
    random = np.random.default_rng(4)
    scores = pd.DataFrame({"odd": random.uniform(0, 0.3, 28), "even": random.uniform(0.6, 1, 28)}).astype("float32")
    scores.insert(0, "image_id", manifest["image_id"][:28])
    write_table(scores, tmp_path / "targets.parquet")
    scripts = REPOSITORY / "workflow_scripts"
    command = [warm.python(), scripts / "train" / "train_cnn.py", *command, "--targets", tmp_path / "targets.parquet"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(scripts)})
    predicted = read_table(tmp_path / "run" / "validation.parquet").set_index("epoch").loc[3]
    for label in ("odd", "even"):
        assert manifest[label][:28].mean() == 0.5
        np.testing.assert_allclose(predicted[label], scores[label].mean(), atol=0.01)
    # Epochs are still judged by the labels, half of which are there.
    loss = read_table(tmp_path / "run" / "history.parquet")["validation_loss"].iloc[-1]
    means = scores[["odd", "even"]].mean()
    assert loss == pytest.approx(-0.5 * np.mean(np.log(means) + np.log(1 - means)), rel=0.05)
