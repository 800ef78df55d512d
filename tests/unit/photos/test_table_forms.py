"""One truth, written in every form that people have: each is read as the same photos with the same labels."""

import csv
import gzip
import io
import json

import numpy as np
import pandas as pd
import pytest

from stylevote.config.label_table import LabelTable
from stylevote.files.tables import UNKNOWN
from stylevote.photos import table_rows
from stylevote.photos.label_tables import content_digest, read_label_table

LABELS = ["sport", "round neck", "0", "Zoë, or so"]
NAMES = [f"{k:03}.jpg" for k in range(40)]
TRUTH = pd.DataFrame(
    np.random.default_rng(5).integers(0, 2, (40, 4)), columns=LABELS, index=pd.Index(NAMES, name="image")
)
ONE_WORD = TRUTH.set_axis(["sport", "round", "zero", "Zoë"], axis=1)


def read(path, labels=LABELS, labelled=True, **description):
    """Entries and problems of a table with this description."""
    _, entries, problems = read_label_table(LabelTable(file=str(path), **description), list(labels), labelled)
    return entries, [problem.text.removeprefix(str(path)).lstrip(",: ") for problem in problems]


def values(entries):
    return np.array([list(entry.values) for entry in entries])


def check(path, truth=TRUTH, **description):
    """A table is read as the truth, and has the digest of the plain table that says the same."""
    entries, problems = read(path, truth.columns, **description)
    assert problems == []
    assert [entry.name for entry in entries] == truth.index.tolist()
    np.testing.assert_array_equal(values(entries), truth.to_numpy())
    plain = path.with_name("plain.csv")
    truth.to_csv(plain, index_label="image")
    assert content_digest(list(truth), entries) == content_digest(list(truth), read(plain, truth.columns)[0])
    return entries


def text(frame=TRUTH, **settings):
    return frame.to_csv(index_label="image", **settings)


# ---- forms that need no description: nothing is lost, and nothing is guessed


PLAIN = {
    "table.csv": text().encode(),
    "table.txt": text().encode("utf-8-sig"),
    "table.CSV": text(sep=";").encode(),
    "tabs.csv": text(sep="\t").encode(),
    "CRLF.tsv": text(sep="\t", lineterminator="\r\n").encode(),
    "old Mac.csv": text(lineterminator="\r").encode(),
    "blank lines.csv": f"\n{text(lineterminator=chr(10) * 2)} \n\n".encode(),
    "no last newline.csv": text().strip().encode(),
    "quotes.csv": text(quoting=csv.QUOTE_NONNUMERIC).encode(),
    "spaces.csv": text().replace(",0", " ,  0").replace("\n", "  \n").encode(),
    "URLs.csv": text(TRUTH.assign(url="http://x/y.jpg")).encode(),
    "UTF-16.csv": text().encode("utf-16"),
    "UTF-16 big.txt": b"\xfe\xff" + text().encode("utf-16-be"),
    "packed.csv.gz": gzip.compress(text().encode()),
    "packed.tsv.gz": gzip.compress(text(sep="\t").encode("utf-8-sig")),
    "sep.csv": b"sep=;\r\n" + text(sep=";").encode(),
    "pipes.csv": b"sep=|\n" + text(sep="|").encode(),
    "commas.csv": text().replace("\n", ",,\n").encode(),
    "commas in rows.csv": text().replace("\n", ",\n").replace(",\n", "\n", 1).encode(),
    "words.csv": text(TRUTH.astype(bool)).encode(),
    "WORDS.csv": text(TRUTH.astype(bool)).upper().replace(text().upper().split("\n")[0], text().split("\n")[0])
    .replace(".JPG", ".jpg").encode(),
    "floats.csv": text(TRUTH.astype(float)).encode(),
    "index.csv": TRUTH.reset_index().to_csv().encode(),
    "index of R.csv": TRUTH.reset_index().set_axis(range(1, 41)).to_csv().encode(),
    "index named.csv": TRUTH.reset_index().reset_index(names="Unnamed: 0").to_csv(index=False).encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_forms_that_lose_nothing_need_no_description(tmp_path, name):
    (tmp_path / name).write_bytes(PLAIN[name])
    check(tmp_path / name)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float64", "Int64", "str"])
def test_parquet_of_any_type(tmp_path, dtype):
    TRUTH.astype(dtype).reset_index().to_parquet(tmp_path / "t.parquet", row_group_size=7)
    check(tmp_path / "t.parquet")
    TRUTH.astype(dtype).to_parquet(tmp_path / "t.pq")
    check(tmp_path / "t.pq")


def test_a_wide_table_is_read_as_pandas_reads_it(tmp_path):
    """Rows of many labels have a quick way; wider cells, another order and columns behind them change nothing."""
    names = [f"l{k}" for k in range(50)]
    frame = pd.DataFrame(np.random.default_rng(1).integers(0, 2, (60, 50)), columns=names).astype(str)
    frame.iloc[7, 20], frame.iloc[9, 3], frame.iloc[11, 49] = "1.0", " 1", "True"
    frame.insert(0, "file", [f"{k}.png" for k in range(60)])
    frame["url"], frame["group"] = [f"http://a.b/{k}" for k in range(60)], [f'"{k % 3}, or so"' for k in range(60)]
    path = tmp_path / "wide.csv"
    frame.to_csv(path, index=False)
    expected = pd.read_csv(path, skipinitialspace=True)
    shuffled = list(np.random.default_rng(2).permutation(names))
    for labels in (names, shuffled):
        entries, problems = read(path, labels)
        assert problems == []
        np.testing.assert_array_equal(values(entries), expected[labels].replace("True", 1).astype(float))
        assert [(e.name, e.url, e.group) for e in entries] == [
            *zip(expected.file, expected.url, expected.group, strict=True)
        ]
    entries, problems = read(path, shuffled[:9], ignore="all")
    assert problems == []
    np.testing.assert_array_equal(values(entries), expected[shuffled[:9]].replace("True", 1).astype(float))
    numbers = pd.read_csv(path, skipinitialspace=True).replace("True", 1)
    numbers[names] = numbers[names].astype(float).astype(np.int8)
    numbers.to_parquet(tmp_path / "wide.parquet")
    entries, problems = read(tmp_path / "wide.parquet", shuffled)
    assert problems == []
    np.testing.assert_array_equal(values(entries), numbers[shuffled])
    assert [entry.group for entry in entries] == numbers["group"].tolist()


def test_a_wrong_cell_of_a_wide_table_is_named(tmp_path):
    names = [f"l{k}" for k in range(50)]
    frame = pd.DataFrame(0, index=pd.Index(["a.jpg", "b.jpg"], name="image"), columns=names)
    frame.loc["b.jpg", "l7"] = 3
    frame.to_csv(tmp_path / "t.csv")
    assert read(tmp_path / "t.csv", names)[1] == ["row 3: 'b.jpg': label 'l7' is '3', expected 0 or 1"]
    frame.reset_index().to_parquet(tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet", names)[1] == ["row 2: 'b.jpg': label 'l7' is '3', expected 0 or 1"]


def test_excel(tmp_path):
    pytest.importorskip("openpyxl")
    TRUTH.reset_index().to_excel(tmp_path / "t.xlsx", index=False)
    check(tmp_path / "t.xlsx")
    TRUTH.to_excel(tmp_path / "index.xlsx")
    check(tmp_path / "index.xlsx")
    with pd.ExcelWriter(tmp_path / "two.xlsx") as book:
        pd.DataFrame({"x": ["no table"]}).to_excel(book, sheet_name="about", index=False)
        TRUTH.astype(bool).reset_index().to_excel(book, sheet_name="labels", index=False)
    check(tmp_path / "two.xlsx", sheet="labels")
    assert read(tmp_path / "two.xlsx", sheet="Labels")[1] == ["no sheet 'Labels', found 'about', 'labels'"]


# ---- forms that the configuration describes


def cells(separator, frame=ONE_WORD):
    joined = [separator.join(frame.columns[row == 1]) for row in frame.to_numpy()]
    return pd.DataFrame({"image": frame.index, "tags": joined})


@pytest.mark.parametrize("separator", [" ", ",", "|", ";", ", "])
def test_all_labels_in_a_cell(tmp_path, separator):
    path = tmp_path / "t.csv"
    cells(separator).to_csv(path, index=False)
    check(path, ONE_WORD, cell={"column": "tags", "separator": separator.strip() or " "})


def test_lists_in_cells(tmp_path):
    path = tmp_path / "t.csv"
    lists = [repr(TRUTH.columns[row == 1].tolist()) for row in TRUTH.to_numpy()]
    pd.DataFrame({"tags": lists, "image": NAMES}).to_csv(path, index=False)
    check(path, photo="image", cell={"column": "tags", "separator": "list"})
    rows = ["\"['sport'\"", "\"__import__('os')\"", "[" * 9999, f"[0x{'f' * 9999}]"]
    path.write_text("image,tags\n" + "".join(f"{k}.jpg,{row}\n" for k, row in enumerate(rows)))
    problems = read(path, cell={"column": "tags", "separator": "list"})[1]
    assert [problem[:6] for problem in problems] == ["row 2:", "row 3:", "row 4:", "row 5:"]
    assert "is no list of labels" in problems[0]


def test_a_row_per_photo_and_label(tmp_path):
    path = tmp_path / "t.csv"
    long = TRUTH.melt(ignore_index=False, var_name="label", value_name="has").reset_index()
    long.sort_values("image", kind="stable").to_csv(path, index=False)
    check(path, long={"label": "label", "value": "has"})
    some = TRUTH[TRUTH.any(axis=1)]
    long[long["has"] == 1].drop(columns="has").sort_values("image", kind="stable").to_csv(path, index=False)
    check(path, some, long={"label": "label"})


def test_rows_that_are_not_there_are_explained_by_the_configuration(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image,label,has\na.jpg,sport,1\na.jpg,zero,0\nb.jpg,sport,0\n")
    labels, long = ["sport", "zero"], {"label": "label", "value": "has"}
    text = "row 4: 'b.jpg' has no row for label 'zero', and other rows say 0; set long.absent to 0 or unknown"
    assert read(path, labels, long=long)[1] == [text]
    for absent, value in ((0, 0), ("unknown", UNKNOWN)):
        entries, problems = read(path, labels, long={**long, "absent": absent})
        assert problems == []
        np.testing.assert_array_equal(values(entries), [[1, 0], [0, value]])
    path.write_text("image,label,has\na.jpg,sport,1\na.jpg,sport,0\n")
    assert read(path, ["sport"], long=long)[1] == ["row 3: 'a.jpg' has two values of label 'sport'"]


def coco(truth=TRUTH):
    pairs = np.argwhere(truth.to_numpy()).tolist()
    boxes = {"segmentation": [[0.5] * 10], "bbox": [1, 2, 3, 4]}
    return {
        "info": {"description": "as COCO writes it"},
        "images": [{"id": 7 * k, "file_name": name, "width": 9} for k, name in enumerate(truth.index)],
        "categories": [{"id": 90 - k, "name": name, "supercategory": "x"} for k, name in enumerate(truth)],
        "annotations": [
            {"id": n, "image_id": 7 * row, "category_id": 90 - column, **boxes}
            for n, (row, column) in enumerate(pairs)
        ] * 2,
    }  # fmt: skip


def test_annotations_of_coco(tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(coco()))
    check(path, coco=True)
    assert read(path, ["sport"], coco=True, ignore="all")[1] == []
    problems = read(path, ["sport", "hat"], coco=True, ignore=LABELS[2:])[1]
    assert problems[0].startswith("unknown label 'round neck', expected the labels of the configuration")
    assert problems[1] == "no category for label 'hat'"
    for change in ({"images": 3}, {"annotations": [{"image_id": 1, "category_id": 90}]}, {"categories": [{"id": 1}]}):
        path.write_text(json.dumps({**coco(), **change}))
        assert len(read(path, coco=True)[1]) == 1
    for broken in ("[", "[]", "[" * 100_000, '{"images": NaN}', "\0"):
        path.write_text(broken)
        assert len(read(path, coco=True)[1]) == 1


def test_words_for_yes_no_and_unknown(tmp_path):
    path = tmp_path / "t.csv"
    words = {"yes": 1, "No": 0, "-1": "unknown", "": "unknown"}
    path.write_text("image,sport,zero\na.jpg,YES,-1\nb.jpg,no,\nc.jpg,1,-1.0\n")
    entries, problems = read(path, ["sport", "zero"], values=words)
    assert problems == []
    np.testing.assert_array_equal(values(entries), [[1, UNKNOWN], [0, UNKNOWN], [1, UNKNOWN]])
    entries, problems = read(path, ["sport", "zero"], values={"yes": 1, "no": 0, "-1": 0})
    assert problems == ["row 3: 'b.jpg': label 'zero' is empty, expected 0 or 1, 'yes', 'no', '-1'"]


def test_columns_of_any_name(tmp_path):
    path = tmp_path / "t.csv"
    frame = ONE_WORD.reset_index().rename(columns={"sport": "s", "round": "r"})
    frame.insert(0, "when", "2020")
    frame["link"], frame["house"] = [f"http://a.b/{k}" for k in range(40)], "A"
    frame.to_csv(path, index=False)
    named = {"photo": "image", "url": "link", "group": "house", "ignore": ["when"]}
    columns = {"sport": "s", "round": "r"}
    for said in (columns, ["s", "r", "zero", "Zoë"]):
        entries, problems = read(path, ONE_WORD.columns, columns=said, **named)
        assert problems == []
        np.testing.assert_array_equal(values(entries), ONE_WORD)
        assert (entries[3].name, entries[3].url, entries[3].group) == ("003.jpg", "http://a.b/3", "A")
    entries, problems = read(path, [], False, photo="link", url="link", ignore="all")
    assert problems == [] and entries[3].name == "3"
    assert read(path, ["s"], photo="Image", ignore="all")[1] == [
        "row 1: photo: no column 'Image'; did you mean 'image'?"
    ]
    assert read(path, ["s"], **named, columns=["s", "r"])[1] == [
        "columns: found 2, expected one for each of the 1 label, in their order"
    ]


def test_labels_called_0_and_1_stand_in_a_header(tmp_path):
    path = tmp_path / "t.csv"
    frame = TRUTH.set_axis(["0", "1", "2", "3"], axis=1)
    frame.to_csv(path, index_label="Id")
    check(path, frame)
    problems = read(path, ["sport", "0"], ignore="all")[1]
    assert problems == ["row 1: no column for label 'sport'"]
    path.write_text("a.jpg,0,1\nb.jpg,1,1\n")
    assert read(path, ["sport", "hat"])[1] == ["row 1: expected a header with the names of the columns, found values"]


# ---- what is refused, and how


def test_a_table_that_needs_a_description_is_answered_with_its_lines(tmp_path):
    """The lines that the message shows, put into the configuration, make the table readable."""
    import yaml

    from stylevote.config.label_table import spelt_out_table

    frame = ONE_WORD.reset_index()
    tables = {
        "further.csv": frame.assign(when="x"),
        "words.csv": frame.replace({0: "no", 1: "yes"}),
        "signs.csv": frame.replace({0: -1}),
        "second.csv": frame[["sport", "image", "round", "zero", "Zoë"]],
        "cell.csv": cells(" "),
        "semicolons.csv": cells(";").assign(when="x"),
        "long.csv": ONE_WORD.melt(ignore_index=False).reset_index(),
    }
    for name, table in tables.items():
        table.to_csv(tmp_path / name, index=False)
    (tmp_path / "coco.json").write_text(json.dumps(coco(ONE_WORD)))
    for name in [*tables, "coco.json"]:
        entries, problems = read(tmp_path / name, ONE_WORD.columns)
        assert problems[-1].startswith("if it is meant so, describe it in the configuration: labels: {"), name
        assert len(problems) <= 5, "one example of each fault is enough"
        described = yaml.safe_load(problems[-1].partition("configuration: ")[2])["labels"]
        _, entries, problems = read_label_table(LabelTable(**spelt_out_table(described)), list(ONE_WORD.columns), True)
        assert problems == []
        np.testing.assert_array_equal(values(sorted(entries, key=lambda entry: entry.name)), ONE_WORD)


def test_many_rows_of_a_mistaken_kind_are_one_problem(tmp_path):
    path = tmp_path / "t.csv"
    rows = "".join(f"{k}.jpg,yes,no,{k % 2}\n" for k in range(30_000))
    path.write_text(f"image,sport,round,zero\n{rows}0.jpg,1,1\nx.jpg,7,1,1\n")
    _, problems = read(path, ["sport", "round", "zero"])
    assert problems[:2] == [
        "row 2: '0.jpg': label 'sport' is 'yes', expected 0 or 1; and 29999 more like this, in rows 3, 4, 5, 6, ...",
        "row 2: '0.jpg': label 'round' is 'no', expected 0 or 1; and 29999 more like this, in rows 3, 4, 5, 6, ...",
    ]
    assert problems[2:4] == [
        "row 30002: 3 fields, expected 4",
        "row 30003: 'x.jpg': label 'sport' is '7', expected 0 or 1",
    ]
    assert "values: {'yes': 1, 'no': 0}" in problems[4] and len(problems) == 5
    cells(" ").assign(tags=[f"word{k}" for k in range(40)]).to_csv(path, index=False)
    assert len(read(path, ["sport"], cell={"column": "tags"})[1]) == 40
    path.write_text("image,tags\n" + "".join(f"{k}.jpg,word{k}\n" for k in range(5_000)))
    assert len(read(path, ["sport"], cell={"column": "tags"})[1]) == 201


def test_blank_rows_of_commas_are_left_out(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image,sport\na.jpg,1\n,,\nb.jpg,0\n,\n")
    entries, problems = read(path, ["sport"])
    assert ([entry.row for entry in entries], problems) == ([2, 4], [])


def test_another_separator_in_cells_is_named_once(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('image,tags\na.jpg,"sport,round neck"\nb.jpg,sport\nc.jpg,"sport, round neck"\n')
    _, problems = read(path, ["sport", "round neck"], cell={"column": "tags", "separator": ";"})
    assert problems == [
        "row 2: 'sport,round neck' is several labels; set cell.separator to ','",
        "row 4: 'sport, round neck' is several labels; set cell.separator to ','",
    ]


def test_tables_that_grow_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"image,sport\n" + b"a.jpg,1\n" * 100_000))
    assert path.stat().st_size < 3_000
    monkeypatch.setattr(table_rows, "MAX_TABLE_BYTES", 50_000)
    assert read(path, ["sport"])[1] == ["the table is too large, at most 0 MB are accepted"]
    monkeypatch.undo()
    monkeypatch.setattr(table_rows, "MAX_CELLS", 100)
    assert read(path, ["sport"])[1] == ["row 51: the table is too large, at most 100 cells are accepted"]
    monkeypatch.undo()
    path.write_bytes(gzip.compress(b"image,sport\n" * 9)[:-9])
    assert read(path, ["sport"])[1][0].startswith("cannot be read as a file of gzip")
    path.write_bytes(b"image,sport\na.jpg,1\n")
    assert read(path, ["sport"])[1] == ["cannot be read as a file of gzip (Not a gzipped file (b'im'))"]
    monkeypatch.setattr(table_rows, "MAX_ROW", 1_000)
    for row in (b"x," * 900, b'"a\n",' * 900):
        path.write_bytes(gzip.compress(b"image,sport\n" + row))
        assert "the row is too long, at most 1000 characters are accepted" in read(path, ["sport"])[1][0]


def test_a_workbook_that_grows_or_is_none_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("openpyxl")
    path = tmp_path / "t.xlsx"
    stream = io.BytesIO()
    TRUTH.to_excel(stream)
    monkeypatch.setattr(table_rows, "MAX_EXCEL_BYTES", 1_000)
    path.write_bytes(stream.getvalue())
    assert "a workbook of 0.0 MB without compression, at most 0 MB are accepted" in read(path)[1][0]
    monkeypatch.undo()
    for damaged in (b"", b"PK\x03\x04", stream.getvalue()[:-50]):
        path.write_bytes(damaged)
        assert read(path)[1][0].startswith("cannot be read as an Excel workbook")


def test_a_workbook_may_not_claim_more_rows_than_excel_has(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl")
    monkeypatch.setattr(table_rows, "MAX_EXCEL_ROWS", 100)
    book = openpyxl.Workbook()
    book.active.append(["image", "sport"])
    book.active.cell(5_000, 1, "a.jpg")
    book.active.cell(5_000, 2, 1)
    book.save(tmp_path / "t.xlsx")
    assert "at most 50000000 cells in 100 rows are accepted" in read(tmp_path / "t.xlsx", ["sport"])[1][0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("image,sport\na.jpg,1\n".encode("utf-16")[:-1], "row 2: not UTF-16 (truncated data)"),
        ("image,sport\na.jpg,1\n".encode("utf-16-le"), "a binary file (it holds a NUL character), expected text"),
        (b"image,sport\na.jpg,1\nb\xe9.jpg,1\n", "row 3: not UTF-8 (byte 0xe9); save the table as UTF-8"),
        (b",image,sport\n5,a.jpg,1\n", "row 2: '5' in the first column, which has no name, expected the"
         " number 0; say with `photo: NAME` which column has the photos"),
        (b"sep=;\n", "the table is empty, expected a header and a row per photo"),
        (b"image,sport,\na.jpg,1,1\n", "row 2: 3 fields, expected 2"),
        (b'{"images": []}', "row 1: no column for label 'sport'"),
    ],
)  # fmt: skip
def test_texts_that_cannot_be_read(tmp_path, content, said):
    (tmp_path / "t.csv").write_bytes(content)
    assert said in read(tmp_path / "t.csv", ["sport"])[1]
