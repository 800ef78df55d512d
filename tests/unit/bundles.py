"""A bundle as small as can be, made without the workflow."""

from pathlib import Path

import numpy as np
import torch

from stylevote.bundle import Bundle, open_bundle, write_bundle
from stylevote.cnn.network import Network
from stylevote.ensemble.combiners.mean import Mean
from stylevote.tables import write_sealed
from stylevote.weights import store_weights

LABELS = ["bright", 'dark <b>&"']
SIZE = 32
BACKBONES = ("test_resnet", "test_vit", "smp:resnet18")


def run_of(backbone: str) -> str:
    return f"{backbone.replace(':', '_')}-{SIZE}-plain-0123abcd"


def make_bundle(folder: Path, backbones: tuple[str, ...] = BACKBONES[:1], folds: int = 2, **said) -> Bundle:
    """Write a bundle of one network a fold of each of these backbones, with weights as they come; return it.

    ``said``: what of `bundle.json` is to be other than it is here.
    """
    runs, weights = {}, {}
    for backbone in backbones:
        run = run_of(backbone)
        setting = {
            "backbone": backbone,
            "backbone_args": {"img_size": SIZE} if "vit" in backbone else {},
            "size": SIZE,
            "batch": 4,
            "hidden": [],
            "test_time": "mirror",
        }
        runs[run] = {**setting, "labels": LABELS}
        for fold in range(folds):
            torch.manual_seed(fold)
            weights[run, fold, 3] = folder.parent / "made" / run / f"{fold}.safetensors"
            weights[run, fold, 3].parent.mkdir(parents=True, exist_ok=True)
            store_weights(Network({**setting, "weights": "none"}, len(LABELS)), weights[run, fold, 3])
    stacker = folder.parent / "made" / "mean.stacker"
    write_sealed(Mean(len(runs)).to_bytes(), stacker)
    content = {
        "labels": LABELS,
        "beta": 2,
        "folds": folds,
        "votes": {"aggregation": "average_scores", "least": 0, "most": None},
        "combiner": "mean",
        "features": {label: [label] for label in LABELS},
        "thresholds": {LABELS[0]: 0.0, LABELS[1]: 1.0},
        "certain_from": None,
        "members": {label: [[run, 3] for run in runs] for label in LABELS},
        "runs": runs,
    }
    write_bundle(folder, content | said, weights, dict.fromkeys(LABELS, [stacker] * folds), "a bundle\n")
    return open_bundle(folder)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return a photo of random pixels: uint8, shape (height, width, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
