"""Photosets before they are read: what they are known by, and which of their photos are missing."""

from pathlib import Path

import pandas as pd
import pytest

from stylevote.errors import InputError
from stylevote.files.tables import write_table
from stylevote.photos.label_tables import Entry
from stylevote.photos.unread import look_at, without_failed

LABELS = ["sport", "office"]


@pytest.fixture
def folder(tmp_path):
    """Three files, two of which have a photo's suffix."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("1.jpg", "2.jpg", "notes.txt"):
        (photos / name).write_text(name)
    return photos


def seen(folder, lines=None, *, download=False, name="test"):
    """Look at the folder's photos, with a table of these lines if there are any."""
    table = folder.parent / "table.csv"
    if lines:
        table.write_text("\n".join(lines) + "\n")
    photoset = {"photos": str(folder), "labels": str(table) if lines else None, "download": download}
    return look_at(name, photoset, LABELS, folder.parent / "manifest.parquet")


def test_photos_without_a_table_are_known_by_their_names_and_sizes(folder):
    before = seen(folder).known_by
    (folder / "notes.txt").write_text("longer than it was")
    assert seen(folder).known_by == before
    (folder / "2.jpg").write_text("larger")
    assert seen(folder).known_by != before


def test_a_table_counts_with_the_photos_that_it_names(folder):
    before = seen(folder, ["image,sport,office", "1.jpg,0,1"])
    (folder / "2.jpg").write_text("larger")
    assert seen(folder, ["image,office,sport", "1.jpg,1,0"]) == before
    assert seen(folder, ["image,sport,office", "1.jpg,1,0"]).known_by != before.known_by
    (folder / "1.jpg").write_text("larger")
    assert seen(folder, ["image,sport,office", "1.jpg,0,1"]).known_by != before.known_by


def test_photos_that_changed_since_they_were_read(folder):
    write_table(pd.DataFrame({"path": ["1.jpg"], "sha256": ["0" * 64]}), folder.parent / "manifest.parquet")
    (folder / "1.jpg").write_text("another")
    assert seen(folder).changed == [f"{folder}/1.jpg"]


def test_photos_are_missing_only_if_they_are_to_be_downloaded(folder):
    lines = ["image,url,sport,office", "1.jpg,http://a/1,0,1", "3.jpg,http://a/3,1,0"]
    assert seen(folder, lines).missing == []
    assert [(entry.name, entry.url) for entry in seen(folder, lines, download=True).missing] == [
        ("3.jpg", "http://a/3")
    ]


def test_bad_tables_are_refused(folder):
    with pytest.raises(InputError, match=r"table\.csv: no URLs, which photosets\.test\.download asks for"):
        seen(folder, ["image,sport,office", "3.jpg,1,0"], download=True)
    with pytest.raises(InputError, match="1 problem in photoset train:"):
        seen(folder, ["image,sport,office", "3.jpg,2,0"], name="train")


def test_photos_that_could_not_be_had_are_left_out(tmp_path):
    missing = [Entry(2, "1.jpg", b"", url="http://a/1"), Entry(3, "2.jpg", b"", url="http://a/2")]
    failures = tmp_path / "failures.parquet"
    assert without_failed(missing, failures) == missing
    write_table(pd.DataFrame({"image_id": ["1.jpg", "2.jpg"], "url": ["http://a/1", "http://b/2"]}), failures)
    assert without_failed(missing, failures) == missing[1:]
    assert without_failed([], Path()) == []
