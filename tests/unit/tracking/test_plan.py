"""What a configuration comes to is said before it is computed, and is what comes of it."""

import os
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stylevote.config.resolve import resolve
from stylevote.files.tables import write_table
from stylevote.photos.pixels import Photo, resize_photo
from stylevote.tracking import plan

LABELS = ["red", "round", "soft", "new"]
PHASES = [{"epochs": 1, "lr": 0.001, "train": "head"}, {"epochs": 4, "lr": 0.0003, "train": {"last": 0.4}}]


def settings_of(*runs, **keys):
    config = {
        "labels": LABELS,
        "photosets": {"train": {"photos": "a", "labels": "a.csv"}, "test": {"photos": "b"}},
        "folds": {"count": 3},
        "runs": deepcopy(list(runs)),
        **keys,
    }
    return resolve(config)


def phase(text, **keys):
    settings = settings_of({"backbone": "ResNet50", "phases": [{"epochs": 3, "lr": 0.0003, "train": "all", **keys}]})
    (phases,) = plan.plan_runs(settings)["phases"]
    assert phases == text


def resized(width, height, size):
    return resize_photo(Photo(Image.new("RGB", (width, height)), width, height, 1.0), size)


@pytest.mark.parametrize(
    ("backbone", "args", "hidden_units", "labels"),
    [
        ("mobilenetv2_100.ra_in1k", {}, [256], 13),
        ("mobilenetv2_100.ra_in1k", {}, [1024, 512, 256], 2),
        ("resnet50.tv_in1k", {"layers": [1, 1, 1, 1]}, [16], 2),
        ("test_resnet", {}, [16], 1),
        ("test_resnet", {}, [128, 128], 13),
        ("test_byobnet", {}, [8], 3),
        ("smp:mit_b0", {}, [8], 3),
    ],
)
def test_networks_take_what_is_planned(tmp_path, backbone, args, hidden, labels):
    from stylevote.cnn.network import Network
    from stylevote.files.weights import store_weights

    setting = {"backbone": backbone, "backbone_args": args, "weights": "none", "size": 64, "hidden_units": hidden}
    store_weights(Network(setting, labels), tmp_path / "weights.safetensors")
    stored = (tmp_path / "weights.safetensors").stat().st_size
    assert plan.network_bytes(setting, labels) == pytest.approx(stored, rel=0.01)


def test_a_head_takes_two_bytes_a_number():
    def size(hidden, labels):
        return plan.network_bytes({"backbone": "ResNet50", "backbone_args": {}, "hidden_units": hidden}, labels)

    assert size([16], 3) - size([16], 2) == 2 * (16 + 1)
    # A unit more has 2,048 features to weigh, a bias, BatchNorm's four numbers, and a weight for each of 5 labels.
    assert size([17], 5) - size([16], 5) == 2 * (2048 + 1 + 4 + 5)


def test_the_catalogue_is_planned_without_making_a_network(monkeypatch):
    monkeypatch.setattr(plan, "_measure", None)
    entry = {"backbone": {"each": ["VGG16", "ResNet50"]}, "phases": PHASES}
    runs = plan.plan_runs(settings_of(entry)).set_index("backbone")
    assert list(runs["epochs"]) == [5, 5]
    assert list(runs["networks"]) == [15, 15]
    assert runs["megabytes"]["vgg16.tv_in1k"] == pytest.approx(2 * (134.26 + 4096 * 256 / 1e6), rel=0.01)
    assert list(runs["gigabytes"]) == pytest.approx(list(15 * runs["megabytes"] / 1000), abs=0.0001)


def test_phases_are_short():
    phase("3 all 0.0003")
    phase("3 head 0.0003", train="head")
    phase("3 last 0.4 2e-05", train={"last": 0.4}, lr=2.0e-5)
    phase("1 groups 2 1", train={"groups": 2}, epochs=1, lr=1.0)
    phase("3 all 0.0003 triangular2 cycle 0.5", policy="triangular2", cycle=0.5)
    phases = plan.plan_runs(settings_of({"backbone": "ResNet50", "phases": PHASES}))["phases"]
    assert list(phases) == ["1 head 0.001, 4 last 0.4 0.0003"]


def test_runs_show_what_was_drawn():
    drawn = {
        "backbone": "ResNet50",
        "hidden_units": {"layers": [1, 3], "units": {"choose": [128, 256]}},
        "batch": {"choose": [8, 16]},
        "crop": {"min_scale": {"uniform": [0.5, 0.9]}, "stretch": 0.3},
        "loss": {"focal": {"gamma": {"uniform": [1, 3]}}},
        "phases": [{"epochs": {"integers": [1, 9]}, "lr": {"log_uniform": [1e-5, 1e-1]}, "train": "all"}],
        "seed": {"integers": [0, 1000]},
        "draws": 20,
    }
    settings = settings_of(drawn)
    runs = plan.plan_runs(settings).set_index("run")
    assert list(runs.index) == list(settings.runs)
    for run, setting in settings.runs.items():
        row, (only,) = runs.loc[run], setting["phases"]
        assert (row["seed"], row["batch"], row["epochs"]) == (setting["seed"], setting["batch"], only["epochs"])
        assert row["phases"] == f"{only['epochs']} all {only['lr']}"
        assert row["hidden_units"] == str(setting["hidden_units"]).strip("[]")
        assert row["loss"] == f"focal gamma {setting['loss']['focal']['gamma']} alpha 0.25"
        # What all have in common is left out.
        assert row["other"] == f"crop.min_scale {setting['crop']['min_scale']}"


def test_labels_are_named_or_counted():
    settings = settings_of(
        *({"backbone": "ResNet50", "labels": labels} for labels in ("all", ["soft"], ["red", "soft"], LABELS[:4])),
        labels=[*LABELS, "old"],
    )
    labels = plan.plan_runs(settings)["labels"]
    assert sorted(labels) == ["4 of 5", "all", "red, soft", "soft"]


@pytest.mark.parametrize(
    ("keep", "epochs_kept", "said"),
    [
        ("all", (5, 5), "GB, every epoch's (keep_weights: all)"),
        ("selectable", (4, 1), "all of its folds are trained (keep_weights: selectable)"),
        ("none", (4, 1), "; nothing once the photosets are scored (keep_weights: none)"),
    ],
)
def test_weights_that_stay_are_bounded(tmp_path, keep, epochs_kept, said):
    wide = {"backbone": "VGG16", "phases": PHASES}
    narrow = {"backbone": "ResNet50", "phases": PHASES, "labels": ["red"]}
    settings = settings_of(wide, narrow, keep_weights=keep, results=str(tmp_path))
    table = plan.plan_runs(settings)
    runs, networks, weights, on_disk = plan.weight_totals(settings, table)
    assert runs.split() == ["runs:", "2,", "each", "on", "3", "folds"]
    assert networks.split() == ["networks:", "30"]
    each = table.set_index("backbone")["megabytes"]
    expected = 3 * (epochs_kept[0] * each["vgg16.tv_in1k"] + epochs_kept[1] * each["resnet50.tv_in1k"]) / 1000
    assert f" {expected:.1f} GB, " in weights
    assert ("at most" in weights) == (keep != "all")
    assert weights.endswith(said)
    assert "0.0 MB" in on_disk


def test_weights_on_the_disk_are_counted_once(tmp_path):
    settings = settings_of({"backbone": "ResNet50"}, results=str(tmp_path))
    fold = tmp_path / "runs" / "some-run" / "fold0"
    for folder in ("weights", "unfinished/weights"):
        (fold / folder).mkdir(parents=True)
    (fold / "weights" / "epoch0.safetensors").write_bytes(bytes(3_000_000))
    (fold / "unfinished" / "weights" / "epoch1.safetensors").write_bytes(bytes(4_000_000))
    os.link(fold / "weights" / "epoch0.safetensors", fold / "unfinished" / "weights" / "epoch0.safetensors")
    *_, on_disk = plan.weight_totals(settings, plan.plan_runs(settings))
    assert " 7.0 MB" in on_disk


def test_pixels_take_what_is_planned(tmp_path):
    random = np.random.default_rng(8)
    sides = [(1, 500), (37, 12), (40, 90), *random.integers(20, 120, (60, 2)).tolist()]
    sizes = [32, 75]
    settings = settings_of(
        {"backbone": "ResNet50", "size": sizes},
        {"backbone": "ResNet50", "size": 75, "recipe": "more"},
        recipes={"plain": {}, "more": {"recolored": True}},
        segmentation={"model": "maskrcnn", "size": 80},
        results=str(tmp_path),
    )
    assert all("not known" in line for line in plan.pixel_totals(settings))
    manifest = pd.DataFrame(sides, columns=["width", "height"])
    manifest["image_id"] = [f"{number}.jpg" for number in range(len(sides))]
    write_table(manifest, tmp_path / "photos" / "train" / "manifest.parquet")
    attempts = [{"image_id": f"{number}.jpg", "outcome": "made" if number % 3 else "gate: x"} for number in range(50)]
    write_table(pd.DataFrame(attempts * 2), tmp_path / "recolored" / "index.parquet")
    for width, height in sides:
        assert plan.pixel_bytes([(width, height)], 75) == resized(width, height, 75).nbytes
    copies = [resized(*sides[n], min(80, *sides[n])).shape for n in range(50) if n % 3] * 2
    recolored = sum(resized(width, height, 75).nbytes for height, width, _ in copies)
    each = [sum(resized(*photo, size).nbytes for photo in sides) / 1e6 for size in sizes]
    train, test, more = plan.pixel_totals(settings)
    assert train.endswith(f"train: {sum(each):.1f} MB ({each[0]:.1f} MB at 32, {each[1]:.1f} MB at 75)")
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
    assert list(plan.pixel_totals(settings)) == [
        f"pixels:    train: {unknown}",
        f"pixels:    test: {unknown}",
        f"pixels:    summer: {unknown}, when its decisions are asked for",
        f"pixels:    holdout: {3 * 32 * (32 + 40) / 1e6:.1f} MB ({3 * 32 * (32 + 40) / 1e6:.1f} MB at 32)",
    ]


DRY_RUN = """Building DAG of jobs...
Job stats:
job             count
------------  -------
all                 1
combine_folds          1
train_cnn           2
total               4


[Mon Nov 23 14:31:37 2026]
rule train_cnn:
    input: a, b
    output: out/runs/one-32-plain-0/fold2/history.parquet
    jobid: 7
    reason: Missing output files: out/runs/one-32-plain-0/fold2/history.parquet
    wildcards: run=one-32-plain-0, fold=2
    resources: tmpdir=/tmp
[Mon Nov 23 14:31:37 2026]
rule combine_folds:
    reason: Updated input files: a
    wildcards: photoset=test
[Mon Nov 23 14:31:38 2026]
rule train_cnn:
    reason: Params have changed since last execution: before: {"a": 1}, now: {"a": 2}
    wildcards: run=two.x-40-more-1, fold=0
Job stats:
job             count
------------  -------
all                 1
"""


def test_a_dry_run_is_read():
    work = plan.read_dry_run(DRY_RUN)
    assert work.jobs == {"combine_folds": 1, "train_cnn": 2}
    assert work.trainings == {
        ("one-32-plain-0", 2): "Missing output files: out/runs/one-32-plain-0/fold2/history.parquet",
        ("two.x-40-more-1", 0): 'Params have changed since last execution: before: {"a": 1}, now: {"a": 2}',
    }
    assert plan.read_dry_run("Building DAG of jobs...\nNothing to be done.\n") == ({}, {})


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Missing output files: f/history.parquet, f/weights, f/validation.parquet", "new"),
        ("Missing output files: f/weights; Params have changed since last execution: x", "weights gone"),
        ("Missing output files: f/weights, f/history.parquet", "history.parquet and weights gone"),
        ("Incomplete output files: f/weights", "interrupted"),
        ('Params have changed since last execution: before: "a, b"', "setting or code changed"),
        ("Updated input files: f/index.parquet", "inputs changed"),
        ("Input files updated by another job: f/index.parquet", "inputs are made anew"),
        ("Forced execution", "Forced execution"),
    ],
)
def test_reasons_are_short(tmp_path, reason, said):
    assert plan.reason_text(reason, tmp_path) == said


def test_an_unfinished_training_is_told_from_a_new_one(tmp_path):
    (tmp_path / "unfinished").mkdir()
    reason = "Missing output files: f/history.parquet, f/weights, f/validation.parquet"
    assert plan.reason_text(reason, tmp_path) == "unfinished"


def test_hours_are_those_of_the_same_backbone_and_size(tmp_path):
    five = [{"epochs": 5, "lr": 0.001, "train": "all"}]
    sizes = [{"backbone": "ResNet50", "size": size, "phases": five} for size in (64, 128)]
    settings = settings_of(*sizes, {**sizes[0], "seed": 2}, results=str(tmp_path))
    of_64 = [run for run in settings.runs if "-64-" in run]
    (of_128,) = settings.runs.keys() - set(of_64)
    for run, fold, seconds in (
        (of_64[0], 0, [100, 200]),
        (of_64[0], 1, [300, 600]),
        ("resnet50.tv_in1k-648-a-b", 0, [9]),
    ):
        history = pd.DataFrame({"epoch": range(len(seconds)), "seconds": seconds})
        write_table(history, tmp_path / "runs" / run / f"fold{fold}" / "history.parquet")
    to_do = [(of_64[0], 2), *((run, fold) for run in (of_64[1], of_128) for fold in range(3))]
    work = plan.Work({"train_cnn": 7, "combine_folds": 1}, dict.fromkeys(to_do, "Forced execution"))
    table = plan.plan_trainings(settings, work).set_index("run")
    # 300 seconds an epoch in the mean, five epochs: 25 minutes a fold.
    assert dict(table["hours"]) == {of_64[0]: "0.42", of_64[1]: "1.25", of_128: "not measured"}
    assert dict(table["done"]) == {of_64[0]: 2, of_64[1]: 0, of_128: 0}
    assert dict(table["to_do"]) == {of_64[0]: 1, of_64[1]: 3, of_128: 3}
    assert [*plan.training_totals(table, work), *plan.job_totals(work)] == [
        "trainings: 7 to do, 2 done",
        "hours:     1.7 of training, a device a job, and 3 trainings of a kind that is not measured",
        "jobs:      8 to do",
        "        7  train_cnn",
        "        1  combine_folds",
    ]


def test_hours_of_what_was_not_measured_are_those_that_the_configuration_states(tmp_path):
    runs = [
        {"backbone": "resnet18", "size": size, "phases": [{"epochs": 6, "lr": 0.1, "train": "all"}]}
        for size in (64, 96)
    ]
    stated = {"epoch_seconds": {"resnet18-64": 600, "resnet18-96": 1200}}
    settings = settings_of(*runs, results=str(tmp_path), plan=stated)
    of_64, of_96 = sorted(settings.runs)
    write_table(
        pd.DataFrame({"epoch": [0], "seconds": [60.0]}), tmp_path / "runs" / of_64 / "fold0" / "history.parquet"
    )
    work = plan.Work({"train_cnn": 2}, {(of_64, 1): "Forced execution", (of_96, 1): "Forced execution"})
    table = plan.plan_trainings(settings, work).set_index("run")
    assert dict(table["hours"]) == {of_64: "0.10", of_96: "2.00"}


def test_what_a_dry_run_cannot_say_is_not_known():
    (line,) = plan.job_totals(plan.read_dry_run("Building DAG of jobs...\n"))
    assert "not known" in line


def test_the_table_is_aligned():
    table = pd.DataFrame({"run": ["a", "bbbb"], "number": [7, 12345]})
    assert plan.as_text(table) == "run   number\na          7\nbbbb   12345"
