"""What it cost, from benchmark files and files' sizes."""

import os
from types import SimpleNamespace

import pytest

from stylevote.errors import InputError
from stylevote.report import costs
from stylevote.report.costs import disk_use, job_costs

HEAD = "s\th:m:s\tmax_rss\tmax_vms\n"


def put(folder, path, text) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def test_jobs_of_a_rule_add_up_and_those_of_other_configurations_do_not_count(tmp_path):
    put(tmp_path, "train_cnn/run-a/fold0.tsv", f"{HEAD}1800.0\t0:30:00\t2000.0\t1\n")
    put(tmp_path, "train_cnn/run-a/fold1.tsv", f"{HEAD}5400.0\t1:30:00\t3000.0\t1\n")
    put(tmp_path, "train_cnn/run-gone/fold1.tsv", f"{HEAD}5400.0\t1:30:00\t9000.0\t1\n")
    put(tmp_path, "train_cnn/run-a/fold2.tsv", f"{HEAD}5400.0\t1:30:00\t9000.0\t1\n")  # of three folds there were
    put(tmp_path, "cache_pixels/train/224.tsv", f"{HEAD}36.0\t0:00:36\t-\t-\n")
    put(tmp_path, "assign_folds.tsv", f"{HEAD}3600.0\t1:00:00\t100.0\t1\n")
    rules = [tmp_path / name for name in ("assign_folds", "cache_pixels", "train_cnn")]
    found = job_costs(rules, ["run-a|run-b", "train|test", "0|1", "224"]).set_index("rule")
    assert list(found.index) == ["train_cnn", "assign_folds", "cache_pixels"]
    assert found["jobs"].tolist() == [2, 1, 1]
    assert found["hours"].tolist() == pytest.approx([2, 1, 0.01])
    assert found["gigabytes"].tolist() == pytest.approx([3, 0.1, float("nan")], nan_ok=True)


def test_no_benchmarks_cost_nothing_known(tmp_path):
    assert job_costs([tmp_path / "none"], []).empty


def test_a_damaged_benchmark_is_named(tmp_path):
    put(tmp_path, "assign_folds.tsv", "nothing\nof this\n")
    with pytest.raises(InputError, match=r"assign_folds\.tsv: not a benchmark"):
        job_costs([tmp_path / "assign_folds"], [])


def test_the_disk_is_counted_by_folder_and_links_are_not_followed(tmp_path):
    put(tmp_path, "runs/a/fold0/weights.bin", "x" * 300)
    put(tmp_path, "runs/b.bin", "x" * 100)
    put(tmp_path, "summary.txt", "x" * 50)
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    put(tmp_path, ".aside/0", "x" * 50)  # another name of a file that is being replaced
    assert dict(disk_use(tmp_path).to_numpy().tolist()) == {"runs": 400, "summary.txt": 50}


def test_a_file_that_vanishes_while_the_disk_is_counted_counts_nothing(tmp_path, monkeypatch):
    put(tmp_path, "summary.txt", "x" * 50)
    put(tmp_path, "gone.txt", "x" * 50)

    def walk(folder):
        found = list(os.walk(folder))
        (tmp_path / "gone.txt").unlink()
        return found

    monkeypatch.setattr(costs, "os", SimpleNamespace(walk=walk, lstat=os.lstat))
    assert dict(disk_use(tmp_path).to_numpy().tolist()) == {"summary.txt": 50}
