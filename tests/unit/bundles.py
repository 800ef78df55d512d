"""A small bundle of untrained networks, made without the workflow."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from stylevote.bundle.contents import write_bundle
from stylevote.cnn.frozen import FrozenBackbone
from stylevote.cnn.network import Network, make_head
from stylevote.config.identity import features_id, file_sha256
from stylevote.config.runs import Probe
from stylevote.ensemble.combiners.logistic import Logistic
from stylevote.files.arrays import write_arrays
from stylevote.files.weights import store_weights

LABELS = ["red", "<b>round</b>"]
FOLDS = 2
SIZE = 32
BOTH, ONE = "test_resnet-32-plain-00000001", "test_byobnet-32-plain-00000002"
RUNS = {BOTH: ("test_resnet", LABELS, [1, 3]), ONE: ("test_byobnet", LABELS[:1], [0])}
MEMBERS = {LABELS[0]: [[BOTH, 3], [ONE, 0]], LABELS[1]: [[BOTH, 1]]}
SUMS = {LABELS[0]: ([1.5, 0.5], 0.1), LABELS[1]: ([2.0], -0.2)}  # weights of the log odds, and the intercept


def setting(backbone: str) -> dict:
    """Return what a run's networks are made of."""
    return {
        "backbone": backbone,
        "backbone_args": {},
        "weights": "none",
        "size": SIZE,
        "batch": 4,
        "hidden_units": [8],
        "tta": "mirror",
    }


def content() -> dict:
    """Return what the bundle says of itself."""
    return {
        "labels": LABELS,
        "beta": 2,
        "folds": FOLDS,
        "votes": {"aggregation": "average_scores", "min_labels": 0, "max_labels": None},
        "combiner": "logistic",
        "features": {label: [label] for label in LABELS},
        "thresholds": {LABELS[0]: 0.5, LABELS[1]: 0.45},
        "precision_threshold": {LABELS[0]: 0.6, LABELS[1]: None},
        "members": MEMBERS,
        "runs": {run: {**setting(name), "labels": labels} for run, (name, labels, _) in RUNS.items()},
    }


def make_bundle(folder: Path) -> Path:
    """Make a bundle in ``folder`` and return its own folder."""
    weights, stackers = make_files(folder)
    write_bundle(folder / "bundle", content(), weights, stackers, "# A card\n")
    return folder / "bundle"


PROBES = {
    "test_resnet-32-plain-00000003": (LABELS, {}),
    "test_resnet-32-plain-00000004": (LABELS[1:], {"hidden_units": [4]}),
}
FROZEN = {**setting("test_resnet"), "hidden_units": [], "probe": Probe().used()}


def make_bundle_of_probes(folder: Path) -> Path:
    """Make a bundle of two probes that share a backbone, and a network; return its own folder."""
    torch.manual_seed(1)
    weights, stackers = make_files(folder)
    weights = {network: weights[network] for network in weights if network[0] == ONE}
    backbone = folder / "made" / f"{features_id(FROZEN)}.safetensors"
    store_weights(FrozenBackbone(FROZEN), backbone)
    runs = {ONE: {**setting("test_byobnet"), "labels": LABELS[:1]}}
    for run, (labels, more) in PROBES.items():
        runs[run] = {**FROZEN, **more, "labels": labels}
        for fold in range(FOLDS):
            path = folder / "made" / f"{run}-{fold}.safetensors"
            head = make_head(FrozenBackbone(FROZEN).width, runs[run]["hidden_units"], len(labels))
            write_arrays({f"head.{name}": tensor.numpy() for name, tensor in head.state_dict().items()}, path)
            weights[run, fold, 0] = (path, file_sha256(path))
    first, second = PROBES
    members = {LABELS[0]: [[first, 0], [ONE, 0]], LABELS[1]: [[second, 0]]}
    described = {**content(), "runs": runs, "members": members}
    write_bundle(folder / "bundle", described, weights, stackers, "# A card\n", [backbone])
    return folder / "bundle"


def make_files(folder: Path) -> tuple[dict, dict]:
    """Write what goes into the bundle, as a workflow would have it: weights with their digests, and stackers."""
    torch.manual_seed(0)
    weights, stackers = {}, {}
    for run, (backbone, labels, epochs) in RUNS.items():
        for fold in range(FOLDS):
            for epoch in epochs:
                path = folder / "made" / run / f"{fold}-{epoch}.safetensors"
                path.parent.mkdir(parents=True, exist_ok=True)
                store_weights(Network(setting(backbone), len(labels)), path)
                weights[run, fold, epoch] = (path, file_sha256(path))
    for label in LABELS:
        factors, intercept = SUMS[label]
        stackers[label] = [Logistic(np.array(factors), intercept + fold).to_bytes() for fold in range(FOLDS)]
    return weights, stackers


def draw_photos(folder: Path, count: int) -> Path:
    """Draw photos that fit the networks as they are."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    for number in range(count):
        small = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(small.repeat(8, 0).repeat(8, 1)).save(folder / f"{number}.png")
    return folder


def read_decisions(path: Path) -> pd.DataFrame:
    """Return a table of decisions by photo."""
    return pd.read_csv(path, index_col="image")
