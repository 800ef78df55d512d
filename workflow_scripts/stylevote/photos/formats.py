"""Formats of photos: what the first bytes tell, and structures that are read without a decoder."""

import os
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path, PurePosixPath

from PIL import Image, TiffImagePlugin

# The usual formats of photos and no others: each format is a decoder that a hostile file can attack, and EPS would
# start Ghostscript. MPO, which some cameras write, is missing because Pillow opens it as a JPEG.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
HEIF = "HEIF"  # pillow-heif's name of HEIC, a format of telephones
PHOTO_SUFFIXES = {suffix for suffix, name in Image.registered_extensions().items() if name in (*FORMATS, "MPO")}
PHOTO_SUFFIXES |= {".heic", ".heif", ".hif"}

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# The first bytes of photos, also in formats that are not decoded.
SIGNATURES = (
    *(b"\xff\xd8\xff", PNG_SIGNATURE, b"GIF87a", b"GIF89a", *TIFF_SIGNATURES),
    *(b"8BPS\0\1", b"\xff\x0a", b"\0\0\0\x0cJXL ", b"\0\0\0\x0cjP  ", b"FUJIFILMCCD-RAW", b"IIRO", b"IIU\0"),
)
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
OTHER_BRANDS = {b"avif", b"avis", b"mif1", b"msf1", b"crx "}
HEAD = 64  # bytes in which a signature is

# A JPEG's markers: 0xff, but neither stuffing (0x00) nor a restart (0xd0 to 0xd7).
MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)
START_OF_SCAN, END_OF_IMAGE = b"\xda", b"\xd9"
TEXTS = {b"tEXt", b"zTXt", b"iTXt", b"iCCP"}  # chunks of a PNG
BITS, PHOTOMETRIC, BANDS, PLANES, EXTRA_SAMPLES, SAMPLE_FORMAT = 258, 262, 277, 284, 338, 339  # tags of a TIFF
WHITE_IS_ZERO, SEPARATE = 0, 2  # values of PHOTOMETRIC and PLANES
SAMPLE_FORMATS = {2: "signed integers", 3: "floats"}


def is_photo(path: str) -> bool:
    """Tell by its suffix whether a file is a photo."""
    return PurePosixPath(path).suffix.lower() in PHOTO_SUFFIXES


def begins_as_photo(path: Path) -> bool:
    """Tell by its first bytes whether a file is a photo, of whatever name; False if it cannot be read."""
    with suppress(OSError):
        # A pipe would wait for a writer: nothing but regular files is read.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
            head = file.read(HEAD) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
        return (
            head.startswith(SIGNATURES)
            or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
            or (head.startswith(b"BM") and head[6:10] == bytes(4))
            or not (HEIF_BRANDS | OTHER_BRANDS).isdisjoint(_brands(head))
        )
    return False


def is_heif(data: bytes) -> bool:
    """Tell whether a file is in one of the formats of HEIC, which need pillow-heif, and not AVIF."""
    return not HEIF_BRANDS.isdisjoint(_brands(data[:HEAD]))


def _brands(head: bytes) -> list[bytes]:
    """Return the formats that a file of the ISO base media format says it has."""
    if head[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(head[:4]), len(head))
    return [head[8:12], *(head[start : start + 4] for start in range(16, end, 4))]


def count_scans(data: bytes) -> int:
    """Return the number of scans of a JPEG's first image without decoding it."""
    scans, position = 0, 2
    while (marker := MARKER.search(data, position)) and marker[1] != END_OF_IMAGE:
        scans += marker[1] == START_OF_SCAN
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])  # skip the marker's segment
    return scans


def without_texts(png: bytes) -> bytes:
    """Return a PNG without its texts, its profile, and damaged EXIF: none of them changes pixels."""
    return PNG_SIGNATURE + b"".join(
        chunk
        for kind, chunk in _png_chunks(png)
        if kind not in TEXTS and not (kind == b"eXIf" and chunk[-4:] != struct.pack(">I", zlib.crc32(chunk[4:-4])))
    )


def _png_chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and bytes of each chunk of a PNG; the last one may be cut."""
    start = len(PNG_SIGNATURE)
    while start < len(png):
        end = start + 12 + int.from_bytes(png[start : start + 4])
        yield png[start + 4 : start + 8], png[start:end]
        start = end


def describe_tiff(data: bytes) -> str:
    """Return a refusal that names the bands of a TIFF of which nothing else is wrong; empty if it cannot be read."""
    try:
        file = BytesIO(data)
        size = 16 if b"+" in data[:4] else 8
        directory = TiffImagePlugin.ImageFileDirectory_v2(file.read(size))
        file.seek(directory.next)
        directory.load(file)
        bands, bits = int(directory.get(BANDS, 1)), sorted({int(each) for each in directory.get(BITS, (1,))})
        form = SAMPLE_FORMATS.get(max(directory.get(SAMPLE_FORMAT, (1,))), "integers")
    except Exception:  # damaged bytes raise nearly anything
        return ""
    return (
        f"a TIFF of {bands} band{'s'[: bands != 1]} of {' and '.join(map(str, bits))} bits ({form}); expected 1 band of"
        " up to 16 bits, of 32-bit integers or of 32-bit floats, or 3 or 4 bands of 8 or 16 bits"
    )
