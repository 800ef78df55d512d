"""A user's mistake is answered before anything is trained, with the place and without a traceback."""

import shutil


def refused(checkout, *said: str) -> None:
    done = checkout.snakemake("--cores", "2", check=False)
    text = done.stdout + done.stderr
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
    log = (fresh.folder / "out" / "logs" / "ingest_photos" / "train.log").read_text()
    assert "59 photos" in log


def test_a_misspelt_key(fresh):
    fresh.config["tresholds"] = {"method": "exact"}
    refused(fresh, "unknown key 'tresholds'; did you mean 'threshold'?")


def test_a_backbone_that_does_not_exist(fresh):
    fresh.config["runs"] = [{**fresh.config["runs"][0], "backbone": "resnet5O"}]
    done = fresh.snakemake("--cores", "2", check=False)
    assert "backbone 'resnet5O' is not known; did you mean" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_label_too_rare_for_the_folds(fresh):
    rows = (fresh.folder / "photos" / "train.csv").read_text().splitlines()
    few = [rows[0]] + [
        row.rpartition(",")[0] + ("," + ("1" if number < 2 else "0")) for number, row in enumerate(rows[1:])
    ]
    (fresh.folder / "photos" / "train.csv").write_text("\n".join(few) + "\n")
    refused(fresh, "'dark sky / night'", "2")
