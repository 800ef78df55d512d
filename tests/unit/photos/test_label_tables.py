"""What a label table says, however it is written."""

from pathlib import Path

import pytest

from stylevote.config.label_table import LabelTable
from stylevote.photos.label_tables import content_digest, file_names, read_label_table

LABELS = ["red", "round, or so"]
TEXT = 'image,red,"round, or so"\nb.jpg,1,0\nfolder/a.jpg,0,1\n'


def said(path: Path, labels: list[str] = LABELS) -> str:
    found, entries, problems = read_label_table(LabelTable(file=str(path)), labels, True)
    assert problems == []
    return content_digest(found, entries)


@pytest.fixture
def table(tmp_path):
    """A table of two photos and two labels."""
    path = tmp_path / "labels.csv"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [("b.jpg,1,0", "b.jpg,1,1"), ("b.jpg", "c.jpg"), ("b.jpg,1,0\nfolder/a.jpg,0,1", "folder/a.jpg,0,1\nb.jpg,1,0")],
)
def test_another_label_name_or_order_means_something_else(table, tmp_path, old, new):
    other = tmp_path / "other.csv"
    other.write_text(TEXT.replace(old, new))
    assert said(other) != said(table)


def test_labels_that_are_renamed_mean_something_else(table, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(TEXT.replace("red", "crimson"))
    assert said(other, ["crimson", LABELS[1]]) != said(table)


def test_files_may_have_either_form_of_unicode_and_lie_in_folders(table, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(TEXT.replace("b.jpg", "caf\u00e9.jpg"))
    _, entries, _ = read_label_table(LabelTable(file=str(other)), LABELS, True)
    assert {"caf\u00e9.jpg", "cafe\u0301.jpg", "a.jpg"} <= file_names(entries)


def test_a_file_of_the_challenge_may_be_named_by_its_url(tmp_path):
    path = tmp_path / "challenge.csv"
    path.write_text("7,http://somewhere/photos/abc.jpg?size=2,1,0\n")
    _, entries, problems = read_label_table(LabelTable(file=str(path)), LABELS, True)
    assert problems == []
    assert {"7", "abc.jpg"} <= file_names(entries)
