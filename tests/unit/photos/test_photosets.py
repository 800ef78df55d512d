"""Photosets before their photos are decoded: their identity, changed and missing photos."""

import pandas as pd
import pytest

from stylevote.config.label_table import LabelTable
from stylevote.errors import InputError
from stylevote.files.tables import write_table
from stylevote.photos.photosets import Photoset

LABELS = ["sport", "office"]
URLS = ["image,url,sport,office", "1.jpg,http://a/1,0,1", "3.jpg,http://a/3,1,0", "4.jpg,http://a/4,1,0"]


@pytest.fixture
def folder(tmp_path):
    """Three files, two of which have a photo's suffix."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("1.jpg", "2.jpg", "notes.txt"):
        (photos / name).write_text(name)
    return photos


def photoset(folder, lines=None, *, download=False, skip_failed=False, name="test"):
    """A photoset of the folder's photos, with a table of these lines if there are any."""
    table = folder.parent / "table.csv"
    if lines:
        table.write_text("\n".join(lines) + "\n")
    return Photoset(
        name=name,
        photos=str(folder),
        table=LabelTable(file=str(table)) if lines else None,
        download=download,
        skip_failed=skip_failed,
        labels=LABELS,
        manifest=folder.parent / "manifest.parquet",
        mark=str(folder.parent / "downloaded"),
    )


def survey(folder, lines=None, **settings):
    return photoset(folder, lines, **settings).survey()


def test_photos_without_a_table_are_known_by_their_names_and_sizes(folder):
    before = survey(folder).identity
    (folder / "notes.txt").write_text("longer than it was")
    assert survey(folder).identity == before
    (folder / "2.jpg").write_text("larger")
    assert survey(folder).identity != before


def test_a_table_counts_with_the_photos_that_it_names(folder):
    before = survey(folder, ["image,sport,office", "1.jpg,0,1"])
    (folder / "2.jpg").write_text("larger")
    assert survey(folder, ["image,office,sport", "1.jpg,1,0"]) == before
    assert survey(folder, ["image,sport,office", "1.jpg,1,0"]).identity != before.identity
    (folder / "1.jpg").write_text("larger")
    assert survey(folder, ["image,sport,office", "1.jpg,0,1"]).identity != before.identity


def test_photos_that_changed_since_they_were_ingested(folder):
    write_table(pd.DataFrame({"path": ["1.jpg"], "sha256": ["0" * 64]}), folder.parent / "manifest.parquet")
    (folder / "1.jpg").write_text("another")
    assert survey(folder).changed == [f"{folder}/1.jpg"]


def test_photos_are_missing_only_if_they_are_to_be_downloaded(folder):
    assert survey(folder, URLS).missing == []
    missing = survey(folder, URLS, download=True).missing
    assert [(entry.name, entry.url) for entry in missing] == [("3.jpg", "http://a/3"), ("4.jpg", "http://a/4")]


def test_a_download_is_seen_by_its_mark(folder):
    downloading = photoset(folder, URLS, download=True)
    assert len(downloading.to_download()) == 2
    for name in ("3.jpg", "4.jpg"):
        (folder / name).write_text(name)
    (folder.parent / "downloaded").touch()
    assert downloading.to_download() == []


def test_bad_tables_are_refused(folder):
    with pytest.raises(InputError, match=r"table\.csv: no URLs, which photosets\.test\.download needs"):
        survey(folder, ["image,sport,office", "3.jpg,1,0"], download=True)
    with pytest.raises(InputError, match="1 problem in photoset train:"):
        survey(folder, ["image,sport,office", "3.jpg,2,0"], name="train")


def test_photos_that_could_not_be_downloaded_are_left_out(folder):
    def names():
        return [entry.name for entry in photoset(folder, URLS, download=True, skip_failed=True).to_download()]

    assert names() == ["3.jpg", "4.jpg"]
    failed = pd.DataFrame({"image_id": ["3.jpg", "4.jpg"], "url": ["http://a/3", "http://b/4"]})
    write_table(failed, folder.parent / "failed_downloads.parquet")
    assert names() == ["4.jpg"]
    assert len(photoset(folder, URLS, download=True).to_download()) == 2
    assert photoset(folder, skip_failed=True).to_download() == []


def test_photos_lost_after_they_were_ingested_are_refused_unless_they_are_the_target(folder):
    downloading = photoset(folder, URLS, download=True)
    downloading.refuse_lost([])
    manifest = folder.parent / "manifest.parquet"
    columns = {"path": ["1.jpg"], "sha256": ["0" * 64]}
    write_table(pd.DataFrame({"image_id": ["1.jpg"], **columns}), manifest)
    (folder / "1.jpg").touch()
    photoset(folder, URLS, download=True).refuse_lost([])  # they were never there
    write_table(pd.DataFrame({"image_id": ["3.jpg", "4.jpg"], "path": "", "sha256": ""}), manifest)
    with pytest.raises(InputError, match=r"photosets\.test: 2 photos missing after they were ingested, '3\.jpg' first"):
        photoset(folder, URLS, download=True).refuse_lost([])
    photoset(folder, URLS, download=True).refuse_lost([str(folder.parent / "downloaded")])


def test_a_file_that_is_found_by_a_similar_name_counts(folder):
    def identity(name):
        return survey(folder, ["image,sport,office", f"{name},0,1"]).identity

    plain = identity("1.jpg")
    assert identity("1.JPEG")[1] == identity("001")[1] == identity("x/1.png")[1] == plain[1]
    (folder / "1.jpg").write_text("larger")
    assert identity("1.JPEG")[1] != plain[1]
    assert identity("9.jpg")[1] not in (plain[1], identity("1.jpg")[1])
