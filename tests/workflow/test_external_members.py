"""Predictions that other programs made join the ensemble, and may be all of it."""

import os

import pytest

from stylevote.files.tables import read_table, write_table
from workflow.checkout import RUNS


@pytest.fixture
def alone(checkout):
    """The small workflow with its networks as external members, and no runs."""
    for run in RUNS:
        checkout.export(run["backbone"], f"mine/{run['backbone']}.v1", "test")
    checkout.config["runs"] = []
    checkout.config["members"] = {"external": [f"mine/{run['backbone']}.v1" for run in RUNS]}
    return checkout


@pytest.mark.slow
def test_external_members_decide_as_the_runs_that_they_were(alone):
    before = (alone.folder / "out" / "submission.csv").read_bytes()
    assert not {"train_cnn", "predict_photos", "cache_pixels"} & alone.plan().keys()
    alone.run()
    assert (alone.folder / "out" / "submission.csv").read_bytes() == before
    members = read_table(alone.folder / "out" / "ensemble" / "members.parquet")
    assert set(members["run"]) == {"test_resnet.v1", "test_byobnet.v1"}
    assert alone.plan() == {}
    # Another table from the same program is seen, and a run beside them is trained.
    path = alone.folder / "mine" / "test_resnet.v1" / "fold1" / "validation.parquet"
    table = read_table(path)
    write_table(table.assign(red=1 - table["red"]), path)
    os.utime(path, (1e9, 1e9))
    assert alone.plan()["collate_scores"] == 1
    alone.config["runs"] = [{**RUNS[0], "seed": 5}]
    assert alone.plan()["train_cnn"] == 3


def test_an_external_member_that_cannot_be_used_is_refused(alone):
    path = alone.folder / "mine" / "test_byobnet.v1" / "fold2" / "validation.parquet"
    write_table(read_table(path).iloc[4:], path)
    printed = alone.snakemake("--cores", "1", check=False)
    assert printed.returncode != 0
    assert "mine/test_byobnet.v1/fold2/validation.parquet: 4 rows are missing" in printed.stdout
    assert "Traceback" not in printed.stdout


@pytest.mark.slow
def test_predictions_that_are_gone_are_missed_although_there_are_votes(alone):
    alone.run()
    folder = alone.folder / "mine" / "test_byobnet.v1" / "fold2"
    for photos in ("validation", "test"):
        path = folder / f"{photos}.parquet"
        path.rename(folder / "elsewhere")
        printed = alone.snakemake("--dry-run", check=False)
        assert printed.returncode != 0
        assert f"members.external: mine/test_byobnet.v1/fold2/{photos}.parquet is missing" in printed.stdout
        (folder / "elsewhere").rename(path)
    assert alone.plan() == {}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"external": []}, "`runs` and `members.external` are both empty: add at least one"),
        ({"external": ["a/net", "b/net"]}, "members.external: 'b/net': the folder's name is the member's"),
        ({"external": ["a/my net"]}, "members.external: 'a/my net': the folder's name is the member's"),
    ],
)
def test_members_that_cannot_be_are_told(fresh, members, said):
    fresh.config |= {"runs": [], "members": members}
    assert said in fresh.snakemake("--dry-run", check=False).stdout
