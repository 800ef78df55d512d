"""Real photos and real ImageNet weights, where they lie beside the checkout: a cut-down run beats all-ones."""

import csv

import pyarrow.parquet as pq
import pytest

from workflow.checkout import small_config

pytestmark = pytest.mark.slow

LABELS = ["pants", "dress", "hat", "jeans", "stockings", "shorts"]
PHOTOS = {"train": ("labels.csv", 700), "test": ("test_labels.csv", 351)}


def test_fine_tuned_mobilenet_beats_deciding_everything(shared, fresh):
    data, weights = shared / "data" / "real_small", shared / "weights" / "mobilenetv2_100_in1k_fp16.safetensors"
    config = small_config()
    config["labels"] = LABELS
    for key in ("segmentation", "recolor", "recipes"):  # of the drawn photos
        del config[key]
    for name, (table, count) in PHOTOS.items():
        with (data / table).open(newline="") as lines:
            rows = list(csv.DictReader(lines))[:count]
        lines = [",".join(["image", *LABELS]), *(",".join([r["image"], *(r[label] for label in LABELS)]) for r in rows)]
        (fresh.folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        config["photosets"][name] = {"photos": str(data / "images" / name), "labels": f"{name}.csv"}
    config["runs"] = [
        {
            "backbone": "mobilenetv2_100",
            "weights": str(weights),
            "size": 129,
            "batch": 16,
            "phases": [
                {"epochs": 1, "lr": 3e-3, "train": "head"},
                {"epochs": 2, "lr": 1e-3, "train": {"last": 0.4}},
            ],
        }
    ]
    fresh.config = config
    fresh.run()
    scores = pq.read_table(fresh.folder / "out" / "predictions" / "test" / "scores.parquet").to_pandas()
    macro = scores[scores["label"] == "macro"].iloc[0]
    assert macro["all_ones_f_beta"] > 0.4
    assert macro["f_beta"] > macro["all_ones_f_beta"] + 0.04
