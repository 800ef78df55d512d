"""The benchmarks on real photos, tiny and on drawn photos."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import timm
from PIL import Image
from sklearn.metrics import roc_auc_score

from places import REPOSITORY
from stylevote.config.resolve import resolve

BACKBONE = "test_resnet.r160_in1k"


@pytest.fixture
def programs(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    import measuring
    import options
    import quality

    yield measuring, options, quality
    for name in ("bench", "measuring", "options", "quality"):
        del sys.modules[name]


@pytest.fixture
def photos(tmp_path) -> Path:
    """A folder of photos that are red or not, and round or not, and of weights."""
    random = np.random.default_rng(1)
    for name, table, count in (("train", "labels", 60), ("test", "test_labels", 12)):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        truth = random.integers(0, 2, (count, 2))
        rows = pd.DataFrame({"image": [f"{k}.png" for k in range(count)], "red": truth[:, 0], "dark": truth[:, 1]})
        rows.to_csv(tmp_path / f"{table}.csv", index=False)
        for number, (red, dark) in enumerate(truth):
            pixels = random.integers(0, 60, (40, 30, 3)) + np.array([150 * red, 40, 40]) - 30 * dark
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    (tmp_path / "weights").mkdir()
    state = timm.create_model(BACKBONE, pretrained=False).state_dict()
    safetensors.torch.save_file(state, tmp_path / "weights" / f"{BACKBONE}.safetensors")
    return tmp_path


def test_ways_without_the_workflow_are_measured_and_kept(photos, programs, capsys):
    *_, quality = programs
    words = [str(photos), "--weights", str(photos / "weights"), "--work", str(photos / "work"), "--seeds", "2"]
    words += ["--ways", "all-ones", "probe", "plain", "--backbone", BACKBONE, "--size", "32", "--probe-size", "64"]
    words += ["--epochs", "1", "--folds", "3"]
    quality.main(words)
    printed = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines() if "|" in line]
    last = {row[0]: row for row in rows}
    ways = ["all-ones", "probe, best thresholds", "plain, at 0.5", "plain, best thresholds"]
    assert [way for way in last if way in ways] == ways
    truth = pd.read_csv(photos / "test_labels.csv").iloc[:, 1:].mean()
    assert float(last["all-ones"][1].split(" ")[0]) == pytest.approx((5 * truth / (4 * truth + 1)).mean(), abs=6e-4)
    assert float(last["probe, best thresholds"][1].split(" ")[0]) > 0.9  # colours are easy to see
    (photos / "images").rename(photos / "away")
    quality.main(words)
    assert capsys.readouterr().out == printed


def test_every_option_is_a_configuration_that_differs_from_the_one_it_is_compared_with(photos, programs):
    measuring, options, quality = programs
    (photos / "masks").mkdir()
    arguments = quality.parse_arguments([str(photos), "--work", str(photos / "work")])
    data = measuring.open_data(arguments)
    by_name = {option.name: option for option in options.OPTIONS}
    seen = set()
    for option in options.OPTIONS:
        config = options.configuration(option, 7, data, arguments)
        settings = resolve(config)
        assert settings.config.folds.seed == 7
        assert {setting["seed"] for setting in settings.runs.values()} == {7}
        if option.against:
            base = resolve(options.configuration(by_name[option.against], 7, data, arguments))
            compared = [(one.runs, one.config.model_dump(exclude={"results", "recipes"})) for one in (settings, base)]
            assert compared[0] != compared[1], option
        seen.add(config["results"])
    assert len(seen) == len(options.OPTIONS)


def test_areas_are_those_of_scikit_learn(programs):
    measuring, *_ = programs
    random = np.random.default_rng(2)
    truth, scores = random.integers(0, 2, (50, 3)), random.integers(0, 9, (50, 3)) / 8  # many ties
    areas = measuring.resampled_auc(truth, [scores], resamples=3)[0]
    draws = np.random.default_rng(1)
    rows = [np.arange(50), *(draws.integers(0, 50, 50) for _ in range(3))]
    expected = [np.mean([roc_auc_score(truth[r, k], scores[r, k]) for k in range(3)]) for r in rows]
    assert areas == pytest.approx(expected)
