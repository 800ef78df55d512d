"""The guess of a table's form: what it says, the reader takes, and reads the truth."""

import json

import numpy as np
import pandas as pd
import pytest

from stylevote.config.label_table import LabelTable
from stylevote.files.tables import UNKNOWN
from stylevote.photos.label_tables import read_label_table
from stylevote.photos.table_guess import guess_table

LABELS = ["coat", "hat", "shoe"]
NAMES = [f"{k:03}.jpg" for k in range(1, 41)]
TRUTH = pd.DataFrame(
    np.random.default_rng(7).integers(0, 2, (40, 3)), columns=LABELS, index=pd.Index(NAMES, name="image")
)
WIDE = TRUTH.reset_index()
PAIRS = TRUTH.melt(ignore_index=False, var_name="tag", value_name="present").reset_index()
CELLS = [[label for label in LABELS if row[label]] for _, row in TRUTH.iterrows()]
COCO = {
    "images": [{"id": k, "file_name": name} for k, name in enumerate(NAMES, 1)],
    "annotations": [
        {"id": k, "image_id": row, "category_id": LABELS.index(label) + 5, "bbox": [0, 0, 1, 1]}
        for k, (row, label) in enumerate((row, label) for row, cell in enumerate(CELLS, 1) for label in cell)
    ],
    "categories": [{"id": k + 5, "name": label} for k, label in enumerate(LABELS)],
}


def cells(texts):
    return pd.DataFrame({"file": NAMES, "tags": texts})


# Tables, and the description that a plain path would not need.
FORMS = {
    "plain.csv": (WIDE, {}),
    "packed.csv.gz": (WIDE, {}),
    "book.xlsx": (WIDE, {}),
    "index.csv": (WIDE.reset_index(names=""), {}),
    "index of a part.csv": (WIDE.set_axis(range(5, 45)).reset_index(names=""), {"photo": "image"}),
    "no suffix.csv": (WIDE.assign(image=[name[:-4] for name in NAMES]), {}),
    "no zeros.csv": (WIDE.assign(image=range(1, 41)), {}),
    "folder.csv": (WIDE.assign(image=[f"photos/{name}" for name in NAMES]), {}),
    "floats.csv": (WIDE.astype(dict.fromkeys(LABELS, float)), {}),
    "signs.csv": (WIDE.replace({0: -1}), {"values": {"-1": 0}}),
    "true.csv": (WIDE.astype(dict.fromkeys(LABELS, bool)), {}),
    "words.csv": (WIDE.replace({0: "No", 1: "Yes"}), {"values": {"yes": 1, "no": 0}}),
    "crosses.csv": (WIDE.replace({0: "", 1: "x"}), {"values": {"x": 1, "": 0}}),
    "last.csv": (WIDE[[*LABELS, "image"]], {"photo": "image"}),
    "further.csv": (WIDE.assign(maker="A", price=range(100, 140)), {"ignore": ["maker", "price"]}),
    "urls.csv": (
        WIDE.assign(image=[f"https://a.example/x/{name}?size=2" for name in NAMES]).rename(columns={"image": "link"}),
        {"url": "link"},
    ),
    "spaces.csv": (cells([" ".join(cell) for cell in CELLS]), {"cell": {"column": "tags", "separator": " "}}),
    "commas.csv": (cells([", ".join(cell) for cell in CELLS]), {"cell": {"column": "tags", "separator": ","}}),
    "bars.csv": (cells(["|".join(cell) for cell in CELLS]), {"cell": {"column": "tags", "separator": "|"}}),
    "lists.csv": (cells(list(map(str, CELLS))), {"cell": {"column": "tags", "separator": "list"}}),
    "pairs.csv": (PAIRS, {"long": {"label": "tag", "value": "present"}}),
    "coco.json": (COCO, {"coco": True}),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in NAMES:
        (tmp_path / "photos" / name).touch()
    return tmp_path / "photos"


def write(table, path):
    if path.suffix == ".json":
        path.write_text(json.dumps(table))
    elif path.suffix == ".xlsx":
        table.to_excel(path, index=False)
    else:
        table.to_csv(path, index=False)


@pytest.mark.parametrize("name", FORMS)
def test_the_guess_is_what_the_reader_needs(folder, name):
    table, description = FORMS[name]
    path = folder.with_name(name)
    write(table, path)
    guess = guess_table(path, folder)
    assert (guess.labels, guess.description, guess.problems) == (LABELS, description, [])
    assert f"40 of 40 photos are in {folder}" in guess.findings
    _, entries, problems = read_label_table(LabelTable(file=str(path), **description), guess.labels, True, folder)
    assert problems == []
    np.testing.assert_array_equal([list(entry.values) for entry in entries], TRUTH)


@pytest.mark.parametrize("sign", [-1, None])
def test_signs_between_0_and_1_are_unknown(folder, sign):
    unknown = np.random.default_rng(2).random(TRUTH.shape) < 0.2
    path = folder.with_name("t.csv")
    TRUTH.astype(object).mask(unknown, sign).to_csv(path)
    guess = guess_table(path, folder)
    assert guess.description == {"values": {"" if sign is None else "-1": "unknown"}}
    _, entries, _ = read_label_table(LabelTable(file=str(path), **guess.description), LABELS, True)
    np.testing.assert_array_equal([list(entry.values) for entry in entries], TRUTH.mask(unknown, UNKNOWN))


def test_labels_called_0_and_1_and_numbers_that_are_no_labels(folder):
    path = folder.with_name("t.csv")
    WIDE.set_axis(["Id", "0", "1", "2"], axis=1).to_csv(path, index=False)
    assert guess_table(path, folder).labels == ["0", "1", "2"]
    WIDE.assign(hat=np.linspace(0, 1, 40)).to_csv(path, index=False)
    guess = guess_table(path, folder)
    assert guess.labels == ["coat", "shoe"]
    assert guess.findings[-2] == "1 column without use: hat"


@pytest.mark.parametrize("wrong", ["7", "l", "maybe"])
def test_a_wrong_cell_does_not_take_a_label_away(folder, wrong):
    path = folder.with_name("t.csv")
    table = WIDE.astype(object)
    table.loc[3, "coat"] = wrong
    table.to_csv(path, index=False)
    guess = guess_table(path, folder)
    assert (guess.labels, guess.description) == (LABELS, {})
    (problem,) = read_label_table(LabelTable(file=str(path)), LABELS, True)[2]
    assert problem.text == f"{path}, row 5: '004.jpg': label 'coat' is '{wrong}', expected 0 or 1"


@pytest.mark.parametrize("sign", ["NA", "nan", "N/A", "?"])
def test_usual_words_for_unknown_are_described_as_such(folder, sign):
    path = folder.with_name("t.csv")
    unknown = np.random.default_rng(2).random(TRUTH.shape) < 0.3
    TRUTH.astype(object).mask(unknown, sign).to_csv(path)
    guess = guess_table(path, folder)
    assert (guess.labels, guess.description) == (LABELS, {"values": {sign.lower(): "unknown"}})
    _, entries, problems = read_label_table(LabelTable(file=str(path), **guess.description), LABELS, True)
    assert problems == []
    np.testing.assert_array_equal([list(entry.values) for entry in entries], TRUTH.mask(unknown, UNKNOWN))


def test_columns_of_two_words_are_described_or_refused(folder):
    path = folder.with_name("t.csv")
    WIDE.replace({0: "Falsch", 1: "Wahr"}).to_csv(path, index=False)
    guess = guess_table(path, folder)
    assert (guess.labels, guess.description) == (LABELS, {"values": {"wahr": 1, "falsch": 0}})
    WIDE.replace({0: "nej", 1: "Jo"}).to_csv(path, index=False)
    assert guess_table(path, folder).problems == [
        "the cells of the columns coat, hat, shoe are 'jo', 'nej'; if these are labels, replace the cells by 1 and 0"
    ]


def test_a_table_without_a_header_or_columns_is_said(folder):
    path = folder.with_name("t.csv")
    WIDE.to_csv(path, index=False, header=False)
    assert guess_table(path, folder).problems == [f"{path}, row 1: expected a header, found the photo '001.jpg'"]
    path = folder.with_name("t.parquet")
    pd.DataFrame().to_parquet(path)
    assert guess_table(path, folder).problems == [f"{path}: the table has no columns"]


def test_of_a_huge_table_the_first_rows_are_looked_at(folder, monkeypatch):
    path = folder.with_name("t.csv")
    WIDE.to_csv(path, index=False)
    for cells, first in [(40 * 4, "40 rows, 4 columns"), (30, "looked at the first 8 rows, 4 columns")]:
        monkeypatch.setattr("stylevote.photos.table_guess.MAX_CELLS", {True: cells, False: 0})
        guess = guess_table(path, folder)
        assert (guess.labels, guess.findings[0]) == (["coat", "hat", "shoe"], first)


def test_photos_that_are_not_there_and_tables_without_labels_are_said(folder):
    path = folder.with_name("t.csv")
    (folder / NAMES[0]).rename(folder / "x001.jpg")
    WIDE.to_csv(path, index=False)
    assert guess_table(path, folder).findings[-2:] == [
        f"39 of 40 photos are in {folder}",
        f"1 photo of the table not in {folder}, '001.jpg' first; the nearest is 'x001.jpg', which differs in its name",
    ]
    WIDE[["image"]].assign(price=range(100, 140)).to_csv(path, index=False)
    assert len(guess_table(path, folder).problems) == 1
    named = WIDE.assign(coat=range(100, 140)).set_axis(["", "width", "hat", "shoe"], axis=1)
    named.iloc[:, [1, 0, 2, 3]].to_csv(path, index=False)
    (problem,) = guess_table(path, folder).problems
    assert problem == f"{path}: column 2 has the names of photos, but the header has no name for it; add one"
    unnamed = WIDE.copy()
    unnamed.insert(1, "", [f"https://a.b/{name}" for name in WIDE["image"]])
    unnamed.to_csv(path, index=False)
    guess = guess_table(path, folder)
    assert (guess.problems, "url" in guess.description) == ([], False)
    assert "1 column without use: column 2 (without a name)" in guess.findings
    path.write_text("")
    assert guess_table(path, folder).problems == [f"{path}: the table is empty, expected a header and a row per photo"]
    assert "expected a folder of photos" in guess_table(path, folder / "none").problems[0]
