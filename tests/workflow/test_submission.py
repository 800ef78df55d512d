"""From photos to a submission: the same bytes however it is computed, in the form that was asked for."""

import csv
import os
import re
import subprocess

import pandas as pd
import pyarrow.parquet as pq
import pytest

import warm
from workflow.checkout import LABELS, draw_photo


def read_rows(path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def test_a_row_a_test_photo_in_order(finished):
    header, *rows = read_rows(finished.folder / "out" / "submission.csv")
    assert header == ["image", *LABELS]
    assert [row[0] for row in rows] == [f"{number}.png" for number in range(1000, 1012)]
    assert {cell for row in rows for cell in row[1:]} <= {"0", "1"}


def test_the_last_lines_say_how_good_it_is(finished):
    summary = pq.read_table(finished.folder / "out" / "estimate" / "summary.parquet").to_pandas()
    macro = summary[summary["label"] == "macro"].iloc[0]
    assert summary["label"].tolist() == [*LABELS, "macro"]
    assert macro["nested_f_beta"] == pytest.approx(summary["nested_f_beta"][:3].mean())
    output = finished.printed[-2000:]
    assert f"honest: {macro['nested_f_beta']:.4f}" in output
    assert re.search(rf"naive: +{macro['non_nested_f_beta']:.4f}", output)


def compare(checkout, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command that compares two ensembles."""
    command = [warm.python(), "-m", "stylevote", "compare", *arguments]
    environment = os.environ | {"PYTHONPATH": str(checkout.folder / "workflow_scripts")}
    return subprocess.run(command, cwd=checkout.folder, env=environment, capture_output=True, text=True, check=False)


def test_two_ensembles_are_compared(finished):
    done = compare(finished, "out", "out", "--resamples", "50")
    summary = pq.read_table(finished.folder / "out" / "estimate" / "summary.parquet").to_pandas()
    macro = summary["nested_f_beta"].iloc[-1]
    last = done.stdout.splitlines()[-1].split()
    assert (last[0], last[2:]) == ("macro", [f"{macro:.4f}", f"{macro:.4f}", "0.0000", "0.0000", "0.0000"])
    unknown = compare(finished, "out", "out", "--photoset", "test")
    assert unknown.returncode == 1
    assert unknown.stderr == "error: out: the labels of the photoset 'test' are not known\n"


@pytest.mark.slow
def test_another_checkout_and_another_number_of_cores_give_the_same_bytes(finished, fresh):
    fresh.run(cores=1)
    expected = (finished.folder / "out" / "submission.csv").read_bytes()
    assert (fresh.folder / "out" / "submission.csv").read_bytes() == expected
    votes = "out/predictions/test/votes.parquet"
    pd.testing.assert_frame_equal(
        pq.read_table(fresh.folder / votes).to_pandas(), pq.read_table(finished.folder / votes).to_pandas()
    )


def test_decisions_are_scored_where_there_are_labels(checkout):
    marks = [[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]]
    folder = checkout.folder / "photos" / "labelled"
    folder.mkdir()
    for number, row in enumerate(marks):
        draw_photo(row, 3000 + number).save(folder / f"{number}.png")
    rows = [f"{number}.png," + ",".join(map(str, row)) for number, row in enumerate(marks)]
    table = checkout.folder / "photos" / "labelled.csv"
    table.write_text("\n".join([f"image,{','.join(LABELS)}", *rows]) + "\n")
    checkout.config["photosets"]["labelled"] = {"photos": "photos/labelled", "labels": "photos/labelled.csv"}
    checkout.run("out/predictions/labelled/decisions.csv")
    decided = pd.read_csv(checkout.folder / "out" / "predictions" / "labelled" / "decisions.csv")
    scores = pq.read_table(checkout.folder / "out" / "predictions" / "labelled" / "scores.parquet").to_pandas()
    truth = pd.read_csv(table)
    for label, row in zip(LABELS, scores.itertuples(), strict=False):
        hits = int((decided[label] & truth[label]).sum())
        assert row.positives == 2
        assert row.decided == decided[label].sum()
        assert row.f_beta == pytest.approx(5 * hits / (4 * 2 + row.decided))


@pytest.mark.slow
def test_the_challenges_own_tables_and_form(checkout):
    """`id,url,l0,...` without a header for training, `id,url` for the test, and the headerless submission."""
    photos = checkout.folder / "photos"
    _, *rows = read_rows(photos / "train.csv")
    lines = [f"{name.removesuffix('.png')},http://example.invalid/p/{name},{','.join(marks)}" for name, *marks in rows]
    (photos / "train.csv").write_text("\n".join(lines) + "\n")
    (photos / "test.csv").write_text("".join(f"{n},http://example.invalid/p/{n}.png\n" for n in (1003, 1001, 1002)))
    checkout.config["photosets"]["test"]["labels"] = "photos/test.csv"
    checkout.config["submission"] = "challenge"
    checkout.run()
    rows = read_rows(checkout.folder / "out" / "submission.csv")
    assert [row[0] for row in rows] == ["1003", "1001", "1002"]
    assert all(len(row) == 4 and set(row[1:]) <= {"0", "1"} for row in rows)
