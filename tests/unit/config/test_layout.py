"""Paths of results: what belongs to one configuration, and what configurations share."""

import pytest

from stylevote.config.layout import Layout
from stylevote.config.resolve import resolve
from stylevote.errors import InputError

RUN = {"backbone": "resnet18", "phases": [{"epochs": 1, "lr": 0.01, "train": "all"}]}


def config(**changes):
    """Return a configuration of two labels and two runs."""
    photosets = {name: {"photos": f"{{results}}/demo/{name}", "labels": None} for name in ("train", "test")}
    photosets["train"]["labels"] = "{results}/demo/train.csv"
    base = {"results": "mine", "labels": ["red", "blue"], "photosets": photosets, "folds": {"count": 3}}
    return {**base, "runs": [RUN, {**RUN, "seed": 1}], **changes}


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("runs/{run}/fold{fold}/weights", "shared"),
        ("photos/train/manifest.parquet", "shared"),
        ("predictions/{photoset}/votes.parquet", "mine"),
        ("logs/train_cnn/{run}/fold{fold}.log", "shared"),
        ("logs/draw_demo.log", "shared"),
        ("benchmarks/predict_photos/{photoset}/{run}.tsv", "mine"),
    ],
)
def test_photos_and_networks_are_in_the_folder_that_configurations_share(path, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layout = Layout(resolve(config(networks="shared")))
    assert layout.results(path) == f"{folder}/{path}"
    assert layout.patterns == {path}
    assert Layout(resolve(config())).results(path) == f"mine/{path}"


def test_lists_of_paths_follow_the_configuration_and_keep_other_wildcards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = resolve(config())
    layout = Layout(settings)
    assert layout.every_block("{ensemble}/members/{block}.parquet") == [
        "mine/{ensemble}/members/red.parquet",
        "mine/{ensemble}/members/blue.parquet",
    ]
    weights = "runs/{run}/fold{fold}/weights"
    assert layout.every_fold(weights) == [f"mine/runs/{{run}}/fold{k}/weights" for k in range(3)]
    folds = [f"fold{fold}" for fold in range(3)]
    expected = [f"mine/runs/{run}/{fold}/weights" for run in settings.runs for fold in folds]
    assert layout.every_run(weights) == expected


def test_the_demos_photos_are_known_by_their_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layout = Layout(resolve(config(networks="shared")))
    assert layout.is_drawn("shared/demo/train.csv") and layout.is_drawn("shared/demo")
    assert not layout.patterns  # the folder as a whole is no rule's
    assert not layout.is_drawn("shared/demonstration") and not layout.is_drawn("mine/demo/train")


@pytest.mark.parametrize("key", ["results", "networks"])
def test_a_file_in_the_place_of_a_folder_is_refused(key, tmp_path):
    (tmp_path / "taken").write_text("")
    folders = {"results": str(tmp_path / "out"), key: str(tmp_path / "taken" / "below")}
    with pytest.raises(InputError, match=f"{key}: found .*taken, which is a file; expected a folder"):
        Layout(resolve(config(**folders)))
