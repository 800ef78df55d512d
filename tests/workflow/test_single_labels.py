"""Networks of one label each, as the second-place team trained them."""

import pytest

from stylevote.files.tables import read_table
from workflow.checkout import LABELS, RUNS

pytestmark = pytest.mark.slow


def test_a_net_for_each_label_decides_it(fresh):
    fresh.config["runs"] = [{**RUNS[0], "labels": "each"}, {**RUNS[0], "labels": LABELS[:2], "seed": 1}]
    fresh.run("out/submission.csv")
    learned = {}
    for path in (fresh.folder / "out" / "runs").glob("*/fold0/validation.parquet"):
        learned[path.parts[-3]] = read_table(path).columns[2:].tolist()
    assert sorted(map(tuple, learned.values())) == sorted([*((label,) for label in LABELS), tuple(LABELS[:2])])
    members = read_table(fresh.folder / "out" / "ensemble" / "members.parquet")
    assert all(label in learned[run] for label, run in zip(members["label"], members["run"], strict=True))
    assert set(members["label"]) == set(LABELS)
    assert len((fresh.folder / "out" / "submission.csv").read_text().splitlines()) == 1 + 12
