"""A simulated bank goes the whole way of the ensemble, without a photo."""

import numpy as np
import pandas as pd
import pytest

from stylevote.tables import read_table

LABELS = ["sport", "korean"]


@pytest.fixture
def simulated(fresh):
    fresh.config = {
        "results": "out",
        "labels": LABELS,
        "simulation": {"photos": 1500, "test": 800, "members": 6, "epochs": 3, "families": 2, "twins": 3},
        "folds": {"count": 3},
        "stack": {"combiner": "mean"},
    }
    return fresh


def test_a_simulated_bank_decides(simulated):
    printed = simulated.run()
    out = simulated.folder / "out"
    submission = pd.read_csv(out / "submission.csv")
    assert list(submission.columns) == ["image", *LABELS]
    assert len(submission) == 800
    assert np.isin(submission[LABELS], [0, 1]).all()
    truth = read_table(out / "photos" / "test" / "manifest.parquet")
    assert submission["image"].tolist() == truth["image_id"].tolist()
    found = {label: submission.loc[truth[label] == 1, label].mean() for label in LABELS}
    missed = {label: submission.loc[truth[label] == 0, label].mean() for label in LABELS}
    assert all(found[label] > missed[label] + 0.2 for label in LABELS)
    summary = (out / "summary.txt").read_text()
    assert "macro F2, test:" in summary
    assert summary in printed
    assert len(read_table(out / "ensemble" / "honest.parquet")) == len(LABELS) + 1
    # Members 2 and 5 copy 1 and 4.
    for label in LABELS:
        ranking = read_table(out / "ensemble" / "members" / f"{label}.parquet")
        members = set(ranking.loc[ranking["member"] > 0, "run"])
        assert {"member000", "member003"} <= members
        for twins in ({"member001", "member002"}, {"member004", "member005"}):
            assert len(members & twins) == 1
        assert ranking["reason"].str.match(r"correlates 0\.9\d+ with member00[1245]").sum() == 2

    assert simulated.plan() == {}
    simulated.config["simulation"]["members"] = 7
    plan = simulated.plan()
    assert plan["simulate_member"] == 1
    assert "simulate_photos" not in plan
    simulated.config["simulation"]["skill"] = 0.5
    plan = simulated.plan()
    assert plan["simulate_member"] == 7
    assert not {"simulate_photos", "assign_folds"} & plan.keys()
