"""Pixels: every kind of file becomes upright RGB, and the cache holds what Pillow alone would give."""

import hashlib
import io
import tracemalloc
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from programs import call
from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table
from stylevote.photos.decoding import PhotoError, decode_photo, read_bytes
from stylevote.photos.pixels import cache_pixels, map_in_order, open_pixels, resize_photo


def drawn(size, seed=0):
    """A smooth photo, so that lossy formats change it little."""
    blotches = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC)


def encoded(image, form, **settings):
    stream = io.BytesIO()
    image.save(stream, form, **settings)
    return stream.getvalue()


def difference(image, other):
    return np.abs(np.asarray(image, dtype=float) - np.asarray(other, dtype=float)).mean()


# ---- formats and modes


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "GIF", "MPO"])
def test_formats(form):
    image = drawn((40, 60))
    photo = decode_photo(encoded(image, form))
    assert (photo.image.mode, photo.image.size, photo.width, photo.height) == ("RGB", (40, 60), 40, 60)
    assert difference(photo.image, image) < (8 if form == "GIF" else 3)


@pytest.mark.parametrize(("mode", "form"), [("L", "PNG"), ("L", "JPEG"), ("LA", "PNG"), ("P", "PNG"), ("1", "PNG")])
def test_grey_palettes_and_black_and_white(mode, form):
    image = drawn((40, 60)).quantize(256) if mode == "P" else drawn((40, 60)).convert(mode)
    photo = decode_photo(encoded(image, form, quality=95)).image
    assert photo.mode == "RGB"
    assert difference(photo, image.convert("RGB")) < (1 if form == "JPEG" else 1e-9)


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk(form):
    image = drawn((40, 60))
    photo = decode_photo(encoded(image.convert("CMYK"), form)).image
    assert photo.mode == "RGB"
    assert difference(photo, image) < 3


def test_transparent_pixels_become_white():
    image = drawn((40, 60)).convert("RGBA")
    alpha = np.full((60, 40), 255, dtype=np.uint8)
    alpha[:20] = 0
    alpha[20:40] = 51
    image.putalpha(Image.fromarray(alpha))
    pixels = np.asarray(decode_photo(encoded(image, "PNG")).image, dtype=float)
    colours = np.asarray(image, dtype=float)[..., :3]
    assert (pixels[:20] == 255).all()
    assert np.abs(pixels[20:40] - (0.2 * colours[20:40] + 0.8 * 255)).max() <= 1
    assert (pixels[40:] == colours[40:]).all()


def test_transparent_colour_of_a_palette_becomes_white():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 2), 1)
    pixels = np.asarray(decode_photo(encoded(image, "GIF", transparency=0)).image)
    assert pixels[2, 1].tolist() == [0, 0, 255]
    assert (pixels.reshape(-1, 3).min(axis=1) == 255).sum() == 15


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation(form):
    first, second = Image.new("RGB", (20, 20), "red"), Image.new("RGB", (20, 20), "blue")
    photo = decode_photo(encoded(first, form, save_all=True, append_images=[second]))
    assert np.asarray(photo.image)[10, 10, 0] > 240
    assert np.asarray(photo.image)[10, 10, 2] < 15


TURNED = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: pixels.transpose(1, 0, 2)[:, ::-1],
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: lambda pixels: pixels.transpose(1, 0, 2)[::-1],
    99: lambda pixels: pixels,  # there is no such orientation
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = drawn((40, 60))
    photo = decode_photo(encoded(image, form, exif=exif))
    expected = TURNED[orientation](np.asarray(image))
    assert (photo.height, photo.width) == expected.shape[:2]
    assert difference(photo.image, expected) < 3


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("shorter_side", [None, 8])
def test_truncated_photos_raise(form, shorter_side):
    data = encoded(Image.effect_noise((200, 300), 80).convert("RGB"), form)
    with pytest.raises(PhotoError):
        decode_photo(data[: len(data) * 2 // 3], shorter_side)


@pytest.mark.parametrize("form", ["PPM", "JPEG2000", "EPS", "ICO", "TGA", "PDF"])
def test_other_formats_are_never_opened(form):
    with pytest.raises(PhotoError, match="no photo of a known format"):
        decode_photo(encoded(drawn((40, 60)), form))


def repeat_last_scan(progressive, times):
    start = progressive.rindex(b"\xff\xda")
    return progressive[:start] + progressive[start:-2] * times + progressive[-2:]


def test_a_jpeg_whose_scans_never_end_is_refused():
    ordinary = encoded(drawn((40, 60)), "JPEG", progressive=True)  # libjpeg writes ten scans
    assert decode_photo(repeat_last_scan(ordinary, 41)).width == 40
    with pytest.raises(PhotoError, match="a JPEG of 51 scans, at most 50 are accepted"):
        decode_photo(repeat_last_scan(ordinary, 42))
    with pytest.raises(PhotoError, match="a JPEG of 100009 scans"):
        decode_photo(repeat_last_scan(ordinary, 100_000), 16)


def test_scans_of_thumbnails_and_of_what_follows_the_photo_do_not_count():
    exif = Image.Exif()
    exif[0x010E] = "\xff\xda" * 100
    noise = Image.effect_noise((300, 200), 200)  # its entropy-coded bytes hold many 0xff
    data = encoded(noise, "JPEG", exif=exif, restart_marker_blocks=1, quality=100) + b"\xff\xda" * 100
    assert data.count(b"\xff\x00") > 100
    assert decode_photo(data).width == 300


def test_16_bits_are_scaled_alike_in_all_parts_and_take_little_memory():
    values = np.arange(4_000_000, dtype=np.uint16).reshape(2000, 2000) // 2
    values[-1, -1] = 40_000
    data = encoded(Image.fromarray(values), "PNG")
    tracemalloc.start()
    found = np.asarray(decode_photo(data).image)[..., 0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found, np.rint(values / 65535 * 255).astype(np.uint8))
    assert peak < 60e6  # all values as floats, three times over, would be 96 MB


def test_files_are_read(tmp_path):
    drawn((40, 60)).save(tmp_path / "a.png")
    assert difference(decode_photo(read_bytes(tmp_path / "a.png")).image, drawn((40, 60))) == 0
    with pytest.raises(PhotoError, match="unreadable: No such file or directory"):
        read_bytes(tmp_path / "b.png")
    with pytest.raises(PhotoError, match="unreadable: it is not a file"):
        read_bytes(tmp_path)


# ---- sizes


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 150), (32, 48)),
        ((150, 100), (48, 32)),
        ((20, 20), (32, 32)),
        ((100, 200), (32, 64)),
        ((333, 500), (32, 48)),
    ],
)
def test_resize_equals_pillow(size, expected):
    image = drawn(size)
    pixels = resize_photo(decode_photo(encoded(image, "PNG")), 32)
    assert pixels.dtype == np.uint8
    assert (pixels == np.asarray(image.resize(expected, Image.Resampling.LANCZOS))).all()


@pytest.mark.parametrize(("size", "kept"), [((100, 500), (0, 150, 100, 350)), ((501, 100), (150, 0, 350, 100))])
def test_long_photos_are_cut_at_both_ends(size, kept):
    image = drawn(size)
    pixels = resize_photo(decode_photo(encoded(image, "PNG")), 32)
    assert sorted(pixels.shape[:2]) == [32, 64]
    cut = image.crop(kept).resize(pixels.shape[1::-1], Image.Resampling.LANCZOS)
    assert difference(pixels, cut) < 1


def test_strip_is_not_blown_up():
    assert resize_photo(decode_photo(encoded(Image.new("RGB", (1, 60_000)), "PNG")), 96).shape == (192, 96, 3)


@pytest.mark.parametrize("size", [(801, 1203), (1203, 801), (400, 3000)])
def test_reduced_decoding_changes_little(size):
    data = encoded(drawn(size), "JPEG", quality=95)
    reduced = decode_photo(data, 40)
    assert 80 <= min(reduced.image.size) < 200
    assert (reduced.width, reduced.height) == size
    pixels, exact = resize_photo(reduced, 40), resize_photo(decode_photo(data), 40)
    assert pixels.shape == exact.shape
    assert difference(pixels, exact) < 0.5


# ---- the cache


@pytest.fixture
def photos(tmp_path):
    """A folder of 80 photos of different sizes and kinds."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for k in range(80):
        image = drawn((40 + k, 150 - k), k)
        image.save(folder / f"{k:02d}.{'jpg' if k % 2 else 'png'}")
    return folder


def manifest_of(folder):
    paths = sorted(path.name for path in folder.iterdir())
    digests = [hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in paths]
    return pd.DataFrame(
        {"image_id": [f"id {path}" for path in paths], "path": paths, "sha256": digests, "pixel_range": ""}
    )


def test_cache_holds_every_photo_at_its_offset(photos, tmp_path):
    manifest = manifest_of(photos)
    index = cache_pixels(manifest, photos, 24, tmp_path / "pixels.bin")
    assert index.columns.tolist() == ["image_id", "offset", "height", "width", "sha256", "crc32"]
    assert index.dtypes.astype(str).tolist() == ["str", "int64", "int32", "int32", "str", "int64"]
    assert index["image_id"].tolist() == manifest["image_id"].tolist()
    assert index["sha256"].tolist() == manifest["sha256"].tolist()
    flat = open_pixels(tmp_path / "pixels.bin", index)
    assert flat.dtype == np.uint8
    end = 0
    for row, path in zip(index.itertuples(), manifest["path"], strict=True):
        assert row.offset == end
        end += 3 * row.height * row.width
        assert min(row.height, row.width) == 24
        assert max(row.height, row.width) <= 48
        pixels = flat[row.offset : end].reshape(row.height, row.width, 3)
        assert row.crc32 == zlib.crc32(pixels)
        image = Image.open(photos / path)
        if max(image.size) <= 2 * min(image.size):
            plain = image.resize((row.width, row.height), Image.Resampling.LANCZOS)
            assert difference(pixels, plain) < (2 if path.endswith("jpg") else 1e-9)
    assert end == flat.size


def test_threads_change_no_byte(photos, tmp_path):
    manifest = manifest_of(photos)
    alone = cache_pixels(manifest, photos, 24, tmp_path / "alone.bin", threads=1)
    together = cache_pixels(manifest, photos, 24, tmp_path / "together.bin", threads=2)
    pd.testing.assert_frame_equal(alone, together)
    assert (tmp_path / "alone.bin").read_bytes() == (tmp_path / "together.bin").read_bytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_changed_photo_is_refused(photos, tmp_path, threads):
    manifest = manifest_of(photos)
    drawn((40, 60), 99).save(photos / "40.png")
    with pytest.raises(InputError) as caught:
        cache_pixels(manifest, photos, 24, tmp_path / "pixels.bin", threads)
    assert str(caught.value) == (
        f"{photos / '40.png'}: its bytes changed after it was ingested; ingest the photos again or restore it"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_photo_that_went_away_is_named(photos, tmp_path):
    manifest = manifest_of(photos)
    (photos / "05.jpg").unlink()
    with pytest.raises(InputError, match=r"05\.jpg: cannot be read any more \(unreadable: No"):
        cache_pixels(manifest, photos, 24, tmp_path / "pixels.bin")


def test_cache_that_does_not_fit_its_index(photos, tmp_path):
    path = tmp_path / "pixels.bin"
    with pytest.raises(InputError, match="cannot be opened"):
        open_pixels(path, pd.DataFrame({"height": [1], "width": [1]}))
    index = cache_pixels(manifest_of(photos), photos, 24, path)
    size = path.stat().st_size
    with path.open("r+b") as stream:
        stream.truncate(size - 1)
    with pytest.raises(InputError, match=f"{size - 1} bytes, but its index describes {size}"):
        open_pixels(path, index)


def test_no_photo_of_other_pixels_is_used(photos, tmp_path):
    path = tmp_path / "pixels.bin"
    index = cache_pixels(manifest_of(photos), photos, 24, path)
    for row in (0, 40, len(index) - 1):
        data = bytearray(path.read_bytes())
        data[index["offset"][row] + 100] ^= 4
        (tmp_path / "flipped.bin").write_bytes(data)
        name = index["image_id"][row]
        with pytest.raises(
            InputError, match=rf"flipped\.bin: damaged \(the checksum of the photo {name} does not match"
        ):
            open_pixels(tmp_path / "flipped.bin", index)


def test_map_in_order():
    items = list(range(-150, 0))
    for threads in (1, 2):
        assert list(map_in_order(abs, items, threads)) == [abs(item) for item in items]


def run_program(photos, folder, expected=0):
    """Run the program; return what it says."""
    options = ["--photos", str(photos), "--manifest=manifest", "--pixels=cache/pixels", "--index=cache/index"]
    return call(folder, "photos/cache_pixels", *options, "--threads=1", "--settings", {"size": 24}, expected=expected)


def test_program(photos, tmp_path):
    write_table(manifest_of(photos), tmp_path / "manifest")
    assert "80 photos at 24 pixels" in run_program(photos, tmp_path)
    index = read_table(tmp_path / "cache" / "index")
    assert len(open_pixels(tmp_path / "cache" / "pixels", index))


def test_program_ends_with_the_message(photos, tmp_path):
    write_table(manifest_of(photos).assign(sha256="another"), tmp_path / "manifest")
    said = run_program(photos, tmp_path, expected=1)
    assert said.startswith(f"error: {photos / '00.png'}: its bytes changed after it was ingested")
    assert not (tmp_path / "cache" / "index").exists()
