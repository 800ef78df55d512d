"""Ingest: every form of table and photo that is taken, and the exact message for everything that is not."""

import io
import logging
import os
import struct
import unicodedata
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from programs import call
from stylevote.config.label_table import LabelTable
from stylevote.errors import InputError
from stylevote.files.tables import UNKNOWN, write_table
from stylevote.photos import ingest, label_tables, table_reader, table_rows
from stylevote.photos.decoding import MAX_BYTES
from stylevote.photos.ingest import shared_photos
from stylevote.photos.near_duplicates import thumbnail
from stylevote.photos.problems import Problem, problem_report

LABELS = ["sport", "street"]
COLUMNS = ["image_id", "path", "width", "height", "sha256", "pixel_range", "group", *LABELS]
VALUES = [(1, 0), (0, 1), (1, 1), (1, 0), (0, 1)]


def drawn(seed, size=(48, 64)):
    """A photo of coloured blotches that differs from that of any other seed."""
    blotches = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC)


def ingest_photos(photos, table, labels, **settings):
    """Ingest photos with a table at a path, or with its description, or without a table."""
    if isinstance(table, Path):
        table = LabelTable(file=str(table))
    return ingest.ingest_photos(photos, table, labels, **settings)


@pytest.fixture
def photos(tmp_path):
    """A folder of five photos: 0.jpg to 4.jpg."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(5):
        drawn(seed).save(folder / f"{seed}.jpg")
    return folder


def lines_of_table():
    """A good table of the five photos."""
    return ["image,sport,street", *(f"{k}.jpg,{sport},{street}" for k, (sport, street) in enumerate(VALUES))]


@pytest.fixture
def table(tmp_path):
    """Writes a table of the given lines and returns its path."""

    def write(lines, name="labels.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def problems(photos, table, labels=LABELS, **settings):
    """The lines of the message, without the title."""
    settings = {"folds": 2, **settings}
    with pytest.raises(InputError) as caught:
        ingest_photos(photos, table, labels, **settings)
    title, *lines = str(caught.value).splitlines()
    count = len(lines)
    expected = f"{count} problem{'s' if count != 1 else ''} in photoset {settings.get('photoset', 'train')}:"
    assert title == expected
    return lines


def png_header(width, height):
    """A PNG whose header promises a size, with nothing behind it."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


# ---- what is taken


def test_manifest_of_a_good_photoset(photos, table, caplog):
    caplog.set_level(logging.INFO)
    order = [0, 3, 1, 4, 2]
    lines = lines_of_table()
    manifest, quarantine, _ = ingest_photos(photos, table([lines[0], *(lines[1 + k] for k in order)]), LABELS)
    assert manifest.columns.tolist() == COLUMNS
    assert manifest["image_id"].tolist() == manifest["path"].tolist() == [f"{k}.jpg" for k in order]
    assert list(map(tuple, manifest[LABELS].to_numpy())) == [VALUES[k] for k in order]
    assert manifest["group"].tolist() == [0, 1, 2, 3, 4]
    assert set(manifest["width"]) == {48}
    assert set(manifest["height"]) == {64}
    assert manifest["sha256"].str.len().eq(64).all()
    assert manifest[LABELS].dtypes.eq(np.uint8).all()
    assert manifest["group"].dtype == np.int64
    assert quarantine.columns.tolist() == ["image_id", "path", "row", "problem", "bad"]
    assert quarantine.empty
    assert "5 photos, 2 labels, 0 groups of near-duplicates" in caplog.messages


def test_challenge_form(photos, table):
    lines = [f"{k},https://img.example.com/a/{k}.jpg,{sport},{street}" for k, (sport, street) in enumerate(VALUES)]
    lines[3] = "p77,https://img.example.com/a/3.jpg?size=9,1,0"
    manifest, *_ = ingest_photos(photos, table(lines), LABELS)
    assert manifest["image_id"].tolist() == ["0", "1", "2", "p77", "4"]
    assert manifest["path"].tolist() == [f"{k}.jpg" for k in range(5)]
    assert list(map(tuple, manifest[LABELS].to_numpy())) == VALUES


def test_challenge_form_a_photo_is_not_that_of_another_row_whose_name_its_url_ends_in(photos, table):
    path = table(
        ["0,https://img.example.com/0.jpg", "7,https://img.example.com/3.jpg", "3,https://img.example.com/9.jpg"]
    )
    reasons = {"7": "404 Not Found", "0": "of a former call"}
    expected = f"{path}, row 2: '7': no such file in {photos}; it could not be downloaded: 404 Not Found"
    assert problems(photos, path, photoset="test", reasons=reasons) == [expected]
    manifest, quarantine, _ = ingest_photos(photos, path, LABELS, photoset="test", on_bad_photo="skip", reasons=reasons)
    assert manifest["path"].tolist() == ["0.jpg", "3.jpg"]
    assert quarantine["problem"].tolist() == [expected]


def test_challenge_form_without_labels(photos, table):
    lines = [f"{k},https://img.example.com/{k}.jpg" for k in (4, 2)]
    manifest, *_ = ingest_photos(photos, table(lines), LABELS, photoset="test")
    assert manifest["path"].tolist() == ["4.jpg", "2.jpg"]
    assert manifest.columns[-1] == "group"


def test_challenge_form_with_other_labels(photos, table):
    path = table([f"{k},https://img.example.com/{k}.jpg,0,1,1" for k in range(5)])
    expected = "expected id, url and the 2 labels of the configuration in their order"
    assert problems(photos, path) == [f"{path}, row 1: found id, url and 3 columns of labels, {expected}"]
    path = table([f"{k},https://img.example.com/{k}.jpg" for k in range(5)])
    assert problems(photos, path) == [f"{path}, row 1: found id, url and 0 columns of labels, {expected}"]


def test_label_columns_in_any_order(photos, table):
    lines = ["file,street,sport", *(f"{k}.jpg,{street},{sport}" for k, (sport, street) in enumerate(VALUES))]
    manifest, *_ = ingest_photos(photos, table(lines), LABELS)
    assert manifest.columns[-2:].tolist() == LABELS
    assert list(map(tuple, manifest[LABELS].to_numpy())) == VALUES


def test_label_in_another_unicode_form(photos, table):
    label = unicodedata.normalize("NFC", "décontracté")
    lines = [f"file,{unicodedata.normalize('NFD', label)}", *(f"{k}.jpg,{k % 2}" for k in range(5))]
    manifest, *_ = ingest_photos(photos, table(lines), [label])
    assert manifest[label].tolist() == [0, 1, 0, 1, 0]


def test_other_photosets_need_no_labels_and_no_positives(photos, table):
    manifest, *_ = ingest_photos(photos, table(["file", "1.jpg", "0.jpg"]), LABELS, photoset="test")
    assert manifest["image_id"].tolist() == ["1.jpg", "0.jpg"]
    assert not set(LABELS) & set(manifest)
    manifest, *_ = ingest_photos(photos, table(["file,sport,street", "1.jpg,0,0"]), LABELS, photoset="test")
    assert manifest[LABELS].to_numpy().tolist() == [[0, 0]]


def test_folder_without_table(photos, caplog):
    caplog.set_level(logging.INFO)
    (photos / "more").mkdir()
    drawn(9).save(photos / "more" / "0.PNG")
    (photos / "readme.txt").write_text("no photo")
    (photos / ".hidden.jpg").write_text("no photo")
    manifest, *_ = ingest_photos(photos, None, LABELS, photoset="test")
    assert manifest["image_id"].tolist() == [*(f"{k}.jpg" for k in range(5)), "more/0.PNG"]
    assert f"1 file ignored in {photos}: not photos by their suffix" in caplog.messages


def test_names_are_looked_up_by_path_then_by_stem(photos, table):
    (photos / "more").mkdir()
    drawn(9).save(photos / "more" / "0.jpg")
    drawn(10).save(photos / "more" / "x.v2.png")
    (photos / "1.txt").write_text("beside the photo")
    for name, path in {
        "more/0.jpg": "more/0.jpg",
        "./0.jpg": "0.jpg",
        "1": "1.jpg",
        "x.v2": "more/x.v2.png",
        "more/x.v2": "more/x.v2.png",
        "more\\x.v2.png": "more/x.v2.png",
    }.items():
        manifest, *_ = ingest_photos(photos, table(["file", name]), LABELS, photoset="test")
        assert manifest[["image_id", "path"]].to_numpy().tolist() == [[name, path]]


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_non_ascii_names(photos, table, stored, written):
    name = "Zoë, 时尚 #1.jpg"
    drawn(7).save(photos / unicodedata.normalize(stored, name))
    given = unicodedata.normalize(written, name)
    manifest, *_ = ingest_photos(photos, table(["file,url", f'"{given}",']), LABELS, photoset="test")
    assert manifest["image_id"].tolist() == [given]
    assert manifest["path"].tolist() == [unicodedata.normalize(stored, name)]


def test_width_and_height_are_those_after_orientation(photos):
    exif = Image.Exif()
    exif[0x0112] = 6
    drawn(3, (800, 600)).save(photos / "turned.jpg", exif=exif)
    manifest, *_ = ingest_photos(photos, None, LABELS, photoset="test")
    assert manifest.set_index("path").loc["turned.jpg", ["width", "height"]].tolist() == [600, 800]


# ---- what is not


def spoil_row(row, text):
    """A change of the good table: another text at a line (from 1)."""
    return lambda lines: [*lines[: row - 1], text, *lines[row:]]


TABLE_FAULTS = {
    "missing file": (spoil_row(3, "gone.jpg,0,1"), [", row 3: 'gone.jpg': no such file in {photos}"]),
    "other value": (spoil_row(4, "2.jpg,2,1"), [", row 4: '2.jpg': label 'sport' is '2', expected 0 or 1"]),
    "no value": (
        spoil_row(4, "2.jpg,1,"),
        [
            ", row 4: '2.jpg': label 'street' is empty, expected 0 or 1",
            ": if it is meant so, describe it in the configuration: labels: {{file: {path}, values: {{'': unknown}}}}",
        ],
    ),
    "NaN": (
        spoil_row(4, "2.jpg,nan,1"),
        [
            ", row 4: '2.jpg': label 'sport' is 'nan', expected 0 or 1",
            ": if it is meant so, describe it in the configuration: labels: {{file: {path}, values: {{nan: unknown}}}}",
        ],
    ),
    "name twice": (lambda lines: [*lines, "1.jpg,0,1"], [", row 7: name '1.jpg' is already in row 3"]),
    "file twice": (
        lambda lines: [*lines, "1,0,1"],
        [", row 7: '1' is the file '1.jpg', which row 3 names already"],
    ),
    "no name": (lambda lines: [*lines, ",0,1"], [", row 7: the name of the photo is empty"]),
    "too few fields": (spoil_row(2, "0.jpg,1"), [", row 2: 2 fields, expected 3"]),
    "too many fields": (spoil_row(2, "0.jpg,1,0,0"), [", row 2: 4 fields, expected 3"]),
    "open quote": (lambda lines: [*lines, '"0.jpg,1,0'], [", row 7: 1 field, expected 3"]),
    "control characters": (
        spoil_row(3, "\x1b[31mred\u202e.jpg,0,1"),
        [", row 3: '\\x1b[31mred\\u202e.jpg': no such file in {photos}"],
    ),
    "header missing": (
        lambda lines: lines[1:],
        [", row 1: expected a header with the names of the columns, found values"],
    ),
}


@pytest.mark.parametrize("fault", TABLE_FAULTS)
def test_faults_of_a_row(photos, table, fault):
    spoil, expected = TABLE_FAULTS[fault]
    path = table(spoil(lines_of_table()))
    assert problems(photos, path) == [f"{path}{text.format(photos=photos, path=path)}" for text in expected]


@pytest.mark.parametrize(
    "name",
    ["../0.jpg", "a/../0.jpg", "..\\0.jpg", "/etc/passwd", "\\0.jpg", "C:\\0.jpg", "c:0.jpg", "\\\\host\\share\\0.jpg"],
)
def test_names_that_lead_outside(photos, table, name):
    path = table(spoil_row(6, f"{name},0,1")(lines_of_table()))
    text = f"{name!r} leads outside the folder, expected a path relative to it and without '..'"
    assert problems(photos, path) == [f"{path}, row 6: {text}"]


def test_links_that_lead_outside(photos, table, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    drawn(11).save(elsewhere / "secret.jpg")
    (photos / "link.jpg").symlink_to(elsewhere / "secret.jpg")
    (photos / "linked").symlink_to(elsewhere)
    (photos / "same.jpg").symlink_to(photos / "0.jpg")
    path = table(["file", "link.jpg", "linked/secret.jpg", "same.jpg"])
    assert problems(photos, path, photoset="test") == [
        f"{path}, row 2: 'link.jpg' leads outside the folder by a symbolic link",
        f"{path}, row 3: 'linked/secret.jpg' leads outside the folder by a symbolic link",
    ]
    assert problems(photos, None, photoset="test") == [
        f"'{photos}/link.jpg': a symbolic link that leads outside the folder",
        f"'{photos}/linked': a symbolic link that leads outside the folder",
    ]


def test_ambiguous_name(photos, table):
    drawn(8).save(photos / "3.png")
    path = table(spoil_row(5, "3,1,0")(lines_of_table()))
    assert problems(photos, path) == [f"{path}, row 5: '3' could be any of '3.jpg', '3.png'; expected the path of one"]


HEADERS = {
    "image,sport,Streets": [
        "unknown column 'Streets', expected labels, url or group; did you mean 'street'?",
        "no column for label 'street'",
    ],
    "image,sport,xyz": ["unknown column 'xyz', expected labels, url or group", "no column for label 'street'"],
    "image,sport,sport": ["column of label 'sport' is there 2 times, expected one", "no column for label 'street'"],
}


@pytest.mark.parametrize("header", HEADERS)
def test_faults_of_the_header(photos, table, header):
    path = table(spoil_row(1, header)(lines_of_table()))
    assert problems(photos, path) == [f"{path}, row 1: {text}" for text in HEADERS[header]]


def test_labelled_photoset_without_label_column(photos, table):
    path = table(["image", "0.jpg"])
    expected = [f"{path}, row 1: no column for label '{label}'" for label in LABELS]
    assert problems(photos, path) == expected
    assert problems(photos, None)[0] == (
        f"{photos}: found no label table, expected one with a column for each of 'sport', 'street'"
    )


def test_parquet_faults(photos, tmp_path):
    path = tmp_path / "labels.parquet"
    frame = pd.DataFrame({"f": [f"{k}.jpg" for k in range(4)], "sport": [1, 1, None, 3], "steet": [1, 1, 0, 0]})
    frame.to_parquet(path)
    assert problems(photos, path) == [
        f"{path}, row 3: '2.jpg': label 'sport' is empty, expected 0 or 1",
        f"{path}, row 4: '3.jpg': label 'sport' is '3.0', expected 0 or 1",
        f"{path}: unknown column 'steet', expected labels, url or group; did you mean 'street'?",
        f"{path}: no column for label 'street'",
    ]
    path.write_bytes(b"no parquet")
    assert problems(photos, path)[0].startswith(f"{path}: cannot be read as a Parquet table")


ONCE = "near-duplicates and groups count once"
REMEDY = "expected at least {folds}, one per fold; add photos, use fewer folds or merge the label with another"


def test_label_without_enough_positives(photos, table):
    path = table([line.removesuffix(",1") + ",0" if line.endswith("1") else line for line in lines_of_table()])
    assert problems(photos, path, folds=3) == [
        f"{path}: label 'street' has no positive photo, {REMEDY.format(folds=3)}"
    ]
    path = table(lines_of_table())
    assert problems(photos, path, folds=4) == [
        f"{path}: label {label!r} has 3 distinct positive photos ({ONCE}), {REMEDY.format(folds=4)}" for label in LABELS
    ]


def test_a_label_needs_one_more_positive_where_some_are_holdout(photos, table):
    path = table(lines_of_table())
    remedy = REMEDY.format(folds=4).replace("one per fold;", "one per fold and one held out;")
    assert problems(photos, path, folds=3, holdout=True) == [
        f"{path}: label {label!r} has 3 distinct positive photos ({ONCE}), {remedy}" for label in LABELS
    ]
    ingest_photos(photos, path, LABELS, folds=2, holdout=True)


def test_positives_are_counted_without_near_duplicates(photos, table):
    drawn(2).resize((96, 128)).save(photos / "5.jpg", quality=60)
    path = table([*lines_of_table(), "5.jpg,1,1"])
    manifest, *_ = ingest_photos(photos, path, LABELS, folds=3)
    assert manifest["group"].tolist() == [0, 1, 2, 3, 4, 2]
    assert len(problems(photos, path, folds=4)) == 2


def test_a_column_group_keeps_photos_together(photos, table, caplog):
    caplog.set_level(logging.INFO)
    drawn(2).resize((96, 128)).save(photos / "5.jpg", quality=60)
    groups = ["group", "shoe", "", "bag", "", "", "shoe"]
    path = table([f"{line},{group}" for line, group in zip([*lines_of_table(), "5.jpg,1,1"], groups, strict=True)])
    manifest, *_ = ingest_photos(photos, path, LABELS, folds=2)
    assert manifest["group"].tolist() == [0, 1, 0, 3, 4, 0]  # 5 is of the group of 0, and a near-duplicate of 2
    assert manifest.columns.tolist() == COLUMNS
    assert "with the table's groups, 1 group of photos that stay together" in caplog.messages
    assert problems(photos, path, folds=3) == [
        f"{path}: label 'sport' has 2 distinct positive photos ({ONCE}), " + REMEDY.format(folds=3)
    ]


def test_groups_count_in_the_digest_of_a_table(table):
    def digest(lines):
        columns, entries, _ = label_tables.read_label_table(LabelTable(file=str(table(lines))), LABELS, True)
        return label_tables.content_digest(columns, entries)

    lines = lines_of_table()
    grouped = [f"{line},{group}" for line, group in zip(lines, ["group", "a", "a", "", "", ""], strict=True)]
    assert digest(grouped) != digest(lines)
    assert digest([f"{line},{'group' if line is lines[0] else ''}" for line in lines]) == digest(lines)


def test_same_photo_with_other_labels(photos, table):
    (photos / "5.jpg").write_bytes((photos / "1.jpg").read_bytes())
    path = table([*lines_of_table(), "5.jpg,1,0"])
    text = "'5.jpg' is the same photo as '1.jpg' in row 3, but they differ in 'sport', 'street'"
    assert problems(photos, path) == [f"{path}, row 7: {text}"]
    manifest, *_ = ingest_photos(photos, table([*lines_of_table(), "5.jpg,0,1"]), LABELS)
    assert manifest["group"].tolist() == [0, 1, 2, 3, 4, 1]


def test_equal_photos_may_differ_in_what_is_unknown_and_in_nothing_else(tmp_path):
    rows = [
        ("a", "one", [UNKNOWN, 1]),
        ("b", "one", [0, UNKNOWN]),
        ("c", "one", [0, 1]),
        ("d", "one", [1, UNKNOWN]),  # as the first row, but not as the second
        ("e", "two", [1, 0]),
        ("f", "two", [UNKNOWN, UNKNOWN]),
        ("g", "two", [UNKNOWN, 1]),
    ]
    kept = [
        (SimpleNamespace(row=number, name=name, values=bytes(values)), SimpleNamespace(sha256=photo))
        for number, (name, photo, values) in enumerate(rows, start=2)
    ]
    found = [problem.text.partition(": ")[2] for problem in ingest._contradictions(kept, ["red", "round"], tmp_path)]
    assert found == [
        "'d' is the same photo as 'b' in row 3, but they differ in 'red'",
        "'g' is the same photo as 'e' in row 6, but they differ in 'round'",
    ]


UNREADABLE_TABLES = {
    "empty": (b"", ": the table is empty, expected a header and a row per photo"),
    "blank": (b"\n \r\n\n", ": the table is empty, expected a header and a row per photo"),
    "header only": (b"image,sport,street\n", ": the table is empty, it has a header and no row below it"),
    "Latin-1": ("image,sport,street\nZoë.jpg,1,0\n".encode("latin-1"), ", row 2: not UTF-8 (byte 0xeb); save the table "
                "as UTF-8"),
    "binary": (b"\x00\x01\x02\n\x00", ": a binary file (it holds a NUL character), expected text"),
    "endless field": (b"a,b\n" + b"x" * 200_000, ", row 2: cannot be read as a table (field larger than field limit "
                      "(131072)); is a quote left open?"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREADABLE_TABLES)
def test_unreadable_tables(photos, tmp_path, kind):
    content, text = UNREADABLE_TABLES[kind]
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    assert problems(photos, path)[0] == f"{path}{text}"


def test_tables_larger_than_any_real_one(photos, tmp_path, monkeypatch):
    wide = tmp_path / "wide.csv"
    wide.write_text("image," + ",".join(f"sport{k}" for k in range(3000)) + "\n0.jpg\n")
    text = "3000 unknown columns, 'sport0', 'sport1', 'sport2' first, expected labels, url or group"
    assert problems(photos, wide, photoset="test") == [
        f"{wide}, row 1: {text}",
        f"{wide}, row 2: 1 field, expected 3001",
    ]
    monkeypatch.setattr(table_reader, "MAX_ROWS", 3)
    long = tmp_path / "long.csv"
    long.write_text("\n".join(lines_of_table()))
    (line,) = problems(photos, long)
    assert line == f"{long}, row 5: the table is too large, at most 3 rows are accepted"
    monkeypatch.setattr(table_rows, "MAX_TABLE_BYTES", 50)
    (line,) = problems(photos, long)
    assert line.startswith(f"{long}: a table of 0.0 MB, at most 0 MB")
    name = tmp_path / "name.csv"
    name.write_text("image\n" + "x" * 5000)
    monkeypatch.undo()
    assert "5000 characters, expected at most 4096" in problems(photos, name, photoset="test")[0]


def test_table_that_is_no_table(photos, tmp_path):
    path = tmp_path / "labels.csv"
    assert problems(photos, path) == [f"{path}: expected a table, found nothing"]
    path.mkdir()
    assert problems(photos, path) == [f"{path}: expected a table, found a folder"]
    photo = photos / "0.jpg"
    expected = "expected a table whose name ends in one of .csv, .tsv, .txt, .parquet, .pq, .xlsx"
    assert problems(photos, photo) == [f"{photo}: {expected}"]


def test_folder_that_is_no_folder(tmp_path):
    path = tmp_path / "photos"
    with pytest.raises(InputError, match="photos: expected a folder of photos, found nothing"):
        ingest_photos(path, None, LABELS)
    path.write_text("")
    with pytest.raises(InputError, match="photos: expected a folder of photos, found a file"):
        ingest_photos(path, None, LABELS)
    path.unlink()
    path.mkdir()
    assert problems(path, None, photoset="test") == [
        f"{path}: no photos found, expected files ending in .jpg, .png or the like"
    ]


def test_label_named_as_a_column_of_the_manifest(photos, table):
    with pytest.raises(InputError, match="labels 'group': the manifest has columns of this name"):
        ingest_photos(photos, table(lines_of_table()), ["group"])


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_file_name_that_is_no_text(photos):
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        drawn(1).save(photos / name)
    except OSError:
        pytest.skip("the file system refuses such names")
    assert problems(photos, None, photoset="test") == [
        f"'{photos}/caf\\udce9.jpg': the file's name is not UTF-8; rename it"
    ]


# ---- bad photos


def jpeg(image=None):
    stream = io.BytesIO()
    (image or drawn(1, (300, 300))).save(stream, "JPEG")
    return stream.getvalue()


def write_sparse(path):
    with path.open("wb") as stream:
        stream.truncate(MAX_BYTES + 500_000)


BAD_PHOTOS = {
    "zero-byte": (lambda path: path.write_bytes(b""), "the file is empty (0 bytes)"),
    "text": (lambda path: path.write_text("no photo"), "unreadable: no photo of a known format (JPEG, "),
    "PostScript": (lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n"), "unreadable: no photo of a known"),
    "truncated": (
        lambda path: path.write_bytes(jpeg()[:-2000]),
        "truncated or damaged: image file is truncated",
    ),
    "cut in the header": (lambda path: path.write_bytes(png_header(40, 40)), "unreadable: no photo of a known"),
    "too many pixels": (
        lambda path: path.write_bytes(png_header(10_001, 10_000) + struct.pack(">I", 9) + b"IDAT" + b"\0" * 13),
        "oversized: 10001 x 10000 pixels, at most 70 million are accepted",
    ),
    "bomb": (
        lambda path: path.write_bytes(png_header(100_000, 100_000) + struct.pack(">I", 9) + b"IDAT" + b"\0" * 13),
        "oversized: more than the 70 million pixels that are accepted",
    ),
    "large file": (write_sparse, "oversized: 200.5 MB, at most 200 MB are accepted"),
    "pipe": (lambda path: (path.unlink(), os.mkfifo(path)), "unreadable: it is not a file"),
    "dangling link": (
        lambda path: (path.unlink(), path.symlink_to("gone.jpg")),
        "unreadable: No such file or directory",
    ),
}


@pytest.mark.parametrize("kind", BAD_PHOTOS)
def test_bad_photos(photos, table, kind):
    spoil, text = BAD_PHOTOS[kind]
    spoil(photos / "3.jpg")
    path = table(lines_of_table())
    (line,) = problems(photos, path)
    assert line.startswith(f"{path}, row 5: '{photos}/3.jpg': {text}")
    (listed,) = problems(photos, None, photoset="test")
    assert listed.startswith(f"'{photos}/3.jpg': {text}")
    manifest, quarantine, _ = ingest_photos(photos, path, LABELS, on_bad_photo="skip")
    assert manifest["image_id"].tolist() == ["0.jpg", "1.jpg", "2.jpg", "4.jpg"]
    assert manifest["group"].tolist() == [0, 1, 2, 3]
    assert quarantine[["image_id", "path", "row"]].to_numpy().tolist() == [["3.jpg", "3.jpg", 5]]
    assert quarantine["problem"].tolist() == [line]


def test_all_problems_come_at_once_in_row_order(photos, table):
    (photos / "3.jpg").write_bytes(b"")
    path = table([*lines_of_table(), "4.jpg,1,1", "gone.jpg,x,1", "../a.jpg,1,y"])
    assert [line.removeprefix(f"{path}, row ") for line in problems(photos, path, folds=9)] == [
        f"5: '{photos}/3.jpg': the file is empty (0 bytes)",
        "7: name '4.jpg' is already in row 6",
        "8: 'gone.jpg': label 'sport' is 'x', expected 0 or 1",
        f"8: 'gone.jpg': no such file in {photos}",
        "9: '../a.jpg' leads outside the folder, expected a path relative to it and without '..'",
        "9: '../a.jpg': label 'street' is 'y', expected 0 or 1",
        f"{path}: label 'sport' has 3 distinct positive photos ({ONCE}), {REMEDY.format(folds=9)}",
        f"{path}: label 'street' has 4 distinct positive photos ({ONCE}), {REMEDY.format(folds=9)}",
    ]


def test_cells_that_cannot_be_read_are_not_counted_as_missing_photos_too(photos, table):
    path = table([line.replace(",1,", ",yes,") for line in lines_of_table()])
    found = problems(photos, path)
    assert found and not any("has no positive photo" in line for line in found)


def test_skip_is_for_photos_only(photos, table, caplog):
    (photos / "3.jpg").write_bytes(b"")
    path = table([*lines_of_table(), "gone.jpg,1,1"])
    _, quarantine, _ = ingest_photos(photos, path, LABELS, on_bad_photo="skip")
    assert quarantine["row"].tolist() == [5, 7]
    assert quarantine["problem"].tolist()[1] == f"{path}, row 7: 'gone.jpg': no such file in {photos}"
    assert "2 files left out: '3.jpg', 'gone.jpg'" in caplog.messages
    path = table([*lines_of_table(), "gone.jpg,1,1", "0.jpg,1,1"])
    assert problems(photos, path, on_bad_photo="skip") == [f"{path}, row 8: name '0.jpg' is already in row 2"]


def test_skipped_photos_do_not_count_as_positives(photos, table):
    (photos / "3.jpg").write_bytes(b"")
    path = table(lines_of_table())
    text = f"label 'sport' has 2 distinct positive photos ({ONCE}), {REMEDY.format(folds=3)}"
    assert problems(photos, path, on_bad_photo="skip", folds=3) == [f"{path}: {text}"]


def test_skip_fails_when_nothing_is_left(photos, table):
    path = table(["image", "gone.jpg"])
    assert problems(photos, path, photoset="test", on_bad_photo="skip") == [
        f"{path}, row 2: 'gone.jpg': no such file in {photos}"
    ]


def test_long_lists_are_cut():
    report = problem_report([Problem(row, f"row {row}") for row in range(250, 0, -1)], "train").splitlines()
    assert report[0] == "250 problems in photoset train:"
    assert report[1:3] == ["row 1", "row 2"]
    assert report[-2:] == ["row 200", "and 50 more"]


# ---- photosets compared


def compared(**photosets):
    manifests = {
        name: pd.DataFrame({"image_id": list(ids), "sha256": [ids[key] for key in ids], "pixel_range": ""}, dtype="str")
        for name, ids in photosets.items()
    }
    thumbnails = {
        name: pd.DataFrame(
            {"image_id": list(ids), "thumbnail": [thumbnail(drawn(int(sha))).tobytes() for sha in ids.values()]}
        )
        for name, ids in photosets.items()
    }
    return manifests, thumbnails


def test_shared_photos_are_named(caplog):
    tables = compared(train={"a": "1", "b": "2"}, test={"x": "3", "y": "2"}, more={"z": "1"})
    with pytest.raises(InputError) as caught:
        shared_photos(*tables, 0.15)
    lines = [
        "'y' in test is the same photo as 'b' in train",
        "'z' in more is the same photo as 'a' in train",
    ]
    assert str(caught.value).splitlines() == [
        "2 photos shared with train; remove them from one photoset, or set on_bad_photo to skip (the photoset's "
        "scores will be too high):",
        *lines,
    ]
    shared = shared_photos(*tables, 0.15, on_bad_photo="skip")
    assert shared.to_numpy().tolist() == [["test", "y", "b", "same"], ["more", "z", "a", "same"]]
    assert "\n".join(["2 photos shared with train:", *lines]) in caplog.messages


def test_near_duplicates_of_training_photos_are_named(caplog):
    manifests, thumbnails = compared(train={"a": "1", "b": "2"}, test={"x": "3", "y": "4"})
    thumbnails["test"]["thumbnail"] = [thumbnail(ImageOps.mirror(drawn(2))).tobytes(), thumbnail(drawn(4)).tobytes()]
    shared = shared_photos(manifests, thumbnails, 0.15)
    assert shared.to_numpy().tolist() == [["test", "x", "b", "near"]]
    line = "'x' in test is a near-duplicate of 'b' in train"
    assert f"1 near-duplicate shared with train:\n{line}" in caplog.messages
    with pytest.raises(InputError) as caught:
        shared_photos(manifests, thumbnails, 0.15, divided="fail")
    assert str(caught.value).splitlines() == [
        "1 near-duplicate shared with train; remove them from one photoset, or set near_duplicates.divided to warn "
        "(the photoset's scores will be too high):",
        line,
    ]
    assert shared_photos(manifests, thumbnails, 0, divided="fail").empty


def test_no_shared_photos():
    for tables in (compared(train={"a": "1"}, test={"x": "3"}), compared(train={"a": "1"})):
        shared = shared_photos(*tables, 0.15)
        assert shared.columns.tolist() == ["photoset", "image_id", "train_image_id", "kind"]
        assert shared.empty
        assert shared.dtypes.eq("str").all()


# ---- the programs


def ingest_program(photos, folder, table="", expected=0, photoset="train"):
    """Run the program; return what it says."""
    settings = {"photoset": photoset, "labels": LABELS, "folds": 2, "holdout": False, "max_difference": 0.15}
    settings |= {"value_range": None, "cut_photos": "bad"}
    options = ["--photos", str(photos), "--table", str(table), "--on-bad-photo=fail", "--links=inside", "--threads=1"]
    options += [f"--{name}={name}.parquet" for name in ("manifest", "quarantine", "thumbnails")]
    return call(folder, "photos/ingest_photos", *options, "--settings", settings, expected=expected)


def test_ingest_program(photos, table, tmp_path):
    said = ingest_program(photos, tmp_path, table(lines_of_table()))
    assert "5 photos, 2 labels, 0 groups of near-duplicates" in said
    assert len(pd.read_parquet(tmp_path / "manifest.parquet")) == 5
    quarantine = pd.read_parquet(tmp_path / "quarantine.parquet")
    assert quarantine.columns.tolist() == ["image_id", "path", "row", "problem", "bad"]
    (tmp_path / "manifest.parquet").unlink()
    ingest_program(photos, tmp_path, photoset="test")
    assert len(pd.read_parquet(tmp_path / "manifest.parquet")) == 5


def test_ingest_program_ends_with_the_message(photos, table, tmp_path):
    path = table([*lines_of_table(), "gone.jpg,0,1"])
    assert ingest_program(photos, tmp_path, path, expected=1) == (
        f"error: 1 problem in photoset train:\n{path}, row 7: 'gone.jpg': no such file in {photos}\n"
    )
    assert not (tmp_path / "manifest.parquet").exists()


def test_a_table_of_names_needs_a_header(photos, tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("0.jpg\n1.jpg\n2.jpg\n")
    assert problems(photos, path, photoset="test") == [f"{path}, row 1: expected a header, found the photo '0.jpg'"]


def test_compare_program(tmp_path):
    words = ["--manifests", "m0", "m1", "--thumbnails", "t0", "t1", "--quarantines", "none", "none"]
    words += ["--shared=shared", "--settings"]
    manifests, thumbnails = compared(train={"a": "1", "b": "2"}, test={"y": "2"})
    for k, name in enumerate(manifests):
        write_table(manifests[name], tmp_path / f"m{k}")
        write_table(thumbnails[name], tmp_path / f"t{k}")
    write_table(pd.DataFrame({"image_id": [], "problem": [], "bad": []}), tmp_path / "none")
    settings = {"photosets": ["train", "test"], "stated": [], "max_difference": 0.15, "divided": "warn"}
    for on_bad_photo, status in (("fail", 1), ("skip", 0)):
        settings["on_bad_photo"] = on_bad_photo
        said = call(tmp_path, "photos/compare_photosets", *words, settings, expected=status)
        assert "'y' in test is the same photo as 'b' in train" in said
        assert (tmp_path / "shared").exists() == (status == 0)
    assert pd.read_parquet(tmp_path / "shared")["train_image_id"].tolist() == ["b"]
