"""Small photos, drawn here, and a small setting."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from stylevote.cnn.batches import PhotoBank
from stylevote.cnn.train import FoldData

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
def bank(photos) -> PhotoBank:
    sizes = [photo.size for photo in photos]
    index = pd.DataFrame(
        {
            "offset": np.cumsum([0, *sizes[:-1]]),
            "height": [photo.shape[0] for photo in photos],
            "width": [photo.shape[1] for photo in photos],
        }
    )
    return PhotoBank.open(np.concatenate([photo.ravel() for photo in photos]), index, torch.device("cpu"))


@pytest.fixture
def setting() -> dict:
    return {
        "backbone": "test_resnet",
        "backbone_args": {},
        "weights": "none",
        "size": 32,
        "hidden": [16],
        "batch": 8,
        "loss": {"bce": {}},
        "phases": [
            {"epochs": 1, "lr": 0.01, "train": "head", "policy": "triangular", "cycle": 1},
            {"epochs": 2, "lr": 0.003, "train": {"last": 0.5}, "policy": "triangular", "cycle": 1},
        ],
        "ema": None,
        "clip": None,
        "precision": "float32",
        "compile": False,
        "crop": {"smallest": 0.8, "stretch": 0.1},
        "test_time": "mirror",
        "seed": 0,
    }


@pytest.fixture
def data(bank) -> FoldData:
    rows = torch.arange(40)
    targets = torch.stack([rows % 2, 1 - rows % 2], dim=1).float()
    epochs = [rows[:27][torch.randperm(27, generator=torch.Generator().manual_seed(epoch))] for epoch in range(3)]
    return FoldData(bank, targets, epochs, rows[27:], functional.binary_cross_entropy_with_logits)
