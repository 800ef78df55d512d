"""`snakemake plan` shows what is to do, and does none of it."""

import itertools
import os
import shutil

import pandas as pd
import pytest
import yaml

from places import REPOSITORY
from stylevote.config.resolve import resolve
from stylevote.files.tables import write_json, write_table


def run_table(text, results):
    """Return the run table as written, after a comparison with the printed one."""
    table = pd.read_csv(results / "plan.tsv", sep="\t", keep_default_na=False)
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("run "))
    assert [line.split()[0] for line in lines[head + 1 : head + 1 + len(table)]] == list(table["run"])
    assert lines[head + 1 + len(table)] == ""
    return table


def jobs(text):
    """Return the printed number of jobs per rule, as `announced` does."""
    lines = text.splitlines()
    (head,) = (number for number, line in enumerate(lines) if line.startswith("jobs: "))
    rows = itertools.takewhile(lambda line: line.startswith("  "), lines[head + 1 :])
    counts = {name: int(count) for count, name in map(str.split, rows)}
    assert lines[head].split() == ["jobs:", str(sum(counts.values())), "to", "do"]
    counts.pop("check_runs", None)
    return counts


def replace_stand_ins(out):
    """Put tables that `plan` reads in the place of their stand-ins, with the same time stamps."""
    tables = {
        "photos/*/manifest.parquet": {"image_id": ["a"], "width": [50], "height": [60]},
        "recolored/index.parquet": {"image_id": ["a"], "outcome": ["made"]},
        "runs/*/fold*/history.parquet": {"highest_lr": [0.1, 0.1], "seconds": [1800.0, 1800.0]},
    }
    for pattern, columns in tables.items():
        for path in out.glob(pattern):
            stamp = path.stat().st_mtime_ns
            write_table(pd.DataFrame(columns), path)
            os.utime(path, ns=(stamp, stamp))
    path = out / "ensemble" / "composition.json"
    stamp = path.stat().st_mtime_ns
    write_json({"size": "7 different CNNs"}, path)
    os.utime(path, ns=(stamp, stamp))


@pytest.mark.slow
def test_the_plan_agrees_with_a_dry_run(fresh):
    printed = fresh.run("plan", cores=1)
    assert jobs(printed) == fresh.plan("all")
    table = run_table(printed, fresh.folder / "out")
    assert [list(table[column]) for column in ("done", "to_do", "why")] == [[0, 0], [3, 3], ["new", "new"]]
    assert list(table["hours"]) == ["not measured"] * 2
    fresh.stand_in("all")
    replace_stand_ins(fresh.folder / "out")
    printed = fresh.run("plan", cores=1)
    assert jobs(printed) == fresh.plan("all") == {}
    table = run_table(printed, fresh.folder / "out")
    assert [list(table[column]) for column in ("done", "to_do", "why")] == [[3, 3], [0, 0], ["", ""]]
    # One run is another one, and the other has lost a fold's weights.
    resnet = next(run for run in table["run"] if run.startswith("test_resnet"))
    fresh.config["runs"][0]["seed"] = 5
    shutil.rmtree(fresh.folder / "out" / "runs" / resnet / "fold1" / "weights")
    printed = fresh.run("plan", cores=1)
    planned = fresh.plan("all")
    assert jobs(printed) == planned
    table = run_table(printed, fresh.folder / "out").set_index("run")
    assert table["to_do"].sum() == planned["train_cnn"] == 4
    assert list(table.loc[resnet, ["done", "to_do", "why"]]) == [2, 1, "weights gone"]
    assert "hours:     4.0 of training, one device per job\n" in printed  # two epochs of half an hour each
    # Everything else of theirs changed: all folds are trained again.
    fresh.edit("workflow_scripts/stylevote/cnn/train.py", "time.monotonic()", "time.perf_counter()")
    table = run_table(fresh.run("plan", cores=1), fresh.folder / "out").set_index("run")
    assert table["to_do"].sum() == fresh.plan()["train_cnn"] == 6
    assert "setting or code changed" in table.loc[resnet, "why"]


def test_a_plan_without_a_label_table_shows_the_runs(fresh):
    (fresh.folder / "photos" / "train.csv").unlink()
    printed = fresh.run("plan", cores=1)
    assert "jobs:      not known: a dry run fails; snakemake -n shows the error" in printed
    assert "why" not in run_table(printed, fresh.folder / "out")


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


@pytest.mark.slow
def test_the_challenge_is_planned_before_its_photos_are_there(fresh):
    fresh.config = yaml.safe_load((REPOSITORY / "config" / "jd2018.yaml").read_text())
    arguments = ("--cores", "1", "--config", "keep_weights=selectable", "--", "plan")
    printed = fresh.snakemake(*arguments).stdout
    table = run_table(printed, fresh.folder / "results_jd2018")
    assert len(table) == 96
    assert table["networks"].sum() == 2875
    assert "runs:      96, each on 5 folds\nnetworks:  2,875\n" in printed
    assert f"ensemble:  at most {13 * 5 * 20:,} different CNNs\n" in printed
    assert "(keep_weights: selectable)\n" in printed


@pytest.mark.slow
def test_weights_and_pixels_on_the_disk_are_counted(checkout):
    printed = checkout.run("plan", cores=1)
    stored = sum(path.stat().st_size for path in (checkout.folder / "out" / "runs").rglob("*.safetensors"))
    pixels = {
        f"{folder.parent.name}/{folder.name}": (folder / "pixels.bin").stat().st_size
        for folder in (checkout.folder / "out" / "pixels").glob("*/*")
    }
    lines = dict(line.split(":", 1) for line in printed.splitlines() if line.startswith(("weights:", "on disk:")))
    assert lines["on disk"].strip() == f"{stored / 1e6:.1f} MB of weights now"
    assert float(lines["weights"].split()[0]) == pytest.approx(stored / 1e6, rel=0.01)
    for name, size in pixels.items():
        photoset, side = name.split("/")
        (line,) = (line for line in printed.splitlines() if line.startswith(f"pixels:    {photoset}: "))
        text = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
        assert f"{text} at {side}" in line


def test_a_backbone_that_cannot_be_made_is_named(fresh):
    fresh.config["runs"][0]["backbone"] = "test_resnot"
    printed = fresh.snakemake("--cores", "1", "--", "plan", check=False)
    assert printed.returncode != 0
    assert "runs[0].backbone: 'test_resnot' is not known; did you mean 'test_resnet'" in printed.stdout
    assert "Traceback" not in printed.stdout
