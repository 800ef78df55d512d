"""Decoding: values of any depth, bands and opacity as the file states them, and files with harmless damage."""

import io
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from programs import ENVIRONMENT
from stylevote.photos.decoding import ALL_TRANSPARENT, CUT, NO_OPACITY, PhotoError, decode_photo
from stylevote.photos.formats import begins_as_photo, is_photo

tifffile = pytest.importorskip("tifffile")
RNG = np.random.default_rng(0)
COLOURS = RNG.integers(1, 200, (5, 7, 3), dtype=np.uint8)


def encoded(image, form, **settings):
    stream = io.BytesIO()
    image.save(stream, form, **settings)
    return stream.getvalue()


def tiff(values, **settings):
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **settings)
    return stream.getvalue()


def png_chunk(name, body):
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def deep_png(values):
    """A PNG of 16 bits and one to four bands, with each of PNG's filters that needs the pixel before."""
    height, width, bands = values.shape
    rows = values.astype(">u2").tobytes()
    step, length = 2 * bands, 2 * bands * width
    lines = []
    for start in range(0, len(rows), length):
        row = np.frombuffer(rows[start : start + length], np.uint8)
        before = np.concatenate([np.zeros(step, np.uint8), row[:-step]])
        lines.append(b"\1" + (row - before).tobytes())
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[bands]
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([16, colour, 0, 0, 0])
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(b"".join(lines))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


# ---- grey levels


@pytest.mark.parametrize("white", [255, 1023, 4095, 16383, 65535])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("form", ["PNG", "TIFF", "deflated TIFF", "big-endian TIFF"])
def test_the_smallest_usual_range_that_holds_the_values(form, bands, white):
    if bands == 2 and form != "PNG":
        pytest.skip("refused")
    values = RNG.integers(0, white + 1, (5, 7, bands)).astype(np.uint16)
    values[0, 0] = white
    if bands in (2, 4):
        values[..., -1] = white  # opaque
    settings = {"compression": "zlib" if form == "deflated TIFF" else None, "byteorder": ">" if "big" in form else "<"}
    settings |= {"photometric": "rgb" if bands > 2 else "minisblack"}
    settings |= {"extrasamples": ["unassalpha"]} if bands == 4 else {}
    photo = decode_photo(deep_png(values) if form == "PNG" else tiff(values.squeeze(), **settings))
    expected = np.rint(values[..., : 3 if bands > 2 else 1] / white * 255)
    assert (photo.range.black, photo.range.white) == (0, white)
    assert np.array_equal(np.asarray(photo.image), np.broadcast_to(expected, (5, 7, 3)))


def test_compressed_planes_of_16_bits_keep_their_first_bytes():
    values = RNG.integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    data = tiff(values.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate", compression="zlib")
    assert np.array_equal(np.asarray(decode_photo(data).image), values >> 8)


GREYS = {
    "floats of 0 to 1": (np.float32([[0, 0.2, 1]]), [0, 51, 255]),
    "floats of 0 to 1 with overshoot": (np.float32([[-0.04, 0.2, 1.05]]), [0, 51, 255]),
    "floats of -1 to 1": (np.float32([[-1, 0, 0.8]]), [0, 128, 230]),
    "floats of 0 to 255": (np.float32([[0, 51, 255]]), [0, 51, 255]),
    "floats that are no numbers": (np.float32([[np.nan, 51, 255, np.inf, -np.inf]]), [0, 51, 255, 255, 0]),
    "32 bits of 0 to 255": (np.int32([[0, 51, 255]]), [0, 51, 255]),
    "32 bits of 0 to 65535": (np.uint32([[0, 13107, 65535]]), [0, 51, 255]),
    "32 bits beyond all usual ranges": (np.int32([[0, 200_000, 1_000_000]]), [0, 51, 255]),
    "16 bits with a sign": (np.int16([[-100, 0, 100]]), [0, 128, 255]),
    "all the same": (np.float32([[0, 0]]), [0, 0]),
    "all the same and negative": (np.float32([[-7, -7]]), [0, 0]),
}


@pytest.mark.parametrize("name", GREYS)
def test_grey_values_of_any_kind(name):
    values, expected = GREYS[name]
    assert np.asarray(decode_photo(tiff(values)).image)[0, :, 0].tolist() == expected


def test_a_tiff_in_which_zero_is_white():
    values = np.array([[0, 13107, 65535]], dtype=np.uint16)
    data = tiff(values, photometric="miniswhite")
    assert np.asarray(decode_photo(data).image)[0, :, 0].tolist() == [255, 204, 0]


def test_a_stated_range_counts():
    data = tiff(np.uint16([[100, 300, 500, 700]]))
    ranges = {"16 bits": (100, 600)}
    assert np.asarray(decode_photo(data, ranges=ranges).image)[0, :, 0].tolist() == [0, 102, 204, 255]
    photo = Image.fromarray(np.uint8([[[0, 3, 15], [5, 10, 200]]]))
    found = np.asarray(decode_photo(encoded(photo, "PNG"), ranges={"8 bits": (0, 15)}).image)
    assert found.tolist() == [[[0, 51, 255], [85, 170, 255]]]
    photo.putalpha(0)
    photo.putpixel((0, 0), (0, 3, 15, 255))
    found = np.asarray(decode_photo(encoded(photo, "PNG"), ranges={"8 bits": (0, 15)}).image)
    assert found.tolist() == [[[0, 51, 255], [255, 255, 255]]]


# ---- bands and opacity


def without_tag(data, tag):
    """A little-endian TIFF in which a tag has a number that no reader knows."""
    at = data.index(tag.to_bytes(2, "little") + b"\x03\x00")
    return data[:at] + (64_000).to_bytes(2, "little") + data[at + 2 :]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("said", ["unspecified", None])
def test_a_fourth_band_that_is_no_opacity(said, dtype):
    values = np.dstack([COLOURS, RNG.integers(0, 60, (5, 7), dtype=np.uint8)]).astype(dtype)
    data = tiff(values, photometric="rgb", extrasamples=["unspecified"], metadata=None)
    photo = decode_photo(data if said else without_tag(data, 338))
    assert np.array_equal(np.asarray(photo.image), COLOURS)
    assert photo.notes == (NO_OPACITY,)


@pytest.mark.parametrize("bands", [5, 6])
def test_further_bands_are_told(bands):
    values = np.dstack([COLOURS, RNG.integers(0, 60, (5, 7, bands - 3), dtype=np.uint8)])
    said = ["unspecified"] * (bands - 3)
    photo = decode_photo(tiff(values, photometric="rgb", extrasamples=said, planarconfig="contig"))
    assert np.array_equal(np.asarray(photo.image), COLOURS)
    assert photo.notes == (NO_OPACITY,)


def test_a_fourth_band_that_is_opacity():
    values = np.dstack([COLOURS, np.full((5, 7), 51, dtype=np.uint8)])
    photo = decode_photo(tiff(values, photometric="rgb", extrasamples=["unassalpha"]))
    assert np.abs(np.asarray(photo.image) - (0.2 * COLOURS + 0.8 * 255)).max() <= 1
    assert photo.notes == ()


ALL_CLEAR = np.dstack([COLOURS, np.zeros((5, 7), dtype=np.uint8)])


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(ALL_CLEAR), "PNG"),
        encoded(Image.fromarray(ALL_CLEAR), "WEBP", lossless=True, exact=True),
        tiff(ALL_CLEAR, photometric="rgb", extrasamples=["unassalpha"]),
        tiff(ALL_CLEAR, photometric="rgb", extrasamples=["assocalpha"]),
        deep_png(ALL_CLEAR.astype(np.uint16)),
    ],
    ids=["PNG", "WebP", "TIFF", "multiplied TIFF", "16 bits"],
)
def test_opacity_of_0_everywhere_is_left_out(data):
    photo = decode_photo(data)
    assert np.array_equal(np.asarray(photo.image), COLOURS)
    assert photo.notes == (ALL_TRANSPARENT,)


@pytest.mark.parametrize(
    ("values", "settings", "text"),
    [
        (np.zeros((5, 7, 2), np.uint8), {"planarconfig": "contig"}, "2 bands of 8 bits (integers)"),
        (np.zeros((5, 7, 2), np.uint16), {"planarconfig": "contig", "bigtiff": True}, "2 bands of 16 bits (integers)"),
        (np.zeros((5, 7, 8), np.uint8), {"planarconfig": "contig"}, "8 bands of 8 bits (integers)"),
        (np.zeros((5, 7, 3), np.float32), {"photometric": "rgb"}, "3 bands of 32 bits (floats)"),
        (np.zeros((5, 7)), {}, "1 band of 64 bits (floats)"),
    ],
)
def test_a_refusal_names_the_bands(values, settings, text):
    with pytest.raises(PhotoError) as caught:
        decode_photo(tiff(values, **{"photometric": "minisblack", **settings}))
    assert str(caught.value).startswith(f"unreadable: a TIFF of {text}; expected 1 band of up to 16 bits")


def test_planes_of_16_bits_that_would_be_read_as_8_are_refused():
    values = np.zeros((3, 5, 7), np.uint16)
    with pytest.raises(PhotoError, match="a TIFF of 16 bits with a plane per band"):
        decode_photo(tiff(values, photometric="rgb", planarconfig="separate"))


# ---- harmless damage


def noisy(size=(400, 300)):
    return Image.effect_noise(size, 80).convert("RGB")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_its_last_bytes(progressive):
    data = encoded(noisy(), "JPEG", progressive=progressive)
    whole = np.asarray(decode_photo(data).image).astype(int)
    for shorter_side in (None, 30):
        with pytest.raises(PhotoError, match="truncated"):
            decode_photo(data[:-200], shorter_side)
        photo = decode_photo(data[:-200], shorter_side, max_missing=0.1)
        assert photo.notes == (CUT,)
        assert (photo.width, photo.height) == (400, 300)
    there = np.asarray(decode_photo(data[:-200], max_missing=0.1).image)[:270]
    assert np.abs(there - whole[:270]).mean() < (30 if progressive else 0.01)
    assert decode_photo(data, max_missing=0.1).notes == ()


def test_half_a_jpeg_is_refused():
    for progressive, part in ((False, 0.5), (True, 0.02)):
        data = encoded(noisy(), "JPEG", progressive=progressive)
        with pytest.raises(PhotoError, match="truncated"):
            decode_photo(data[: int(part * len(data))], max_missing=0.1)


LARGE = zlib.compress(bytes(2_000_000), 9)
DAMAGED = {
    "long text": png_chunk(b"zTXt", b"a\0\0" + LARGE),
    "long Unicode text": png_chunk(b"iTXt", b"a\0\1\0\0\0" + LARGE),
    "long profile": png_chunk(b"iCCP", b"a\0\0" + LARGE),
    "text of many": png_chunk(b"tEXt", b"a\0" + b"x" * 2_000_000) * 40,
    "no profile": png_chunk(b"iCCP", b"a\0\1nothing"),
    "EXIF of nothing": png_chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
    "EXIF of letters": png_chunk(b"eXIf", b"letters"),
    "EXIF with another checksum": png_chunk(b"eXIf", b"letters")[:-1] + b"\0",
    "text with another checksum": png_chunk(b"tEXt", b"a\0b")[:-1] + b"\0",
}


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("name", DAMAGED)
def test_a_png_with_damage_that_is_no_pixels(name, place):
    data = encoded(Image.fromarray(COLOURS), "PNG")
    at = data.index(b"IDAT" if place == "before" else b"IEND") - 4
    photo = decode_photo(data[:at] + DAMAGED[name] + data[at:])
    assert np.array_equal(np.asarray(photo.image), COLOURS)


def test_a_png_with_a_long_text_keeps_its_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(COLOURS), "PNG", exif=exif)
    at = data.index(b"IDAT") - 4
    photo = decode_photo(data[:at] + DAMAGED["long text"] + data[at:])
    assert np.array_equal(np.asarray(photo.image), COLOURS.transpose(1, 0, 2)[:, ::-1])


def test_a_cut_png_with_a_long_text_is_refused():
    data = encoded(noisy(), "PNG")
    at = data.index(b"IDAT") - 4
    with pytest.raises(PhotoError):
        decode_photo(data[:at] + DAMAGED["long text"] + data[at : len(data) // 2])


@pytest.mark.parametrize("form", ["WEBP", "JPEG", "AVIF", "TIFF"])
@pytest.mark.parametrize("exif", [b"letters", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"])
def test_other_formats_with_damaged_exif(form, exif):
    settings = {"lossless": True} if form == "WEBP" else {}
    if form == "TIFF" or (form == "AVIF" and exif == b"letters"):
        pytest.skip("Pillow writes none")
    data = encoded(Image.fromarray(COLOURS).resize((64, 64)), form, exif=exif, **settings)
    assert decode_photo(data).image.size == (64, 64)


def test_a_webp_with_a_long_profile():
    profile = bytes(3_000_000)
    data = encoded(Image.fromarray(COLOURS), "WEBP", lossless=True, icc_profile=profile)
    assert len(data) > len(profile)
    assert np.array_equal(np.asarray(decode_photo(data).image), COLOURS)


# ---- HEIC


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)


def test_heic_without_its_package_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "stylevote.photos.heic", None)
    with pytest.raises(PhotoError) as caught:
        decode_photo(HEIC)
    assert str(caught.value) == "a HEIC photo, which needs a further package: pip install pillow-heif"


def test_heic_with_its_package():
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(COLOURS).resize((48, 64), Image.Resampling.BICUBIC)
    pillow_heif.from_pillow(image).save(stream, quality=95, exif=exif.tobytes())
    photo = decode_photo(stream.getvalue())
    assert photo.format == "HEIF"
    assert photo.image.size in ((48, 64), (64, 48))
    upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270) if photo.image.width == 64 else image)
    assert np.abs(np.asarray(photo.image).astype(int) - upright).mean() < 6
    with pytest.raises(PhotoError, match="truncated"):
        decode_photo(HEIC)


def test_the_package_is_imported_only_for_heic():
    code = (
        "import io, sys; from PIL import Image; from stylevote.photos.decoding import decode_photo;"
        "file = io.BytesIO(); Image.new('RGB', (9, 9)).save(file, 'AVIF'); decode_photo(file.getvalue());"
        "assert 'pillow_heif' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)


# ---- names and first bytes


def test_photos_are_known_by_their_first_bytes(tmp_path):
    photo = tmp_path / "photo"
    image = Image.fromarray(COLOURS)
    for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000"):
        photo.write_bytes(encoded(image, form))
        assert begins_as_photo(photo), form
    photo.write_bytes(HEIC)
    assert begins_as_photo(photo)
    for other in (b"", b"image,sport\n", b"BM, a text", b"PK\3\4", b"%PDF-1.7", b"\0\0\0\x18ftypmp42\0\0\0\0isom"):
        photo.write_bytes(other)
        assert not begins_as_photo(photo), other
    assert not begins_as_photo(tmp_path)
    assert not begins_as_photo(tmp_path / "gone")
    assert is_photo("a.HEIC") and is_photo("a.heif") and not is_photo("a.xyz")
