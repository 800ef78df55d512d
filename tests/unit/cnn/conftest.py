"""Small photos, drawn here, and a small setting."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from stylevote.cnn.batches import PixelCache
from stylevote.cnn.fold_data import FoldData
from stylevote.files.tables import write_table
from stylevote.photos.pixels import write_pixels

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def photos() -> list[np.ndarray]:
    """40 photos of several shapes; every second one has a bright left half."""
    random = np.random.default_rng(5)
    drawn = []
    for number in range(40):
        height, width = random.integers(40, 60, 2)
        photo = random.integers(0, 80, (height, width, 3), dtype=np.uint8)
        if number % 2:
            photo[:, : width // 2] += 150
        drawn.append(photo)
    return drawn


@pytest.fixture(scope="session")
def cache(photos) -> PixelCache:
    sizes = [photo.size for photo in photos]
    index = pd.DataFrame(
        {
            "offset": np.cumsum([0, *sizes[:-1]]),
            "height": [photo.shape[0] for photo in photos],
            "width": [photo.shape[1] for photo in photos],
        }
    )
    return PixelCache.open(np.concatenate([photo.ravel() for photo in photos]), index, torch.device("cpu"))


@pytest.fixture
def setting() -> dict:
    return {
        "backbone": "test_resnet",
        "backbone_args": {},
        "weights": "none",
        "size": 32,
        "hidden_units": [16],
        "batch": 8,
        "loss": {"bce": {}},
        "phases": [
            {"epochs": 1, "lr": 0.01, "train": "head", "policy": "triangular", "cycle": 1},
            {"epochs": 2, "lr": 0.003, "train": {"last": 0.5}, "policy": "triangular", "cycle": 1},
        ],
        "ema": None,
        "gradient_clip": None,
        "precision": "float32",
        "compile": False,
        "crop": {"min_scale": 0.8, "stretch": 0.1},
        "tta": "mirror",
        "seed": 0,
    }


@pytest.fixture
def data(cache) -> FoldData:
    rows = torch.arange(40)
    targets = torch.stack([rows % 2, 1 - rows % 2], dim=1).float()
    epochs = [rows[:27][torch.randperm(27, generator=torch.Generator().manual_seed(epoch))] for epoch in range(3)]
    return FoldData(cache, targets, epochs, rows[27:], functional.binary_cross_entropy_with_logits)


@pytest.fixture
def arguments(tmp_path, setting, photos):
    """Return a function that gives the command line of a job of four epochs that writes into a folder."""
    ids = [f"photo{number:02}" for number in range(len(photos))]
    shas = [f"{number:064x}" for number in range(len(photos))]
    odd = np.arange(len(photos)) % 2
    manifest = pd.DataFrame({"image_id": ids, "sha256": shas, "odd": odd, "even": 1 - odd})
    folds = pd.DataFrame({"image_id": ids, "fold": np.arange(len(photos)) // 14})
    training = np.flatnonzero(folds["fold"] != 2)
    orders = [np.random.default_rng(epoch).permutation(training) for epoch in range(4)]
    epochs = pd.DataFrame(
        {
            "epoch": np.repeat(np.arange(len(orders)), len(training)),
            "image_id": np.array(ids)[np.concatenate(orders)],
            "variant": "original",
        }
    )
    index = write_pixels(photos, tmp_path / "pixels.bin")
    index.insert(0, "image_id", ids)
    index.insert(1, "sha256", shas)
    for name, table in (("manifest", manifest), ("folds", folds), ("epochs", epochs), ("index", index)):
        write_table(table, tmp_path / f"{name}.parquet")
    setting["phases"][1]["epochs"] = len(orders) - 1
    setting |= {"ema": {"decay": 0.9}, "gradient_clip": 1.0, "backbone_args": {"drop_rate": 0.3}}

    def command(folder: Path) -> list[str]:
        paths = {
            "manifest": tmp_path / "manifest.parquet",
            "folds": tmp_path / "folds.parquet",
            "epochs": tmp_path / "epochs.parquet",
            "index": tmp_path / "index.parquet",
            "pixels": tmp_path / "pixels.bin",
            "history": folder / "history.parquet",
            "validation": folder / "validation.parquet",
            "weights": folder / "weights",
        }
        settings = json.dumps({"labels": ["odd", "even"], "setting": setting})
        options = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
        return [*options, "--run", "some-run", "--fold", "2", "--settings", settings]

    return command
