"""Findings: ranges that a whole photoset decides, photosets that are nearly black, and files that are left out."""

import csv
import io
import logging
import os
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stylevote.errors import InputError
from stylevote.photos.findings import (
    left_out_lines,
    range_lines,
    ranges_of,
    refuse_other_ranges,
    write_left_out,
)
from stylevote.photos.ingest import ingest_photos, refuse_quarantine
from stylevote.photos.pixels import cache_pixels, open_pixels, read_ingested

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    return photos


def grey(path, white, seed=0, dtype=np.uint16):
    """Write a photo whose brightest value is ``white``; return its values."""
    blotches = Image.fromarray(np.random.default_rng(seed).random((6, 6), dtype=np.float32))
    values = np.asarray(blotches.resize((40, 48), Image.Resampling.BILINEAR))
    values = np.rint((values - values.min()) / (values.max() - values.min()) * white).astype(dtype)
    Image.fromarray(values).save(path)
    return values


def ingested(folder, **settings):
    return ingest_photos(folder, None, [], **{"photoset": "test", **settings})


# ---- ranges


def test_the_range_is_judged_over_the_photoset_and_stays(folder, caplog, tmp_path):
    caplog.set_level(logging.INFO)
    dark, bright = grey(folder / "dark.png", 800), grey(folder / "light.png", 3900, 1)
    floats = grey(folder / "floats.tif", 200, 2, np.float32)
    Image.fromarray(RNG.integers(0, 99, (40, 40, 3), dtype=np.uint8)).save(folder / "plain.png")
    manifest, *_ = ingested(folder)
    texts = ["16 bits 0.0 4095.0", "floats 0.0 255.0", "16 bits 0.0 4095.0", ""]
    assert manifest["pixel_range"].tolist() == texts
    said = "of the values of 16 bits, 0 is black and 4095 is white"
    assert f"{said} (judged by the photos; photosets.test.range sets it)" in caplog.messages
    assert range_lines({"test": manifest, "train": manifest.iloc[3:]}) == [
        f"photos of test: {said}",
        "photos of test: of the values of floats, 0 is black and 255 is white",
    ]
    # All that is decoded later has the same range, with one process or two.
    expected = [np.rint(values / white * 255) for values, white in ((dark, 4095), (floats, 255), (bright, 4095))]
    for row, values in zip(manifest.itertuples(), expected, strict=False):
        pixels = read_ingested(folder, row.path, row.sha256, row.pixel_range, 40)
        assert np.array_equal(pixels[..., 0], values)
    for threads in (1, 2):
        index = cache_pixels(manifest, folder, 40, tmp_path / "pixels.bin", threads)
        flat = open_pixels(tmp_path / "pixels.bin", index)
        for row, values in zip(index.itertuples(), expected, strict=False):
            assert np.array_equal(flat[row.offset :][: 3 * values.size].reshape(*values.shape, 3)[..., 0], values)
    both, *_ = ingested(folder, threads=2)
    pd.testing.assert_frame_equal(both, manifest)


def test_a_bundle_takes_the_range_of_the_training_photos(folder, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    grey(folder / "a.png", 3900)
    trained, *_ = ingested(folder)
    other = tmp_path / "other"
    other.mkdir()
    grey(other / "b.png", 200)
    judged, *_ = ingested(other)
    assert judged["pixel_range"].tolist() == ["16 bits 0.0 255.0"]
    manifest, *_ = ingested(other, ranges=ranges_of(trained))
    assert manifest["pixel_range"].tolist() == trained["pixel_range"].tolist() == ["16 bits 0.0 4095.0"]
    assert "of the values of 16 bits, 0 is black and 4095 is white (the bundle says so)" in caplog.messages
    with pytest.raises(InputError) as caught:
        refuse_other_ranges({"train": trained, "test": judged}, "train", [])
    assert str(caught.value) == (
        "photosets.test: of the values of 16 bits, 0 is black and 255 is white, but in photoset train 0 and 4095 are;"
        " set photosets.test.range to [0, 4095], or to the values that are right there"
    )
    refuse_other_ranges({"train": trained, "test": judged}, "train", ["test"])
    refuse_other_ranges({"train": trained, "test": manifest}, "train", [])


def test_a_stated_range_is_for_deeper_photos_if_there_are_any(folder):
    grey(folder / "deep.png", 3000)
    plain = RNG.integers(0, 10, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(plain).save(folder / "plain.png")
    manifest, *_ = ingested(folder, value_range=[0, 3500])
    assert manifest["pixel_range"].tolist() == ["16 bits 0.0 3500.0", ""]
    (folder / "deep.png").unlink()
    manifest, *_ = ingested(folder, value_range=[0, 17])
    assert manifest["pixel_range"].tolist() == ["8 bits 0.0 17.0"]
    row = manifest.iloc[0]
    assert np.array_equal(read_ingested(folder, *row[["path", "sha256", "pixel_range"]], 40), plain * 15)
    manifest, *_ = ingested(folder, value_range=[0, 255])
    assert manifest["pixel_range"].tolist() == [""]


def test_a_photoset_that_is_nearly_black_or_white_is_refused_with_the_remedy(folder):
    for k in range(3):
        values = grey(folder / f"{k}.png", 4095, k)
        values[0, 0] = 65535  # a pixel of the sensor that is out of order
        Image.fromarray(values).save(folder / f"{k}.png")
    Image.fromarray(RNG.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(folder / "3.png")
    for on_bad_photo in ("fail", "skip"):
        with pytest.raises(InputError) as caught:
            ingested(folder, on_bad_photo=on_bad_photo)
        assert str(caught.value).splitlines()[1:] == [
            "photosets.test.photos: 3 of 4 photos are nearly black, '0.png', '1.png', '2.png'; of the values of 16"
            " bits, 0 is black and 65535 is white. Set photosets.test.range to [the value that is black, the value that"
            " is white] in the files; [0, 255] takes photos of 8 bits as they are"
        ]
    manifest, *_ = ingested(folder, value_range=[0, 4095])
    assert len(manifest) == 4
    for k in range(20):
        Image.new("RGBA", (40, 40), (k, 0, 0, 3)).save(folder / f"opaque{k}.png")
    with pytest.raises(InputError, match=r"nearly white.*if the photos are transparent, save them without opacity"):
        ingested(folder)
    for path in folder.glob("opaque*"):
        path.unlink()
    for name in ("4.png", "5.png"):  # no longer most of them
        Image.fromarray(RNG.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(folder / name)
    assert len(ingested(folder)[0]) == 6


@pytest.mark.parametrize(("level", "word"), [(0, "black"), (16, "black"), (239, "white"), (255, "white")])
def test_plain_photos_of_8_bits(folder, level, word):
    Image.new("RGB", (64, 64), (level,) * 3).save(folder / "a.png")
    with pytest.raises(InputError, match=f"1 of 1 photo are nearly {word}, 'a.png'. Set"):
        ingested(folder)
    ingested(folder, value_range=[0, 255])
    ingested(folder, ranges={})  # of a bundle: one photo may be black


@pytest.mark.parametrize("level", [17, 128, 238])
def test_photos_that_are_not_plain(folder, level):
    Image.new("RGB", (64, 64), (level,) * 3).save(folder / "a.png")
    ingested(folder)


def test_drawings_and_stars_are_no_plain_photos(folder):
    lines = Image.new("L", (500, 500), 255)
    lines.paste(0, (0, 200, 500, 202))
    stars = Image.new("L", (500, 500), 0)
    stars.paste(200, (100, 100, 120, 120))
    for name, image in (("lines", lines), ("stars", stars)):
        image.save(folder / f"{name}.png")
    ingested(folder)


# ---- files that are left out


def test_every_file_that_is_left_out_is_named(folder, caplog, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "stylevote.photos.heic", None)
    caplog.set_level(logging.INFO)
    image = Image.effect_noise((120, 90), 80).convert("RGB")
    for name in ("a.jpg", "cut.jpg"):
        image.save(folder / name, quality=95)
    data = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[:-200])
    image.save(folder / "without", "PNG")
    (folder / "b.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    (folder / "notes.txt").write_text("no photo")
    os.mkfifo(folder / "pipe")
    with pytest.raises(InputError) as caught:
        ingested(folder)
    assert str(caught.value).splitlines()[1:] == [
        f"'{folder}/b.HEIC': a HEIC photo, which needs a further package: pip install pillow-heif",
        f"'{folder}/cut.jpg': {str(caught.value).split('cut.jpg')[1][3:]}",
    ]
    manifest, quarantine, _ = ingested(folder, on_bad_photo="skip")
    assert manifest["path"].tolist() == ["a.jpg"]
    left_out = {"without": False, "b.HEIC": True, "cut.jpg": True}
    assert dict(zip(quarantine["path"], quarantine["bad"], strict=True)) == left_out
    assert "3 files left out: 'without', 'b.HEIC', 'cut.jpg'" in caplog.messages
    assert f"2 files ignored in {folder}: not photos by their suffix" in caplog.messages

    write_left_out({"train": quarantine[:0], "test": quarantine}, tmp_path / "left_out.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "left_out.csv").read_text())))
    assert rows[0] == ["photoset", "file", "problem"]
    assert [row[:2] for row in rows[1:]] == [["test", name] for name in left_out]
    assert "not by its suffix" in rows[1][2] and "pillow-heif" in rows[2][2] and "truncated" in rows[3][2]
    assert left_out_lines({"train": quarantine[:0], "test": quarantine}, tmp_path / "left_out.csv") == [
        f"left out of test: 3 files, 'without', 'b.HEIC', 'cut.jpg' (see {tmp_path}/left_out.csv)"
    ]
    with pytest.raises(InputError, match="2 photos left out"):
        refuse_quarantine({"test": quarantine})
    refuse_quarantine({"test": quarantine[~quarantine["bad"]]})


def test_photos_without_their_last_bytes_are_taken_if_allowed(folder, caplog):
    image = Image.effect_noise((400, 300), 80).convert("RGB")
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        image.save(folder / name, quality=95)
        if name != "a.jpg":
            (folder / name).write_bytes((folder / name).read_bytes()[:-200])
    manifest, quarantine, _ = ingested(folder, cut_photos="take")
    assert manifest["path"].tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert quarantine.empty
    assert "2 photos: the file lacks its last bytes ('b.jpg', 'c.jpg')" in caplog.messages
    row = manifest.iloc[1]
    assert read_ingested(folder, *row[["path", "sha256", "pixel_range"]], 64).shape == (64, 85, 3)


def test_what_was_done_with_opacity_is_said_with_its_count(folder, caplog):
    for k in range(5):
        image = Image.fromarray(RNG.integers(0, 255, (40, 40, 4), dtype=np.uint8))
        image.putalpha(0)
        image.save(folder / f"{k}.png")
    ingested(folder)
    said = "5 photos: its opacity is 0 everywhere and was left out ('0.png', '1.png', '2.png'...)"
    assert said in caplog.messages


def test_many_photos_that_cannot_be_read_for_a_reason_are_one_problem(folder):
    for k in range(30):
        (folder / f"{k:02}.jpg").write_bytes(b"\xff\xd8\xff" + bytes(k))
    Image.new("RGB", (5000, 1)).save(folder / "z.png")
    (folder / "z.png").write_bytes((folder / "z.png").read_bytes()[:60])
    with pytest.raises(InputError) as caught:
        ingested(folder)
    first, second = str(caught.value).splitlines()[1:]
    assert "00.jpg': unreadable" in first and first.endswith("; and 29 more like this")
    assert "z.png': truncated" in second


def test_a_folder_of_photos_without_suffixes(folder):
    Image.new("RGB", (9, 9)).save(folder / "photo", "PNG")
    with pytest.raises(InputError, match=r"no photos found, .*photos by their content, .*: 'photo'"):
        ingested(folder)


def test_names_that_are_no_utf8_are_left_out_by_an_escaped_name(folder):
    Image.effect_noise((40, 40), 80).save(folder / "a.png")
    Image.effect_noise((40, 40), 80).save(os.fsdecode(os.fsencode(folder) + b"/\xff"), "PNG")
    _, quarantine, _ = ingested(folder)
    assert quarantine["path"].tolist() == [r"\udcff"]
