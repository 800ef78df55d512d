"""What a folder holds, by names, sizes and contents."""

import hashlib
import os
import shutil
import time

import numpy as np
import pandas as pd
import pytest

from stylevote.config.identity import file_sha256
from stylevote.errors import InputError
from stylevote.files.tables import write_table
from stylevote.photos.listing import (
    changed_photos,
    list_files,
    names_and_contents,
    names_and_sizes,
    note_reading,
    quick_fingerprint,
    second_of,
)

BEFORE, AFTER = 1e9, 4e9  # seconds: long ago, and in the year 2096


@pytest.fixture
def folder(tmp_path):
    """A folder of three files, one in a folder of its own."""
    photos = tmp_path / "photos"
    (photos / "inside").mkdir(parents=True)
    for name in ("b.jpg", "a.jpg", "inside/c.png"):
        (photos / name).write_text(name)
    return photos


@pytest.fixture
def manifest(folder, tmp_path):
    """A manifest of the folder that is younger than all its files."""
    path = tmp_path / "manifest.parquet"
    names = ["a.jpg", "b.jpg", "inside/c.png"]
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    write_table(pd.DataFrame({"path": names, "sha256": digests}), path)
    os.utime(path, (AFTER, AFTER))
    return path


def changed(folder, manifest):
    return changed_photos(str(folder), list_files(str(folder)), manifest)


def test_regular_files_that_are_not_hidden_are_listed_with_their_sizes(folder):
    (folder / ".hidden").touch()
    (folder / "nowhere.jpg").symlink_to("gone.jpg")
    (folder / "link.jpg").symlink_to("a.jpg")
    os.mkfifo(folder / "pipe.jpg")
    found = [(file.path, file.size) for file in list_files(str(folder))]
    assert found == [("a.jpg", 5), ("b.jpg", 5), ("inside/c.png", 12), ("link.jpg", 5)]
    assert list_files(str(folder / "gone")) == []


def test_only_named_files_count_with_or_without_their_suffix(folder):
    assert [file.path for file in list_files(str(folder), {"a", "c.png", "inside"})] == ["a.jpg", "inside/c.png"]


def test_digests_know_names_sizes_and_contents_and_not_the_place(folder, tmp_path):
    sizes = names_and_sizes(list_files(str(folder)))
    contents = names_and_contents(str(folder), list_files(str(folder)))
    (folder / "a.jpg").write_text("A.JPG")
    assert names_and_sizes(list_files(str(folder))) == sizes
    assert names_and_contents(str(folder), list_files(str(folder))) != contents
    (folder / "a.jpg").write_text("a.jpg")
    moved = folder.rename(tmp_path / "moved")
    assert names_and_sizes(list_files(str(moved))) == sizes
    assert names_and_contents(str(moved), list_files(str(moved))) == contents
    (moved / "a.jpg").rename(moved / "d.jpg")
    assert names_and_sizes(list_files(str(moved))) != sizes
    (moved / "d.jpg").rename(moved / "a.jpg")
    (moved / "a.jpg").write_text("longer")
    assert names_and_sizes(list_files(str(moved))) != sizes


def test_before_there_is_a_manifest_nothing_has_changed(folder, tmp_path):
    assert changed(folder, tmp_path / "manifest.parquet") == []


def test_only_what_changed_after_it_was_read_is_read_again(folder, manifest):
    (folder / "a.jpg").write_text("other")
    os.utime(manifest, (BEFORE, BEFORE))
    note_reading(manifest, folder, time.time() + 0.5)
    time.sleep(0.6)
    assert changed(folder, manifest) == []
    note_reading(manifest, folder, BEFORE)
    assert changed(folder, manifest) == [f"{folder}/a.jpg"]


def test_a_change_is_seen_after_everything_was_touched_or_copied(folder, manifest, tmp_path):
    note_reading(manifest, folder, second_of(tmp_path))
    os.utime(manifest, (BEFORE, BEFORE))
    time.sleep(0.05)
    (folder / "a.jpg").write_text("other")
    os.utime(folder / "a.jpg", (AFTER, AFTER))
    os.utime(manifest.with_name("unchanged"), (AFTER, AFTER))
    assert changed(folder, manifest) == [f"{folder}/a.jpg"]
    os.utime(manifest, (AFTER - 1, AFTER - 1))
    assert changed(folder, manifest) == [f"{folder}/a.jpg"]
    copy = shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name} copied"))
    assert changed(copy / "photos", copy / "manifest.parquet") == [f"{copy}/photos/a.jpg"]


def test_photos_of_another_folder_are_read_though_all_are_older_than_the_note(folder, manifest, tmp_path):
    note_reading(manifest, folder, AFTER)
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "a.jpg").write_text("A.JPG")
    os.utime(other / "a.jpg", (AFTER + 1, AFTER + 1))
    assert changed(folder, manifest) == []
    assert changed(other, manifest) == [f"{other}/a.jpg"]


def test_a_photo_that_cannot_be_read_is_named(folder, manifest, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("stylevote.photos.listing.file_sha256", refuse)
    os.utime(manifest, (BEFORE, BEFORE))
    with pytest.raises(InputError, match=r"a\.jpg: cannot be read \(Permission denied\)"):
        changed(folder, manifest)
    with pytest.raises(InputError, match=r"a\.jpg: cannot be read \(Permission denied\)"):
        names_and_contents(str(folder), list_files(str(folder)))


@pytest.mark.parametrize("place", [0, 65_000, 75_000, -1])
def test_a_fingerprint_tells_tables_and_weights_apart_whatever_their_time_stamps(tmp_path, place):
    first, second = tmp_path / "first", tmp_path / "second"
    content = bytearray(np.random.default_rng(0).bytes(140_000))
    first.write_bytes(content)
    content[place] ^= 1
    second.write_bytes(content)
    os.utime(second, (BEFORE, BEFORE))
    assert quick_fingerprint([first]) == quick_fingerprint([shutil.copy(first, tmp_path / "third")])
    assert quick_fingerprint([first]) != quick_fingerprint([second])
    assert quick_fingerprint([first, second]) != quick_fingerprint([second, first])
    assert quick_fingerprint([first, tmp_path / "gone"]) != quick_fingerprint([first])


def test_touched_photos_are_read_once(folder, manifest, monkeypatch):
    os.utime(manifest, (BEFORE, BEFORE))
    read = []
    monkeypatch.setattr("stylevote.photos.listing.file_sha256", lambda path: read.append(path) or file_sha256(path))
    assert changed(folder, manifest) == []
    assert len(read) == 3
    assert changed(folder, manifest) == []
    assert len(read) == 3


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "9999999999"])
def test_a_damaged_note_or_one_of_times_to_come_hides_no_change(folder, manifest, text):
    os.utime(manifest, (BEFORE, BEFORE))
    manifest.with_name("unchanged").write_text(text)
    (folder / "a.jpg").write_text("other")
    assert changed(folder, manifest) == [f"{folder}/a.jpg"]


def test_photos_that_the_manifest_does_not_know_do_not_count(folder, manifest):
    (folder / "new.jpg").touch()
    os.utime(manifest, (BEFORE, BEFORE))
    assert changed(folder, manifest) == []


def test_a_change_behind_an_old_time_stamp_is_refused(folder, manifest):
    os.utime(manifest, (BEFORE + 5, BEFORE + 5))
    (folder / "b.jpg").write_text("other")
    os.utime(folder / "b.jpg", (BEFORE, BEFORE))
    with pytest.raises(InputError, match=r"b\.jpg: its bytes changed.*touch"):
        changed(folder, manifest)


def test_a_manifest_that_cannot_be_read_is_no_matter_of_the_photos(folder, manifest):
    pd.read_parquet(manifest).to_parquet(manifest)  # as an earlier version wrote it
    os.utime(manifest, (BEFORE, BEFORE))
    (folder / "a.jpg").write_text("other")
    assert changed(folder, manifest) == []
