"""Networks and pixel caches take the disk space that was planned."""

import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stylevote.files.tables import write_table
from stylevote.photos.pixels import Photo, resize_photo
from stylevote.tracking import disk
from stylevote.tracking.plan import plan_runs
from unit.tracking.planned import PHASES, settings_of


def resized(width, height, size):
    return resize_photo(Photo(Image.new("RGB", (width, height)), width, height, 1.0), size)


@pytest.mark.parametrize(
    ("backbone", "hidden", "labels", "more"),
    [
        ("test_resnet", [], 13, {}),
        ("mobilenetv2_100.ra_in1k", [256], 13, {}),
        ("mobilenetv2_100.ra_in1k", [1024, 512, 256], 2, {}),
        ("resnet50.tv_in1k", [16], 2, {"backbone_args": {"layers": [1, 1, 1, 1]}}),
        ("test_resnet", [16], 1, {}),
        ("test_resnet", [128, 128], 13, {}),
        ("test_resnet", [2048], 3, {"batch_norm": False}),
        ("test_byobnet", [8], 3, {}),
        ("smp:mit_b0", [8], 3, {}),
    ],
)
def test_networks_take_the_planned_space(tmp_path, backbone, hidden, labels, more):
    from stylevote.cnn.network import Network
    from stylevote.files.weights import store_weights

    setting = {"backbone": backbone, "backbone_args": {}, "weights": "none", "size": 64, "hidden_units": hidden, **more}
    store_weights(Network(setting, labels), tmp_path / "weights.safetensors")
    stored = (tmp_path / "weights.safetensors").stat().st_size
    assert disk.network_bytes(setting, labels) == pytest.approx(stored, rel=0.01)


def test_a_head_takes_two_bytes_per_number():
    def size(hidden, labels):
        return disk.network_bytes({"backbone": "ResNet50", "backbone_args": {}, "hidden_units": hidden}, labels)

    assert size([16], 3) - size([16], 2) == 2 * (16 + 1)
    # A unit more has 2,048 features to weigh, a bias, BatchNorm's four numbers, and a weight for each of 5 labels.
    assert size([17], 5) - size([16], 5) == 2 * (2048 + 1 + 4 + 5)


@pytest.mark.parametrize(
    ("keep", "epochs_kept", "end"),
    [
        ("all", (5, 5), "GB, every epoch's (keep_weights: all)"),
        ("selectable", (4, 1), "all of its folds are trained (keep_weights: selectable)"),
        ("none", (4, 1), "; nothing once the photosets are scored (keep_weights: none)"),
    ],
)
def test_weights_that_stay_are_bounded(tmp_path, keep, epochs_kept, end):
    wide = {"backbone": "NASNetLarge", "phases": PHASES}
    narrow = {"backbone": "ResNet50", "phases": PHASES, "labels": ["red"]}
    settings = settings_of(wide, narrow, keep_weights=keep, results=str(tmp_path))
    table = plan_runs(settings)
    runs, networks, weights, on_disk = disk.weight_totals(settings, table)
    assert runs.split() == ["runs:", "2,", "each", "on", "3", "folds"]
    assert networks.split() == ["networks:", "30"]
    each = table.set_index("backbone")["megabytes"]
    expected = 3 * (epochs_kept[0] * each["nasnetalarge.tf_in1k"] + epochs_kept[1] * each["resnet50.tv_in1k"]) / 1000
    assert f" {expected:.1f} GB, " in weights
    assert ("at most" in weights) == (keep != "all")
    assert weights.endswith(end)
    assert "0 B of weights" in on_disk


def test_weights_on_the_disk_are_counted_once(tmp_path):
    settings = settings_of({"backbone": "ResNet50"}, results=str(tmp_path))
    fold = tmp_path / "runs" / "some-run" / "fold0"
    for folder in ("weights", "unfinished/weights"):
        (fold / folder).mkdir(parents=True)
    (fold / "weights" / "epoch0.safetensors").write_bytes(bytes(3_000_000))
    (fold / "unfinished" / "weights" / "epoch1.safetensors").write_bytes(bytes(4_000_000))
    os.link(fold / "weights" / "epoch0.safetensors", fold / "unfinished" / "weights" / "epoch0.safetensors")
    *_, on_disk = disk.weight_totals(settings, plan_runs(settings))
    assert " 7.0 MB" in on_disk


def test_pixels_take_the_planned_space(tmp_path):
    random = np.random.default_rng(8)
    sides = [(1, 500), (37, 12), (40, 90), *random.integers(20, 120, (60, 2)).tolist()]
    sizes = [32, 75]
    settings = settings_of(
        {"backbone": "ResNet50", "size": {"each": sizes}},
        {"backbone": "ResNet50", "size": 75, "recipe": "more"},
        recipes={"plain": {}, "more": {"recolored": True}},
        segmentation={"model": "maskrcnn", "size": 80},
        results=str(tmp_path),
    )
    scored_at = {"backbone": "ResNet50", "size": 32, "test_size": 40}
    train, test = disk.pixel_totals(settings_of(scored_at, results=str(tmp_path)))
    assert train.endswith("(shorter sides: 32, 40)")
    assert test.endswith("(shorter sides: 40)")
    assert all("not known" in line for line in disk.pixel_totals(settings))
    manifest = pd.DataFrame(sides, columns=["width", "height"])
    manifest["image_id"] = [f"{number}.jpg" for number in range(len(sides))]
    write_table(manifest, tmp_path / "photos" / "train" / "manifest.parquet")
    attempts = [{"image_id": f"{number}.jpg", "outcome": "made" if number % 3 else "gate: x"} for number in range(50)]
    write_table(pd.DataFrame(attempts * 2), tmp_path / "recolored" / "index.parquet")
    for width, height in sides:
        assert disk.pixel_bytes([(width, height)], 75) == resized(width, height, 75).nbytes
    recolored = 2 * sum(resized(*sides[n], 75).nbytes for n in range(50) if n % 3)
    each = [sum(resized(*photo, size).nbytes for photo in sides) / 1e6 for size in sizes]
    train, test, more = disk.pixel_totals(settings)
    assert train.endswith(f"train: {sum(each):.1f} MB ({1e3 * each[0]:.1f} kB at 32, {each[1]:.1f} MB at 75)")
    assert "test: not known" in test
    assert more.endswith(f"train-recolored: {recolored / 1e6:.1f} MB ({recolored / 1e6:.1f} MB at 75)")


def test_pixels_of_holdout_photos_are_planned_as_those_of_the_test(tmp_path):
    photosets = {name: {"photos": name, "labels": f"{name}.csv"} for name in ("train", "test", "summer")}
    settings = settings_of(
        {"backbone": "ResNet50", "size": 32}, photosets=photosets, holdout={"share": 0.2}, results=str(tmp_path)
    )
    write_table(
        pd.DataFrame({"width": [40, 50], "height": [40, 40]}), tmp_path / "photos" / "holdout" / "manifest.parquet"
    )
    unknown = "not known before its photos are read (shorter sides: 32)"
    assert list(disk.pixel_totals(settings)) == [
        f"pixels:    train: {unknown}",
        f"pixels:    test: {unknown}",
        f"pixels:    summer: {unknown}, when its decisions are asked for",
        f"pixels:    holdout: {3 * 32 * (32 + 40) / 1e3:.1f} kB ({3 * 32 * (32 + 40) / 1e3:.1f} kB at 32)",
    ]
