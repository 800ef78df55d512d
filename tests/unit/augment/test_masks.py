"""Masks: what users bring is checked and laid on the photo; what is stored is read again."""

import hashlib
import os
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from sklearn.metrics import jaccard_score

from stylevote.augment.masks import (
    NOTHING,
    Detection,
    decode_mask,
    encode_mask,
    find_masks,
    iou,
    read_class_mask,
    read_given,
    read_region,
    write_shard,
)
from stylevote.demo.canvas import CLASSES
from stylevote.errors import InputError
from stylevote.photos.pixels import cut_box, read_ingested

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=20))


# ---- stored masks


@given(masks)
def test_masks_come_back(mask):
    data = encode_mask(mask)
    assert (decode_mask(data) == mask).all()
    assert decode_mask(data).shape == mask.shape
    assert data[24] == 1  # bits a pixel, in the PNG's header


@given(st.data())
def test_iou_is_jaccards_index(data):
    one = data.draw(masks)
    other = data.draw(arrays(bool, one.shape))
    expected = jaccard_score(one.ravel(), other.ravel(), zero_division=1) if (one | other).any() else 1
    assert iou(one, other) == pytest.approx(expected)


def test_shard(tmp_path):
    mask = np.zeros((4, 5), dtype=bool)
    mask[1, :] = True
    areas = write_shard([("a", Detection(mask, 0.75)), ("b", NOTHING)], tmp_path / "deep" / "0.parquet")
    assert areas.tolist() == [0.25, 0]
    table = pd.read_parquet(tmp_path / "deep" / "0.parquet")
    assert table.columns.tolist() == ["image_id", "mask", "score", "area"]
    assert table["image_id"].tolist() == ["a", "b"]
    assert table["score"].tolist() == [0.75, 0]
    assert table["area"].tolist() == [0.25, 0]
    assert (decode_mask(table["mask"][0]) == mask).all()
    assert table["mask"][1] is None


def test_shard_in_which_nothing_was_found(tmp_path):
    write_shard([("a", NOTHING)], tmp_path / "some.parquet")
    write_shard([], tmp_path / "none.parquet")
    tables = [pd.read_parquet(tmp_path / name) for name in ("some.parquet", "none.parquet")]
    assert pd.concat(tables)["mask"].tolist() == [None]


# ---- class masks

CLASS_NUMBERS = np.array([[0, 1, 2], [1, 1, 0]], dtype=np.uint8)


def test_grey_and_palette_masks_give_the_numbers(tmp_path):
    Image.fromarray(CLASS_NUMBERS).save(tmp_path / "grey.png")
    colored = Image.frombytes("P", (3, 2), CLASS_NUMBERS.tobytes())
    colored.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    colored.save(tmp_path / "palette.png", bits=4, transparency=0)
    for name in ("grey.png", "palette.png"):
        classes = read_class_mask(tmp_path / name)
        assert classes.dtype == np.uint8
        assert classes.tolist() == CLASS_NUMBERS.tolist()


def test_black_and_white_masks_are_0_and_1(tmp_path):
    Image.fromarray(CLASS_NUMBERS > 0).save(tmp_path / "a.png")
    assert read_class_mask(tmp_path / "a.png").tolist() == [[0, 1, 1], [1, 1, 0]]


def png(width, height, bits, color, rows=b""):
    """A PNG put together by hand."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big") for name, body in chunks
    )


def saved(image, path, form="PNG"):
    image.save(path, form)
    return path.read_bytes()


NOISE = Image.effect_noise((64, 64), 90)
UNUSABLE = {
    "color": (lambda path: saved(NOISE.convert("RGB"), path), "mode RGB and 8 bits, expected one class number"),
    "transparent": (lambda path: saved(NOISE.convert("LA"), path), "mode LA"),
    "16 bits": (lambda path: saved(Image.fromarray(np.ones((2, 2), np.uint16)), path), "and 16 bits, expected"),
    "4 bits": (lambda path: png(2, 1, 4, 0, b"\0\x12"), "mode L and 4 bits, expected"),
    "JPEG": (lambda path: saved(NOISE, path, "JPEG"), "expected a mask in PNG format"),
    "truncated": (lambda path: saved(NOISE, path)[:1000], "truncated or damaged"),
    "empty": (lambda path: b"", "the file is empty"),
    "text": (lambda path: b"mask", "expected a mask in PNG format"),
    "oversized": (lambda path: png(12_000, 9_000, 8, 0), "12000 x 9000 pixels, at most 70000000"),
    "bomb": (lambda path: png(60_000, 60_000, 8, 0), "more than the 70000000 pixels"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_masks_are_named(case, tmp_path):
    make, message = UNUSABLE[case]
    path = tmp_path / "m.png"
    path.write_bytes(make(path))
    with pytest.raises(InputError, match=message) as caught:
        read_class_mask(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_mask_that_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "absent.png"):
        with pytest.raises(InputError, match="unreadable"):
            read_class_mask(path)


# ---- regions


@pytest.fixture
def table(tmp_path):
    """The classes of drawn photos, as the demo writes them."""
    CLASSES.to_csv(tmp_path / "mask_labels.csv")
    return tmp_path / "mask_labels.csv"


def test_regions_of_a_table(table, tmp_path):
    classes = np.arange(len(CLASSES), dtype=np.uint8)[None]
    person = read_region("person", table).mask(classes, tmp_path)[0]
    clothing = read_region("clothing", table).mask(classes, tmp_path)[0]
    assert [name for name, inside in zip(CLASSES["name"], person, strict=True) if not inside] == ["background"]
    worn = {name for name, inside in zip(CLASSES["name"], clothing, strict=True) if inside}
    assert {"dress", "shoes", "scarf"} < worn
    assert not worn & {"skin", "hair", "bag", "background"}


def test_without_a_table_a_person_is_what_is_not_0(tmp_path):
    region = read_region("person", None)
    assert region.mask(np.array([[0, 1, 255]], dtype=np.uint8), tmp_path).tolist() == [[False, True, True]]
    with pytest.raises(InputError, match="'clothing': needs photosets"):
        read_region("clothing", None)


def test_numbers_that_the_table_does_not_name(table, tmp_path):
    classes = np.array([[0, 77, 99, 1]], dtype=np.uint8)
    with pytest.raises(InputError, match=r"a\.png: holds the class numbers 77, 99, which .*mask_labels\.csv"):
        read_region("person", table).mask(classes, tmp_path / "a.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'value'"),
        ("value,name\n0,skin\n", "no column 'group', expected the columns value, name, group"),
        ("value,name,group\n0,a,background\n256,b,clothing\n", "row 3: the value is '256', expected a whole number"),
        ("value,name,group\n-1,a,background\n", "row 2: the value is '-1'"),
        ("value,name,group\n²,a,background\n", "row 2: the value is '²'"),
        ("value,name,group\n0,a,background\n0,b,clothing\n", "row 3: the value 0 is there twice"),
        (
            "value,name,group\n0,a,background\n1,b,body\n",
            r"found no value of the region 'clothing'; .*'background', 'body'",
        ),
        (b"value,name,group\n0,\xff,background\n", "cannot be read as a CSV table"),
    ],
)
def test_unusable_tables(text, message, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_region("clothing", path)
    assert str(caught.value).startswith(str(path))


def test_a_table_that_is_not_there_or_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("pipe.csv", "gone.csv"):
        with pytest.raises(InputError, match=f"{name}: cannot be read as a CSV table"):
            read_region("person", tmp_path / name)


# ---- masks of photos


def test_a_mask_lies_as_its_photo_or_directly(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("deep/a.png", "a.png", "b.v2.png"):
        (tmp_path / name).touch()
    names = ["deep/a.jpg", "other/a.jpeg", "deep/b.v2.jpg", "deep/c.jpg", "deep"]
    assert find_masks(tmp_path, names) == {
        "deep/a.jpg": tmp_path / "deep" / "a.png",
        "other/a.jpeg": tmp_path / "a.png",
        "deep/b.v2.jpg": tmp_path / "b.v2.png",
    }


def test_masks_that_are_of_no_photo_or_of_two_are_refused(tmp_path):
    (tmp_path / "001.png").touch()
    with pytest.raises(InputError, match=r"none of the 2 photos has a mask there; that of 'a\.jpg' would be a\.png"):
        find_masks(tmp_path, ["a.jpg", "b.jpg"])
    with pytest.raises(
        InputError, match=r"001\.png: would be the mask of 2 photos, 'coat/001\.jpg' and 'hat/001\.jpg'"
    ):
        find_masks(tmp_path, ["coat/001.jpg", "c.jpg", "hat/001.jpg"])


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (700, 200), (90, 400)])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_given_mask_lies_on_its_photo(size, form, tmp_path):
    """A bright rectangle and its mask: cut and made smaller they still cover the same pixels."""
    width, height = size
    classes = np.zeros((height, width), dtype=np.uint8)
    classes[height // 3 : height * 3 // 4, width // 3 : width // 2] = 1
    Image.fromarray(classes).save(tmp_path / "m.png")
    Image.fromarray(classes * 255).convert("RGB").save(tmp_path / "p", form)
    sha256 = hashlib.sha256((tmp_path / "p").read_bytes()).hexdigest()
    photo = read_ingested(tmp_path, "p", sha256, "", 60, enlarge=False)
    mask = read_given(tmp_path / "m.png", read_region("person", None), size, photo.shape[:2])
    assert mask.shape == photo.shape[:2]
    assert max(mask.shape) <= 2 * min(mask.shape)
    assert mask.dtype == bool
    assert jaccard_score(mask.ravel(), photo[..., 0].ravel() > 127) > 0.94


def test_a_mask_in_full_is_not_changed(tmp_path):
    classes = np.random.default_rng(1).integers(0, 2, (90, 40), dtype=np.uint8)
    Image.fromarray(classes).save(tmp_path / "m.png")
    left, top, right, bottom = cut_box(40, 90)
    mask = read_given(tmp_path / "m.png", read_region("person", None), (40, 90), (bottom - top, right - left))
    assert (mask == (classes[top:bottom, left:right] > 0)).all()


def test_a_mask_of_another_size_is_refused(tmp_path):
    Image.fromarray(CLASS_NUMBERS).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=r"m\.png: 3 x 2 pixels, expected the photo's 2 x 3"):
        read_given(tmp_path / "m.png", read_region("person", None), (2, 3), (3, 2))


def test_masks_of_real_photos(shared):
    """A person's mask holds the clothes', and both are a sensible share of the photo."""
    folder = shared / "data" / "real_small"
    regions = [read_region(name, folder / "mask_labels.csv") for name in ("person", "clothing")]
    shares = []
    for path in sorted((folder / "masks").iterdir())[:20]:
        classes = read_class_mask(path)
        person, clothing = (region.mask(classes, path) for region in regions)
        assert (person | ~clothing).all()
        shares.append((person.mean(), clothing.mean()))
    person, clothing = np.mean(shares, axis=0)
    assert 0.1 < clothing < person < 0.6
