"""Values of photos of more than 8 bits: which of them are black and white."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

BITS_8, BITS_16, BITS_32, FLOATS = "8 bits", "16 bits", "32 bits", "floats"
# The ranges that cameras, microscopes and programs usually have, the smallest first.
USUAL = {
    BITS_16: [(0, 255), (0, 1023), (0, 4095), (0, 16383), (0, 65535)],
    BITS_32: [(0, 255), (0, 1023), (0, 4095), (0, 16383), (0, 65535)],
    FLOATS: [(0, 1), (-1, 1), (0, 255), (0, 4095), (0, 65535)],
}
OVERSHOOT = {FLOATS: 0.1}  # resampling takes floats a little beyond their range: fraction of the range
VALUES_AT_ONCE = 1 << 20


class Range(NamedTuple):
    """The values of a kind that become black and white."""

    kind: str
    black: float
    white: float

    @property
    def text(self) -> str:
        """The range as the manifest has it; empty for 8 bits that stay as they are."""
        return "" if self == UNCHANGED else f"{self.kind} {float(self.black)!r} {float(self.white)!r}"

    def __str__(self) -> str:
        """Return the range in words."""
        return f"of the values of {self.kind}, {self.black:.10g} is black and {self.white:.10g} is white"


UNCHANGED = Range(BITS_8, 0, 255)


class Values(NamedTuple):
    """The kind of a photo's values, and the lowest and highest one: opacity and what is not finite do not count."""

    kind: str
    low: float
    high: float

    @property
    def range(self) -> Range:
        """The smallest usual range that holds the values, or the values' own one if none does."""
        if self.kind == BITS_8:
            return UNCHANGED
        for black, white in USUAL[self.kind]:
            beyond = OVERSHOOT.get(self.kind, 0) * (white - black)
            if black - beyond <= self.low and self.high <= white + beyond:
                return Range(self.kind, black, white)
        return Range(self.kind, min(self.low, 0), max(self.high, 0))


BYTES = Values(BITS_8, 0, 255)


def judge_ranges(values: Sequence[Values]) -> dict[str, tuple[float, float]]:
    """Return the values that become black and white for each kind in a photoset, but for 8 bits: see `Values.range`."""
    ranges = {}
    for kind in sorted({one.kind for one in values} - {BITS_8}):
        same = [one for one in values if one.kind == kind]
        ranges[kind] = Values(kind, min(one.low for one in same), max(one.high for one in same)).range[1:]
    return ranges


def read_range(text: str) -> dict[str, tuple[float, float]]:
    """Return black and white by the kind of values, as `decode_photo` takes them, from `Range.text`."""
    kind, _, rest = text.rpartition(" ")[0].rpartition(" ")
    return {kind: (float(rest), float(text.rpartition(" ")[2]))} if text else {}


def scale_bytes(image: Image.Image, used: Range) -> Image.Image:
    """Return a photo of 8 bits with other values as black and white; opacity stays."""
    if used == UNCHANGED:
        return image
    opaque = not image.has_transparency_data
    image = image.convert("RGB" if opaque else "RGBA")
    table = _in_8_bits(np.arange(256.0), used).tolist()
    return image.point(table * 3 + ([] if opaque else list(range(256))))


def scale_values(
    mode: str, parts: Sequence[np.ndarray], ranges: Mapping[str, tuple[float, float]]
) -> tuple[Image.Image, Values, Range]:
    """Return a photo of more than 8 bits in 8 bits, its values, and the range that was used.

    Args:
        mode: Pillow's, of one band.
        parts: the values; or their first and their second bytes. Shape (height, width, bands); of two or four bands,
            the last is opacity.
        ranges: black and white by the kind of values; a kind that is missing gets `Values.range`.
    """
    kind = FLOATS if mode == "F" else BITS_16 if mode.startswith("I;16") else BITS_32
    height, width, bands = parts[0].shape
    flat = [part.reshape(-1, bands) for part in parts]
    colours = bands - (bands % 2 == 0)
    lowest, highest = [], []
    for _, chunk in _chunks(flat):
        finite = chunk[:, :colours]
        if kind == FLOATS:
            finite = finite[np.isfinite(finite)].astype(np.float64)
        if finite.size:
            lowest.append(float(finite.min()))
            highest.append(float(finite.max()))
    values = Values(kind, min(lowest, default=0.0), max(highest, default=0.0))
    used = Range(kind, *ranges[kind]) if kind in ranges else values.range
    result = np.empty((height * width, bands), dtype=np.uint8)
    # Of few possible values each is computed once.
    table = _in_8_bits(np.arange(65536.0), used) if kind == BITS_16 else None
    for pixels, chunk in _chunks(flat):
        result[pixels] = _in_8_bits(chunk.astype(np.float64), used) if table is None else table[chunk]
    result = result.reshape(height, width, bands)
    return Image.fromarray(result[..., 0] if bands == 1 else result), values, used


def _chunks(parts: Sequence[np.ndarray]) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield parts of a photo's values: as floats, those of the largest photos would take gigabytes."""
    for start in range(0, len(parts[0]), VALUES_AT_ONCE):
        pixels = slice(start, start + VALUES_AT_ONCE)
        first, *second = (part[pixels] for part in parts)
        yield pixels, (first.astype(np.uint16) << 8) | second[0] if second else first


def _in_8_bits(values: np.ndarray, used: Range) -> np.ndarray:
    """Return values in 8 bits; what is no number is black."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.clip((values - used.black) / max(used.white - used.black, np.finfo(float).tiny), 0, 1)
    return np.rint(np.nan_to_num(scaled) * 255).astype(np.uint8)
