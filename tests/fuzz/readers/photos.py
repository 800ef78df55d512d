"""Photos: what ingest accepts, the pixel cache can read."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from fuzz.mutations import PNG_SIGNATURE, mutated, png, png_chunk, with_checksums
from stylevote.errors import InputError
from stylevote.photos.examining import MAX_MISSING, examine_photo
from stylevote.photos.pixels import cut_box, read_ingested

SIDE = 48


def prepare(folder: Path) -> tuple[list[bytes], st.SearchStrategy[bytes], Callable[[bytes], None]]:
    """Return traps, mutated photos of every format that Pillow writes, and ingest followed by the pixel cache."""
    files = [*good_photos(), *other_files()]
    made = st.builds(_drawn_png, *(st.sampled_from(values) for values in (SIZES, SIZES, DEPTHS, COLOURS)), CHUNKS)
    cases = st.one_of(mutated(files), mutated(files).map(with_checksums), made)

    def read(data: bytes) -> None:
        (folder / "photo.jpg").write_bytes(data)
        found = examine_photo(folder, "photo.jpg", max_missing=MAX_MISSING)
        if isinstance(found, str):
            raise InputError(found)
        pixels = read_ingested(folder, "photo.jpg", found.sha256, found.range.text, SIDE)
        left, top, right, bottom = cut_box(found.width, found.height)
        if min(pixels.shape[:2]) != SIDE or (pixels.shape[0] < pixels.shape[1]) != (bottom - top < right - left):
            raise AssertionError(f"pixels of shape {pixels.shape} for a photo of {found.width} x {found.height}")

    return [*files, *traps()], cases, read


def good_photos() -> list[bytes]:
    """Return small photos in every format that is accepted, and every mode that it has."""
    colour = Image.fromarray(np.random.default_rng(1).integers(0, 256, (36, 52, 3), dtype=np.uint8))
    grey = np.asarray(colour.convert("L"))
    veiled = colour.copy()
    veiled.putalpha(Image.fromarray(grey))
    turned = Image.Exif()
    turned[0x0112], turned[0x010E] = 6, "a photo"
    turned.get_ifd(0x8769)[0x9003] = "2018:01:01 00:00:00"
    wide = Image.fromarray(grey.astype(np.uint16) * 257)
    saved = [
        (colour, {"format": "JPEG", "exif": turned, "comment": b"a photo"}),
        (colour, {"format": "JPEG", "progressive": True, "restart_marker_blocks": 2}),
        (colour.convert("CMYK"), {"format": "JPEG"}),
        (colour.convert("L"), {"format": "JPEG", "subsampling": 0}),
        (colour, {"format": "MPO", "save_all": True, "append_images": [colour]}),
        *((colour.convert(mode), {"format": "PNG", "exif": turned}) for mode in ("1", "L", "LA", "P", "RGB")),
        (veiled, {"format": "PNG"}),
        (wide, {"format": "PNG"}),
        (colour.convert("P"), {"format": "PNG", "transparency": 3}),
        (colour.convert("P"), {"format": "PNG", "save_all": True, "append_images": [colour.convert("P").rotate(180)]}),
        (colour.convert("P"), {"format": "GIF", "transparency": 3, "interlace": 1}),
        (colour.convert("P"), {"format": "GIF", "save_all": True, "append_images": [colour.convert("P").rotate(180)]}),
        (colour, {"format": "WEBP", "exif": turned}),
        (veiled, {"format": "WEBP", "lossless": True}),
        (veiled, {"format": "WEBP", "save_all": True, "append_images": [veiled.rotate(180)]}),
        *((colour.convert(mode), {"format": "BMP"}) for mode in ("1", "L", "P", "RGB")),
        (veiled, {"format": "BMP"}),
        *((colour, {"format": "TIFF", "compression": name, "exif": turned}) for name in TIFF_COMPRESSIONS),
        *((colour.convert(mode), {"format": "TIFF"}) for mode in ("1", "F", "I", "LA", "LAB", "CMYK", "YCbCr")),
        (wide, {"format": "TIFF", "compression": "tiff_lzw"}),
        (colour.convert("1"), {"format": "TIFF", "compression": "group4"}),
        (colour, {"format": "TIFF", "save_all": True, "append_images": [colour]}),
        (colour, {"format": "AVIF", "exif": turned}),
        (veiled, {"format": "AVIF"}),
    ]
    photos = [_saved(image, settings) for image, settings in saved]
    # Colours of 16 bits, grey and opacity of 16 bits, a fourth band that the file does not call opacity, a cut photo.
    deep = [png(36, 5, 16, colours, pixels=bytes(range(250)) * 8) for colours in (2, 4, 6)]
    named = _saved(veiled, {"format": "TIFF"})
    unnamed = named.replace(b"\x52\x01\x03\x00", b"\x52\xfe\x03\x00")
    return [*photos, *deep, named, unnamed, photos[0][:-40], photos[1][:-40], HEIC]


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
TIFF_COMPRESSIONS = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")


def other_files() -> list[bytes]:
    """Return small files in formats that are never opened, EPS among them, whose reader starts a program."""
    image = Image.new("RGB", (32, 32), "red")
    formats = ("EPS", "ICO", "ICNS", "PPM", "TGA", "JPEG2000", "PCX", "SGI", "DDS", "PDF", "IM", "MSP", "SPIDER")
    modes = {"MSP": "1", "SPIDER": "F"}
    return [_saved(image.convert(modes.get(name, "RGB")), {"format": name}) for name in formats]


def _saved(image: Image.Image, settings: dict) -> bytes:
    stream = io.BytesIO()
    image.save(stream, **settings)
    return stream.getvalue()


SIZES = [0, 1, 2, 31, 48, 1000, 65_535, 2**31 - 1, 2**32 - 1]
DEPTHS = [0, 1, 2, 4, 8, 16, 32]
COLOURS = [0, 1, 2, 3, 4, 6, 255]
KINDS = [
    b"PLTE",
    b"tRNS",
    b"zTXt",
    b"iTXt",
    b"tEXt",
    b"iCCP",
    b"eXIf",
    b"gAMA",
    b"cHRM",
    b"pHYs",
    b"acTL",
    b"fcTL",
    b"fdAT",
]
CHUNKS = st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=60)), max_size=4)


def _drawn_png(width: int, height: int, depth: int, colour: int, chunks: list[tuple[bytes, bytes]]) -> bytes:
    filled = bytes(20_000)  # pixels enough for the small sizes
    return png(width, height, depth, colour, *(png_chunk(kind, body) for kind, body in chunks), pixels=filled)


def traps() -> list[bytes]:
    """Return small files that grow large, or keep a reader busy."""
    import zlib

    bomb = zlib.compress(bytes(50_000_000), 9)
    texts = [png_chunk(kind, b"a\0\0" + bomb) for kind in (b"zTXt", b"iCCP")]
    texts += [png_chunk(b"iTXt", b"a\0\1\0\0\0" + bomb)] * 3
    good = good_photos()
    return [
        b"",
        PNG_SIGNATURE,
        *(png(8, 8, 8, 2, text, pixels=bytes(8 * 25)) for text in texts),
        # Nearly as large as is accepted, larger, and with fewer pixels than promised.
        *(png(7_000, 7_000, depth, colour, rows=7_000) for depth, colour in ((16, 0), (8, 6))),
        png(10_001, 10_000, 8, 0, rows=10),
        png(8_000, 8_000, 8, 2, rows=10),
        png(2**31 - 1, 1, 1, 0, rows=1),
        png(69_000_000, 1, 8, 0, rows=1),
        many_scans(_saved(Image.new("L", (8_000, 8_000)), {"format": "JPEG", "progressive": True}), 1_000),
        *(exif_of(orientation, good[0]) for orientation in (struct.pack("<I", 6), b"\xff\xff\xff\xff", b"\0\0\0\0")),
        b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b",\0\0\0\0\xff\xff\xff\xff\0\2\2L\1\0;",
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 30_000, -30_000, 1, 1, 0, 0, 0, 0, 0, 0),
    ]


def many_scans(progressive: bytes, times: int) -> bytes:
    """Return a progressive JPEG whose last scan stands there again and again, each of which is decoded."""
    start = progressive.rindex(b"\xff\xda")
    return progressive[:start] + progressive[start:-2] * times + progressive[-2:]


def exif_of(orientation: bytes, jpeg: bytes) -> bytes:
    """Return a JPEG with these bytes in the place of its EXIF orientation."""
    tag = jpeg.index(b"\x01\x12", 0, 200)
    return jpeg[: tag + 8] + orientation + jpeg[tag + 12 :]
