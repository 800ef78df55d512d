"""A user's mistake is answered before anything is trained, with the place and without a traceback."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import warm
from stylevote.files.tables import read_table


def refused(checkout, *said: str) -> None:
    done = checkout.snakemake("--cores", "2", check=False)
    text = done.stdout
    assert done.returncode != 0
    for words in said:
        assert words in text, text[-4000:]
    assert "Traceback" not in text
    assert not (checkout.folder / "out" / "runs").exists()


def test_all_problems_of_a_table_are_told_at_once(fresh):
    fresh.edit("photos/train.csv", "0003.png,", "0003.png,2")
    fresh.edit("photos/train.csv", "0007.png,", "0005.png,")
    refused(fresh, "2 problems in photoset train:", "train.csv, row 5", "train.csv, row 9")


def test_a_training_photo_among_the_test_photos(fresh):
    shutil.copyfile(fresh.folder / "photos" / "train" / "0004.png", fresh.folder / "photos" / "test" / "copy.png")
    refused(fresh, "copy.png", "0004.png")


@pytest.mark.slow
def test_a_photo_that_cannot_be_read_can_be_left_out(fresh):
    (fresh.folder / "photos" / "train" / "0009.png").write_bytes(b"no photo")
    fresh.config["on_bad_photo"] = "skip"
    fresh.run("out/photos/train/folds.parquet")
    quarantine = read_table(fresh.folder / "out" / "photos" / "train" / "quarantine.parquet")
    assert quarantine["path"].tolist() == ["0009.png"]
    assert len(read_table(fresh.folder / "out" / "photos" / "train" / "folds.parquet")) == 59
    fresh.config["on_bad_photo"] = "fail"
    refused(fresh, "1 photo left out", "0009.png")


def test_a_training_photo_that_comes_among_the_test_photos_later(checkout):
    shutil.copyfile(checkout.folder / "photos" / "train" / "0004.png", checkout.folder / "photos" / "test" / "copy.png")
    before = (checkout.folder / "out" / "submission.csv").read_bytes()
    done = checkout.snakemake("--cores", "2", check=False)
    assert done.returncode != 0
    assert "copy.png" in done.stdout
    assert (checkout.folder / "out" / "submission.csv").read_bytes() == before


def test_a_photoset_that_says_no_table_has_none(fresh):
    del fresh.config["photosets"]["test"]["labels"]
    assert "draw_demo" not in fresh.plan()


def test_a_photoset_that_is_not_configured(fresh):
    done = fresh.snakemake("--dry-run", "--", "out/predictions/nope/decisions.csv", check=False)
    assert done.returncode != 0
    assert "KeyError" not in done.stdout


def test_file_names_of_any_bytes_reach_the_check(fresh):
    odd = os.fsdecode(os.fsencode(fresh.folder / "photos" / "test") + b"/\xff.png")
    Path(odd).write_bytes(b"")
    refused(fresh, "UTF-8")


def test_a_misspelt_key(fresh):
    fresh.config["tresholds"] = {"method": "exact"}
    refused(fresh, "unknown key 'tresholds'; did you mean 'threshold'?")


def keep_few(checkout, positives: int) -> None:
    """Leave the last label to so many training photos."""
    table = checkout.folder / "photos" / "train.csv"
    header, *rows = table.read_text().splitlines()
    few = [row.rpartition(",")[0] + f",{int(number < positives)}" for number, row in enumerate(rows)]
    table.write_text("\n".join([header, *few]) + "\n")


def test_a_label_too_rare_for_the_folds(fresh):
    keep_few(fresh, 2)
    refused(fresh, "'dark sky / night'", "2")


def test_a_label_too_rare_to_hold_some_out(fresh):
    fresh.config["holdout"] = {"share": 0.1}
    keep_few(fresh, 3)
    refused(
        fresh, "label 'dark sky / night' has 3 distinct positive photos", "at least 4, one per fold and one held out"
    )
    keep_few(fresh, 4)
    refused(fresh, "label 'dark sky / night': 4 to train on and 0 held out; change holdout.share")


@pytest.mark.slow
def test_an_unreadable_photo_can_be_left_out_if_some_are_held_out(fresh):
    (fresh.folder / "photos" / "train" / "0009.png").write_bytes(b"no photo")
    fresh.config |= {"on_bad_photo": "skip", "holdout": {"share": 0.2}}
    fresh.run("out/photos/train/folds.parquet")
    photos = fresh.folder / "out" / "photos"
    assert read_table(photos / "labelled" / "quarantine.parquet")["path"].tolist() == ["0009.png"]
    assert sum(len(read_table(photos / name / "manifest.parquet")) for name in ("train", "holdout")) == 59
    fresh.config["on_bad_photo"] = "fail"
    refused(fresh, "1 photo left out", "'0009.png' in train")


@pytest.mark.slow
def test_a_holdout_photo_among_the_test_photos(fresh):
    fresh.config["holdout"] = {"share": 0.2}
    fresh.run("out/photos/holdout/manifest.parquet")
    name = read_table(fresh.folder / "out" / "photos" / "holdout" / "manifest.parquet")["path"][0]
    shutil.copyfile(fresh.folder / "photos" / "train" / name, fresh.folder / "photos" / "test" / "copy.png")
    refused(fresh, f"'copy.png' in test is the same photo as '{name}' in train")


def test_a_key_that_stands_twice(fresh):
    fresh.snakemake("--dry-run")
    path = fresh.folder / "small.yaml"
    path.write_text(f"{path.read_text()}folds:\n  count: 4\n")
    done = subprocess.run(
        [warm.python(), "-m", "snakemake", "--configfile", "small.yaml", "--dry-run"],
        cwd=fresh.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "small.yaml, line" in done.stdout
    assert "the key 'folds' again" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("place", ["small.yaml", "small.yaml/results", "/dev/null/x"])
def test_results_where_a_file_is(fresh, place):
    fresh.config["results"] = place
    refused(fresh, "which is a file; expected a folder")


def test_a_missing_file_of_pretrained_weights_is_named_before_any_job(fresh):
    folder = fresh.folder / "weights"
    folder.mkdir()
    (folder / "resnet18.a1_in1k.safetensors").touch()
    fresh.config |= {"weights_folder": "weights", "runs": [{"backbone": "resnet18.a2_in1k"}]}
    refused(fresh, "weights_folder", "resnet18.a2_in1k.safetensors", "did you mean 'resnet18.a1_in1k.safetensors'?")
    assert not (fresh.folder / "out" / "photos").exists()
