"""The ready configurations, planned without a photo being opened."""

import yaml

from places import REPOSITORY


def test_the_challenge_is_planned_without_opening_a_photo(fresh):
    fresh.config = yaml.safe_load((REPOSITORY / "config" / "jd2018.yaml").read_text())
    photos = fresh.folder / "jd2018"
    for photoset in ("train", "test"):
        (photos / photoset).mkdir(parents=True)
        for number in range(20):
            (photos / photoset / f"{number}.jpg").touch()
    rows = [f"{number}.jpg,http://somewhere/{number}.jpg," + ",".join("0" * 13) for number in range(20)]
    (photos / "train.csv").write_text("\n".join(rows) + "\n")
    plan = fresh.plan()
    assert plan["train_cnn"] == 5 * 96
    assert (plan["segment_photos"], plan["recolor_photos"], plan["draw_contact_sheet"]) == (32, 32, 1)
    assert plan["predict_photos"] == 96
    assert "train_segmenter" not in plan
