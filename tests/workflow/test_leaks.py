"""The alarms, as a user calls them, on a simulated ensemble and on one with a member that knows a fold."""

import pandas as pd
import pytest

from stylevote.files.tables import read_table, write_table

pytestmark = pytest.mark.slow

LABELS = ["relax", "korean"]


def test_a_member_that_was_trained_on_a_fold_is_caught(fresh):
    fresh.config = {
        "results": "out",
        "labels": LABELS,
        "simulation": {"photos": 2000, "test": 500, "members": 5, "epochs": 2, "families": 5, "twins": 0},
        "folds": {"count": 3},
        "stack": {"combiner": "mean"},
    }
    output = fresh.run("check_leakage")
    assert "22 checks, 0 alarms" in output
    out = fresh.folder / "out"
    alarms = read_table(out / "estimate" / "leakage.parquet")
    assert alarms.groupby("alarm").size().to_dict() == {
        "error": 5,
        "fold": 5,
        "noise": 2,
        "non_nested": 3,
        "permuted": 2,
        "separation": 5,
    }
    permuted = alarms[alarms["alarm"] == "permuted"]
    assert (permuted["value"] <= permuted["limit"]).all()
    assert (abs(permuted["value"] - permuted["expected"]) < 0.1).all()

    assert fresh.plan("check_leakage") == {}
    path = out / "simulated" / "member003" / "fold1" / "validation.parquet"
    manifest = read_table(out / "photos" / "train" / "manifest.parquet").set_index("image_id")
    predictions = read_table(path)
    for label in LABELS:
        known = manifest.loc[predictions["image_id"], label].to_numpy() == 1
        predictions[label] = predictions[label].where(~known, 1 - 0.05 * (1 - predictions[label]))
    write_table(predictions, path)
    fresh.snakemake("--cores", "2", "--forcerun", "collate_scores", "--", "check_leakage")
    alarms = read_table(out / "estimate" / "leakage.parquet")
    caught = alarms[alarms["raised"]]
    assert pd.MultiIndex.from_frame(caught[["alarm", "subject"]]).tolist() == [("fold", "member003")]
    assert "in fold 1" in caught["meaning"].item()
