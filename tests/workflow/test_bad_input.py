"""A user's mistake is answered before anything is trained, with the place and without a traceback."""

import os
import shutil
from pathlib import Path

from stylevote.tables import read_table


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
    (fresh.folder / "photos" / "train" / "0009.png").write_bytes(b"")
    refused(fresh, "problems in photoset train:", "train.csv, row 5", "train.csv, row 9", "0009.png")


def test_a_training_photo_among_the_test_photos(fresh):
    shutil.copyfile(fresh.folder / "photos" / "train" / "0004.png", fresh.folder / "photos" / "test" / "copy.png")
    refused(fresh, "copy.png", "0004.png")


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


def test_a_backbone_that_does_not_exist(fresh):
    fresh.config["runs"] = [{**fresh.config["runs"][0], "backbone": "resnet5O"}]
    done = fresh.snakemake("--cores", "2", check=False)
    assert "runs[0].backbone: 'resnet5O' is not known; did you mean 'ResNet50'?" in done.stdout
    fresh.config["runs"] = [{**fresh.config["runs"][0], "backbone": "resnet51"}]
    done = fresh.snakemake("--cores", "2", check=False)
    assert "backbone 'resnet51' is not known; did you mean" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_label_too_rare_for_the_folds(fresh):
    rows = (fresh.folder / "photos" / "train.csv").read_text().splitlines()
    few = [rows[0]] + [
        row.rpartition(",")[0] + ("," + ("1" if number < 2 else "0")) for number, row in enumerate(rows[1:])
    ]
    (fresh.folder / "photos" / "train.csv").write_text("\n".join(few) + "\n")
    refused(fresh, "'dark sky / night'", "2")
