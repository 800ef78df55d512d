"""Masks and the table of their classes: damaged and drawn, of another size, of another kind of file."""

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from fuzz.mutations import mutated, png, png_chunk, with_checksums
from stylevote.augment.masks import Sources
from stylevote.augment.segmenters.given import Segmenter
from stylevote.config.photos import Segmentation

WIDTH, HEIGHT = 20, 30
TABLE = b"value,name,group\n0,background,background\n1,skin,body\n2,coat,clothing\n3,bag,accessory\n"
Case = tuple[bytes, bytes]  # a mask and a table of classes


def prepare(folder: Path) -> tuple[list[Case], st.SearchStrategy[Case], Callable[[Case], None]]:
    """Return traps, damaged masks and tables, and the segmenter that reads them."""
    photo = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    row = SimpleNamespace(path="0.jpg", width=WIDTH, height=HEIGHT)
    (folder / "masks").mkdir()

    def read(case: Case) -> None:
        mask, table = case
        (folder / "masks" / "0.png").write_bytes(mask)
        (folder / "classes.csv").write_bytes(table)
        sources = Sources(["0.jpg"], folder / "masks", folder / "classes.csv")
        (found,) = Segmenter(Segmentation(region="clothing"), sources, 1).segment([photo], [row])
        if found.mask is not None and found.mask.shape != (HEIGHT, WIDTH):
            raise AssertionError(f"a mask of the shape {found.mask.shape}")

    masks = good_masks()
    cells = st.sampled_from(
        ["value", "name", "group", "0", "255", "256", "-1", "1e2", "٣", "", "clothing", "Body", '"', "\0"]
    )
    lines = st.lists(st.lists(cells, max_size=4).map(",".join), max_size=6).map("\n".join).map(str.encode)
    tables = st.one_of(mutated([TABLE]), lines.map(lambda text: TABLE[:17] + text), st.binary(max_size=60))
    cases = st.one_of(
        st.tuples(st.one_of(mutated(masks), mutated(masks).map(with_checksums)), st.just(TABLE)),
        st.tuples(st.just(masks[0]), tables),
    )
    return [*((mask, TABLE) for mask in [*masks, *traps()]), *table_traps(masks[0])], cases, read


def good_masks() -> list[bytes]:
    """Return masks in the forms that are taken, and PNGs in those that are not."""
    classes = np.random.default_rng(1).integers(0, 4, (HEIGHT, WIDTH), dtype=np.uint8)
    grey = Image.fromarray(classes)
    palette = Image.fromarray(classes).convert("P")
    about = PngImagePlugin.PngInfo()
    about.add_text("a", "b" * 50, zip=True)
    images = [grey, palette, grey.convert("1"), grey.convert("RGB"), grey.convert("LA"), grey.convert("I;16")]
    saved = []
    for image, settings in [*((image, {}) for image in images), (palette, {"bits": 2}), (grey, {"pnginfo": about})]:
        stream = io.BytesIO()
        image.save(stream, "PNG", **settings)
        saved.append(stream.getvalue())
    return saved


def traps() -> list[bytes]:
    """Return small files that grow large."""
    return [
        b"",
        png(8_300, 8_300, 8, 0, rows=8_300),
        png(8_300, 8_300, 8, 3, png_chunk(b"PLTE", bytes(768)), rows=8_300),
        png(2**31 - 1, 2**31 - 1, 8, 0),
        png(WIDTH, HEIGHT, 8, 3, png_chunk(b"PLTE", bytes(10)), rows=HEIGHT),
        png(WIDTH, HEIGHT, 4, 0, rows=HEIGHT),
        png(WIDTH, HEIGHT, 8, 0, rows=HEIGHT - 1),
    ]


def table_traps(mask: bytes) -> list[Case]:
    """Return tables that grow large, and some of the wrong form."""
    head = b"value,name,group\n"
    tables = [head + b"1,a,clothing\n" * 100_000, head + b'"' + b"x" * 300_000, b"value," * 100_000, b"\n" * 1_000_000]
    return [(mask, table) for table in [*tables, head + b"1" * 5_000 + b",a,body", head + b"1,a\0,body", b"\xff\xfe"]]
