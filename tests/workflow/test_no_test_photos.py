"""Without a photoset `test`, nothing is submitted; estimates, report, card and bundle are what a user gets."""

import pytest

from workflow.checkout import draw_photos


@pytest.mark.slow
def test_all_but_the_submission_is_made(checkout):
    draw_photos(checkout.folder / "new", 3, first=5000)
    del checkout.config["photosets"]["test"]
    (checkout.folder / "out" / "submission.csv").unlink()
    planned = checkout.plan("all", "out/bundle")
    assert "train_cnn" not in planned
    assert "predict_photos" not in planned
    printed = checkout.run("all", "out/bundle", "plan")
    out = checkout.folder / "out"
    assert "macro F2, honest: " in printed
    assert "no photoset `test`: no photo was decided" in printed
    assert "photos decided" not in printed
    assert not (out / "submission.csv").exists()
    report = (out / "report.html").read_text()
    assert "No photo was decided" in report
    assert "test photos" not in report.split("<main", 1)[-1].lower()
    card = (out / "model_card.md").read_text()
    assert "in `train`" in card
    assert "submission.csv" not in card
    checkout.folder.joinpath("photos", "test").rename(checkout.folder / "elsewhere")
    checkout.folder.joinpath("new").rename(checkout.folder / "photos" / "test")  # which a bundle decides
    assert checkout.decided_by("out/bundle").count(b"\n") == 1 + 3
    done = checkout.snakemake("--dry-run", "--", "out/submission.csv", check=False)
    assert done.returncode == 1
    assert "out/submission.csv" in done.stdout
    checkout.config["holdout"] = {"share": 0.2}
    assert checkout.plan("all")["train_cnn"] == 6
