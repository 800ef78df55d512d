"""Folds: equal shares of every label, near-duplicates together, the same again from the same seed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stylevote.photos import folds as folds_module
from stylevote.photos.folds import assign_folds, positives_by_fold, stratify
from stylevote.program import InputError
from stylevote.tables import label_matrix

PROGRAM = Path(__file__).parents[3] / "workflow_scripts" / "assign_folds.py"
LABELS = ["common", "usual", "rare", "rarest"]


def manifest_of(values, group=None, labels=LABELS):
    table = pd.DataFrame(np.asarray(values, dtype=np.uint8), columns=labels)
    table.insert(0, "image_id", [f"{k}.jpg" for k in range(len(table))])
    table.insert(1, "group", np.arange(len(table)) if group is None else group)
    return table


@pytest.fixture
def manifest():
    """600 photos; labels at 60, 20, 3 and 1 %; every tenth photo has a near-duplicate elsewhere in the table."""
    generator = np.random.default_rng(3)
    values = generator.random((600, 4)) < [0.6, 0.2, 0.03, 0.0]
    values[generator.choice(540, 6, replace=False), 3] = True
    group = np.arange(600)
    group[540:] = np.arange(60) * 9
    return manifest_of(values, group)


def spread(values, folds, count=5):
    """Mean over labels of the standard deviation over folds of the share of positives that a fold holds."""
    counts = positives_by_fold(values, folds, count)
    return (counts / counts.sum(axis=0)).std(axis=0).mean()


def test_folds_have_equal_shares(manifest):
    table = assign_folds(manifest, LABELS, 5, 1)
    assert table.columns.tolist() == ["image_id", "fold"]
    assert table["image_id"].tolist() == manifest["image_id"].tolist()
    assert table["fold"].dtype == np.int16
    assert table["fold"].value_counts().between(100, 140).all()
    values = label_matrix(manifest, LABELS)
    plain = [np.random.default_rng(seed).permutation(600) % 5 for seed in range(10)]
    assert spread(values, table["fold"].to_numpy()) < 0.5 * np.mean([spread(values, folds) for folds in plain])
    assert positives_by_fold(values, table["fold"].to_numpy(), 5).min() >= 1


def test_near_duplicates_share_a_fold(manifest):
    table = assign_folds(manifest, LABELS, 5, 1)
    assert table["fold"].groupby(manifest["group"].to_numpy()).nunique().eq(1).all()
    assert manifest["group"].nunique() < len(manifest)


def test_a_group_counts_with_the_labels_of_all_its_photos():
    manifest = manifest_of([[1, 0], [0, 1]] * 6, np.repeat(np.arange(6), 2), ["a", "b"])
    folds = assign_folds(manifest, ["a", "b"], 6, 1)["fold"].to_numpy()
    assert sorted(folds[::2]) == list(range(6))
    assert (folds[::2] == folds[1::2]).all()


def test_the_seed_alone_decides(manifest):
    first = assign_folds(manifest, LABELS, 5, 1)
    pd.testing.assert_frame_equal(first, assign_folds(manifest, LABELS, 5, 1))
    assert (first["fold"] != assign_folds(manifest, LABELS, 5, 2)["fold"]).any()


def test_one_label():
    manifest = manifest_of([[1]] * 7 + [[0]] * 30, labels=["only"])
    table = assign_folds(manifest, ["only"], 5, 1)
    counts = positives_by_fold(label_matrix(manifest, ["only"]), table["fold"].to_numpy(), 5)
    assert sorted(counts[:, 0]) == [1, 1, 1, 2, 2]


def test_too_few_positives_name_label_and_counts():
    manifest = manifest_of([[1, 0]] * 20 + [[1, 1]] * 4, np.r_[np.arange(22), 20, 21], ["a", "b"])
    with pytest.raises(InputError) as caught:
        assign_folds(manifest, ["a", "b"], 3, 1)
    title, line = str(caught.value).splitlines()
    assert title == "some folds have no positive photo of a label:"
    name, _, rest = line.partition(": ")
    assert name == "label 'b'"
    counts, _, rest = rest.partition(" positives in the 3 folds ")
    assert sorted(counts.split(", ")) == ["0", "2", "2"]
    assert rest == (
        "(2 distinct positives, near-duplicates counted once);"
        " use fewer folds, add photos or merge the label with another"
    )


def test_a_division_with_an_empty_fold_is_drawn_again(monkeypatch):
    tried = []

    def unlucky(positives, count, seed):
        tried.append(seed)
        return np.zeros(len(positives), dtype=int) if len(tried) < 3 else stratify(positives, count, seed)

    monkeypatch.setattr(folds_module, "stratify", unlucky)
    table = assign_folds(manifest_of([[1, 0], [0, 1]] * 5, labels=["a", "b"]), ["a", "b"], 5, 8)
    assert tried == [[8, 0], [8, 1], [8, 2]]
    assert table["fold"].nunique() == 5


def run_program(manifest, tmp_path, count):
    manifest.to_parquet(tmp_path / "manifest.parquet")
    spec = json.dumps({"labels": LABELS, "count": count, "seed": 1})
    paths = ["--manifest", tmp_path / "manifest.parquet", "--output", tmp_path / "folds.parquet"]
    command = [sys.executable, PROGRAM, "--spec", spec, *paths]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def test_program(manifest, tmp_path):
    done = run_program(manifest, tmp_path, 5)
    assert done.returncode == 0
    assert "rarest" in done.stderr
    assert "fold 4" in done.stderr
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "folds.parquet"), assign_folds(manifest, LABELS, 5, 1))


def test_program_ends_with_the_message(manifest, tmp_path):
    done = run_program(manifest, tmp_path, 9)
    assert done.returncode == 1
    assert "error: some folds have no positive photo of a label:\nlabel 'rarest': " in done.stderr
    assert "Traceback" not in done.stderr
