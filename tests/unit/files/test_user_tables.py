"""Parquet tables that users bring are read if they hold text and numbers, and refused before they grow."""

import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stylevote.errors import InputError
from stylevote.files.tables import write_table
from stylevote.files.user_tables import read_users_table


def test_tables_of_other_writers_and_of_this_one(tmp_path):
    frame = pd.DataFrame({"image": ["a", "b", None], "red": [1, 0, 1], "round": [True, False, True]})
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "a.parquet")
    write_table(frame, tmp_path / "b.parquet")
    for name in ("a.parquet", "b.parquet"):
        found = read_users_table(tmp_path / name, 9)
        assert found["image"].tolist()[:2] == ["a", "b"] and found["image"].isna().tolist() == [False, False, True]
        assert found[["red", "round"]].equals(frame[["red", "round"]])
    with pytest.raises(InputError, match=r"b\.parquet: found 3 rows of 3 columns, expected at most 8 cells"):
        read_users_table(tmp_path / "b.parquet", 8)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([[1]]), "column 'x': found list<.*>, expected text, numbers or booleans"),
        (pa.array([{"a": 1}]), "column 'x': found struct<.*>"),
        (pa.array([b"a"]), "column 'x': found binary"),
        (pa.array([0], pa.timestamp("ns")), "column 'x': found timestamp"),
        (pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers()), "cannot be read as a Parquet table"),
    ],
)
def test_columns_that_are_neither_text_nor_numbers(column, said, tmp_path):
    pq.write_table(pa.table({"x": column}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=said):
        read_users_table(tmp_path / "a.parquet", 10)


def test_a_long_text_that_stands_in_every_row_takes_the_room_of_one(tmp_path):
    rows, text = 20_000, "x" * 1_000_000  # 20 GB, written out
    column = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), [text])
    pq.write_table(pa.table({"image": column}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 1e6
    found = read_users_table(tmp_path / "a.parquet", rows)["image"]
    assert found.cat.categories.tolist() == [text] and len(found) == rows


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.parquet")
    with pytest.raises(InputError, match=r"pipe\.parquet: expected a Parquet table, found no file"):
        read_users_table(tmp_path / "pipe.parquet", 1)
    with pytest.raises(InputError, match=r"a\.parquet: expected a Parquet table, found nothing"):
        read_users_table(tmp_path / "a.parquet", 1)
