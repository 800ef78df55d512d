"""`snakemake plan` says what there is to do, and does none of it."""

import pandas as pd
import pytest
import yaml

from places import REPOSITORY
from stylevote.settings import resolve


def run_table(text, results):
    """The run table in what was printed, and as it was written."""
    table = pd.read_csv(results / "plan.tsv", sep="\t", keep_default_na=False)
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("run "))
    assert [line.split()[0] for line in lines[head + 1 : head + 1 + len(table)]] == list(table["run"])
    assert lines[head + 1 + len(table)] == ""
    return table


def test_the_plan_names_every_run_and_makes_nothing(fresh):
    ids = list(resolve(yaml.safe_load(yaml.safe_dump(fresh.config))).runs)
    before = fresh.plan()
    printed = fresh.run("plan", cores=1)
    table = run_table(printed, fresh.folder / "out")
    assert list(table["run"]) == ids
    assert list(table["networks"]) == [6, 6]
    assert list(table["phases"]) == ["2 all 0.01"] * 2
    assert "networks:  12\n" in printed
    assert "pixels:    train: not known before its photos are read (shorter sides: 32, 40)" in printed
    assert fresh.plan() == before
    assert {path.name for path in (fresh.folder / "out").rglob("*") if path.is_file()} == {"plan.tsv", "plan.log"}


def test_the_challenge_is_planned_before_its_photos_are_there(fresh):
    fresh.config = yaml.safe_load((REPOSITORY / "config" / "jd2018.yaml").read_text())
    arguments = ("--cores", "1", "--quiet", "all", "--config", "keep_weights=selectable", "--", "plan")
    printed = fresh.snakemake(*arguments).stdout
    table = run_table(printed, fresh.folder / "results_jd2018")
    assert len(table) == 96
    assert table["networks"].sum() == 3235
    assert "runs:      96, each on 5 folds\nnetworks:  3,235\n" in printed
    assert "(keep_weights: selectable)\n" in printed


def test_what_was_computed_is_counted(checkout):
    printed = checkout.run("plan", cores=1)
    stored = sum(path.stat().st_size for path in (checkout.folder / "out" / "runs").rglob("*.safetensors"))
    pixels = {
        f"{folder.parent.name}/{folder.name}": (folder / "pixels.bin").stat().st_size / 1e6
        for folder in (checkout.folder / "out" / "pixels").glob("*/*")
    }
    lines = dict(line.split(":", 1) for line in printed.splitlines() if line.startswith(("weights:", "on disk:")))
    assert lines["on disk"].strip() == f"{stored / 1e6:.1f} MB of weights now"
    assert float(lines["weights"].split()[0]) == pytest.approx(stored / 1e6, rel=0.01)
    for name, size in pixels.items():
        photoset, side = name.split("/")
        (line,) = (line for line in printed.splitlines() if line.startswith(f"pixels:    {photoset}: "))
        assert f"{size:.1f} MB at {side}" in line


def test_a_backbone_that_cannot_be_made_is_named(fresh):
    fresh.config["runs"][0]["backbone"] = "test_resnot"
    printed = fresh.snakemake("--cores", "1", "--", "plan", check=False)
    assert printed.returncode != 0
    assert "backbone 'test_resnot' is not known; did you mean test_resnet" in printed.stdout
    assert "Traceback" not in printed.stdout
