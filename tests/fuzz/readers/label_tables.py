"""Label tables: text, also compressed, Parquet, Excel and COCO, in all forms, good, drawn and damaged."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st
from PIL import Image

from fuzz.mutations import mutated
from stylevote.config.label_table import LabelTable
from stylevote.files.tables import UNKNOWN, write_table
from stylevote.photos.ingest import ingest_photos
from stylevote.photos.table_guess import guess_table

LABELS = ["sport", "street", "=1+1", "<b>ä</b>"]
VALUES = [(1, 0, 1, 0), (0, 1, 1, 1), (1, 1, 0, 1)]
Case = tuple[str, bytes, bool, dict]  # a suffix, a table, whether bad photos are skipped, and keys of `LabelTable`
DESCRIPTIONS = [
    {},
    {"ignore": "all"},
    {"photo": "image", "ignore": "all", "values": {"yes": 1, "no": 0, "": "unknown", "-1": "unknown"}},
    {"cell": {"column": "tags"}, "ignore": "all"},
    {"cell": {"column": "tags", "separator": "list"}},
    {"long": {"label": "tags"}, "ignore": ["x"]},
    {"long": {"label": "tags", "value": "has", "absent": "unknown"}},
    {"columns": ["sport", "a", "b", "c"], "url": "url"},
    {"coco": True},
]
SMALL = 100_000  # bytes. Guessing the form of millions of cells takes longer than a case may take.


def good_workbook() -> bytes:
    """Return an Excel workbook."""
    stream = io.BytesIO()
    rows = [(name, *values) for name, values in zip(("0.png", "1", "inner/2.png"), VALUES, strict=True)]
    pd.DataFrame(rows, columns=["image", *LABELS]).to_excel(stream, index=False)
    return stream.getvalue()


def empty_workbook() -> bytes:
    """Return a workbook whose only cell is the last one that Excel knows."""
    stream, book = io.BytesIO(), openpyxl.Workbook()
    book.active["XFD1048576"] = 1
    book.save(stream)
    return stream.getvalue()


# Made before the cases: the writer needs a temporary folder.
WORKBOOK, EMPTY_WORKBOOK = good_workbook(), empty_workbook()


def prepare(folder: Path) -> tuple[list[Case], st.SearchStrategy[Case], Callable[[Case], None]]:
    """Return traps, damaged and drawn tables, and ingest up to the manifest that it writes."""
    photos = folder / "photos"
    (photos / "inner").mkdir(parents=True)
    Image.radial_gradient("L").resize((24, 32)).save(photos / "0.png")
    Image.linear_gradient("L").resize((24, 32)).save(photos / "1.png")
    Image.effect_noise((24, 32), 90).save(photos / "inner" / "2.png")
    texts, tables = good_texts(), good_parquets()
    suffixes = st.sampled_from([".csv", ".tsv", ".txt", ".csv.gz", ".parquet", ".pq", ".xlsx", ".json"])
    described = st.sampled_from(DESCRIPTIONS)
    cases = st.one_of(
        st.tuples(st.sampled_from([".csv", ".tsv", ".txt"]), mutated(texts), st.booleans(), described),
        st.tuples(st.just(".csv.gz"), mutated([gzip.compress(text) for text in texts]), st.booleans(), described),
        st.tuples(st.just(".parquet"), mutated(tables), st.booleans(), described),
        st.tuples(st.just(".xlsx"), mutated([WORKBOOK]), st.booleans(), described),
        st.tuples(st.just(".json"), mutated([good_coco()]), st.booleans(), st.just({"coco": True})),
        st.tuples(st.just(".csv"), drawn_texts(), st.booleans(), described),
        st.tuples(st.just(".parquet"), drawn_parquets(), st.booleans(), described),
        st.tuples(suffixes, st.binary(max_size=200), st.booleans(), described),
    )

    def read(case: Case) -> None:
        suffix, data, skip, description = case
        table = folder / f"labels{suffix}"
        table.write_bytes(data)
        if len(data) < SMALL and suffix not in (".csv.gz", ".parquet", ".pq"):
            guess_table(table, photos)
        described = LabelTable(file=str(table), **description)
        on_bad_photo = "skip" if skip else "fail"
        manifest, quarantine, _ = ingest_photos(photos, described, LABELS, folds=1, on_bad_photo=on_bad_photo)
        write_table(quarantine, folder / "quarantine.parquet")
        write_table(manifest, folder / "manifest.parquet")
        if not manifest[LABELS].isin([0, 1, UNKNOWN]).all(axis=None) or manifest["image_id"].duplicated().any():
            raise AssertionError(f"a manifest of {manifest.to_dict()}")

    good = [(".csv", text, False, {}) for text in texts] + [(".parquet", table, False, {}) for table in tables]
    good += [(".xlsx", WORKBOOK, False, {}), (".json", good_coco(), False, {"coco": True})]
    good += [(".csv", text, False, description) for text, description in described_texts()]
    return [*good, *traps()], cases, read


def good_texts() -> list[bytes]:
    """Return tables as text, with all kinds of separators, quotes and line ends."""
    header = ["image", *LABELS]
    rows = [[name, *map(str, values)] for name, values in zip(("0.png", "1", "inner/2.png"), VALUES, strict=True)]
    lines = [header, *rows]
    plain = "\n".join(",".join(line) for line in lines)
    challenge = "\n".join(
        ",".join([str(k), f"https://a.b/{k}.png?x=1", *map(str, values)]) for k, values in enumerate(VALUES)
    )
    texts = [
        plain,
        "\r\n".join("\t".join(line) for line in lines),
        "\n".join(";".join(f'"{cell}"' for cell in line) for line in lines),
        "\n\n".join(", ".join(line) for line in lines),
        challenge,
        plain.replace("0", "0.0").replace("0.0.png", "0.png"),
    ]
    return [*(text.encode() for text in texts), b"\xef\xbb\xbf" + plain.encode()]


def good_parquets() -> list[bytes]:
    """Return tables as Parquet, by several writers' habits."""
    names = ["0.png", "1", "inner/2.png"]
    frame = pd.DataFrame({"image": names, **{label: [row[k] for row in VALUES] for k, label in enumerate(LABELS)}})
    tables = [
        pa.Table.from_pandas(frame),
        pa.Table.from_pandas(frame.set_index("image").astype(bool)),
        pa.table({"image": pa.array(names).dictionary_encode(), **{label: [1.0, 1.0, 1.0] for label in LABELS}}),
    ]
    written = []
    for table in tables:
        for settings in ({}, {"compression": "zstd", "data_page_version": "2.0"}, {"row_group_size": 1}):
            stream = io.BytesIO()
            pq.write_table(table, stream, **settings)
            written.append(stream.getvalue())
    return written


def described_texts() -> list[tuple[bytes, dict]]:
    """Return tables that need a description, with it."""
    cells = "image,tags\n0.png,sport street\n1,=1+1\ninner/2.png,<b>\u00e4</b> =1+1\n"
    lists = "image,tags\n" + "".join(f'{name},"{LABELS[k:]}"\n' for k, name in enumerate(("0.png", "1", "2")))
    rows = [f"{name},{label}" for name in ("0.png", "1", "2") for label in LABELS]
    return [
        (cells.encode("utf-16"), {"cell": {"column": "tags"}}),
        (lists.encode(), {"cell": {"column": "tags", "separator": "list"}}),
        ("\n".join(["image,tags", *rows]).encode(), {"long": {"label": "tags"}}),
        (
            "\n".join(["image,tags,has", *(f"{row},1" for row in rows)]).encode(),
            {"long": {"label": "tags", "value": "has"}},
        ),
    ]


def good_coco() -> bytes:
    """Return annotations in COCO's form."""
    images = [{"id": k, "file_name": name} for k, name in enumerate(("0.png", "1.png", "inner/2.png"))]
    categories = [{"id": k, "name": label} for k, label in enumerate(LABELS)]
    annotations = [
        {"image_id": row, "category_id": k, "bbox": [0, 1, 2, 3]}
        for row, values in enumerate(VALUES)
        for k, value in enumerate(values)
        if value
    ]
    return json.dumps({"images": images, "categories": categories, "annotations": annotations}).encode()


def drawn_texts() -> st.SearchStrategy[bytes]:
    """Return lines of cells that each mean something to a reader of tables, or to a spreadsheet or a page."""
    meant = [
        "image",
        *LABELS,
        "url",
        "tags",
        "has",
        "sport street",
        "['sport']",
        "-1",
        "yes",
        "0",
        "1",
        "2",
        "0.0",
        "1e0",
        "",
        " ",
        "nan",
        "0.png",
        "1.png",
        "inner/2",
        "2",
    ]
    places = ["../0.png", "/etc/passwd", "C:\\0.png", "inner\\2.png", "-rf"]
    markup = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "\x1b[2J", '"', '""', "'"]
    letters = ["a\u0301", "\u202e", "\x00", "é" * 300, "\ufeff", "\x85", "\u2028", "１", "٣"]
    cells = st.sampled_from([*meant, *places, *markup, *letters])
    rows = st.lists(st.lists(cells, max_size=7).map(",".join), max_size=6)
    return rows.map(lambda lines: "\n".join(lines).encode())


def drawn_parquets() -> st.SearchStrategy[bytes]:
    """Return tables with columns of any type."""
    return st.lists(
        st.tuples(st.sampled_from(["image", *LABELS, "x", ""]), st.sampled_from(range(len(_columns())))), max_size=6
    ).map(_drawn_parquet)


def _columns() -> list[pa.Array]:
    names = ["0.png", "1.png", "inner/2.png"]
    return [
        *(pa.array(values) for values in (names, [0, 1, 1], [True, False, True], [1.0, 0.0, float("nan")])),
        *(
            pa.array(values)
            for values in ([None] * 3, [b"0.png", b"\xff", b""], [[1], [0, 1], None], [2**63 - 1, 0, -1])
        ),
        pa.array([{"a": 1}, {"a": 0}, None]),
        pa.array(names).dictionary_encode(),
        pa.array([b"\xff\xfe", b"a", b"b"]).view(pa.binary()).cast(pa.string(), safe=False),
        pa.array([0, 1, 2**62], pa.timestamp("ns")),
        pa.array([0, 1, 2], pa.date32()),
        pa.array([1, 0, 1], pa.decimal128(5, 2)),
        pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int8())),
        pa.array([1, 0, 1], pa.float16()),
        pa.nulls(3, pa.dictionary(pa.int8(), pa.string())),
    ]


def _drawn_parquet(chosen: list[tuple[str, int]]) -> bytes:
    columns = _columns()
    stream = io.BytesIO()
    table = pa.Table.from_arrays([columns[k] for _, k in chosen], [name for name, _ in chosen])
    pq.write_table(table, stream)
    return stream.getvalue()


def traps() -> list[Case]:
    """Return small tables that grow large, or keep a reader busy."""
    wide = b"image," + b",".join(b"sportt%d" % k for k in range(100_000)) + b"\n"
    many = {"image": pa.array(["0.png"] * 30_000_000).dictionary_encode(), "sport": pa.repeat(1, 30_000_000)}
    long = pa.array(["x" * 1_000_000]).dictionary_encode()
    long = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), 100_000), long.dictionary)
    parquets = [pa.table(many), pa.table({"image": long, **{label: pa.repeat(1, 100_000) for label in LABELS}})]
    parquets += [pa.table({f"x{k}": [0] for k in range(20_000)}), pa.table({})]
    nested = pa.array([[1]])
    for _ in range(100):
        nested = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), nested)
    parquets.append(pa.table({"image": nested}))
    streams = []
    for table in parquets:
        stream = io.BytesIO()
        pq.write_table(table, stream, compression="zstd")
        streams.append(stream.getvalue())
    texts = [
        wide,
        wide + b"0.png" + b",1" * 100_000,
        b"image," + b",".join(map(str.encode, LABELS)) + b"\n" + b"0.png,1,1,1,1\n" * 100_000,
        b"image,sport\n" + b"\n".join(b"%d,1" % k for k in range(100_000)),
        b"a\n" * 3_000_000,
        b"," * 20_000_000,
        b'image,sport\n"' + b"x" * 300_000,
        b'"' * 3_000_000,
        b"0.png" * 1_000_000,
        b"\n" * 5_000_000,
        "image,\u212b,\u00c5,A\u030a\n".encode(),
    ]
    growing = [gzip.compress(text) for text in (b"image,sport\n" * 5_000_000, b"image," + b"x" * 30_000_000)]
    cases = [(".csv", text, False, {}) for text in texts] + [(".parquet", data, False, {}) for data in streams]
    cases += [(".csv.gz", data, False, {}) for data in growing] + [(".xlsx", EMPTY_WORKBOOK, False, {})]
    lists = b"image,tags\n0.png," + b"[" * 100_000
    cases.append((".csv", lists, False, {"cell": {"column": "tags", "separator": "list"}}))
    return [*cases, (".json", b"[" * 1_000_000, False, {"coco": True})]
