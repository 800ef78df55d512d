"""Damage to good files: what a cut download, a wrong program or an ill will makes of their bytes."""

import struct
import zlib
from collections.abc import Sequence

from hypothesis import strategies as st

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_BYTES = 4_000_000  # repetition makes files no longer than this
# Numbers at which readers that trust a length or a count go wrong.
NUMBERS = [struct.pack(form, value) for form in (">H", "<H", ">I", "<I", "<Q") for value in (0, 1, 0x7FFF, 0xFFFF)]
NUMBERS += [struct.pack(form, value) for form in (">I", "<I", "<Q") for value in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)]


def mutated(originals: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return one of the files with up to six edits, each near its beginning or anywhere in it."""
    edit = st.tuples(
        st.sampled_from(["flip", "number", "cut", "remove", "repeat", "splice", "insert", "keep header"]),
        st.one_of(st.integers(0, 200), st.floats(0, 1)),
        st.integers(1, 64),
        st.one_of(st.sampled_from(NUMBERS), st.binary(min_size=1, max_size=40)),
    )
    files = st.sampled_from(originals)
    return st.builds(_edited, files, files, st.lists(edit, max_size=6))


def _edited(data: bytes, other: bytes, edits: list[tuple[str, int | float, int, bytes]]) -> bytes:
    for kind, place, length, content in edits:
        at = min(place, len(data)) if isinstance(place, int) else int(place * len(data))
        before, after = data[:at], data[at:]
        if kind == "flip":
            data = before + bytes(byte ^ content[0] for byte in after[:1]) + after[1:]
        elif kind == "number":
            data = before + content + after[len(content) :]
        elif kind == "cut":
            data = before
        elif kind == "remove":
            data = before + after[length:]
        elif kind == "repeat":
            times = min(content[0] ** 2, MAX_BYTES // length)
            data = before + after[:length] * times + after[length:]
        elif kind == "splice":
            data = before + other[min(at, len(other)) :]
        elif kind == "insert":
            data = before + content + after
        else:
            data = before + content * 20
    return data[:MAX_BYTES]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG, with a checksum that fits."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, *chunks: bytes, pixels: bytes = b"", rows: int = 0) -> bytes:
    """Return a PNG: its header, further chunks, and compressed ``pixels`` or so many black ``rows``.

    Memory holds a row, whatever the size; the header may promise more rows than there are.
    """
    packer = zlib.compressobj(9)
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    row = bytes(1 + (width * bits + 7) // 8) if rows else b""
    body = b"".join([*(packer.compress(row) for _ in range(rows)), packer.compress(pixels), packer.flush()])
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return PNG_SIGNATURE + header + b"".join(chunks) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def with_checksums(data: bytes) -> bytes:
    """Return the bytes with the checksums of a PNG's chunks set right: damage behind them is met only so."""
    if not data.startswith(PNG_SIGNATURE):
        return data
    at, parts = len(PNG_SIGNATURE), [PNG_SIGNATURE]
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        parts.append(png_chunk(kind, body))
        at += 12 + length
    return b"".join(parts)
