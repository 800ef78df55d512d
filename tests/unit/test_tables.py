"""Artefacts are whole or absent, and a damaged one is named, never read."""

import pandas as pd
import pytest

from stylevote.program import InputError
from stylevote.tables import read_json, read_table, replacing, write_json, write_table


def test_round_trip(tmp_path):
    table = pd.DataFrame({"image_id": ["a", "ü"], "score": [0.5, 1.0]})
    write_table(table, tmp_path / "deep" / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "deep" / "t.parquet"), table)
    write_json({"b": 1, "a": [1.5]}, tmp_path / "t.json")
    assert read_json(tmp_path / "t.json") == {"a": [1.5], "b": 1}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "t.json"
    write_json(1, path)
    with pytest.raises(ZeroDivisionError), replacing(path) as partial:
        partial.write_text("half")
        raise ZeroDivisionError
    assert read_json(path) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_equal_tables_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        write_table(pd.DataFrame({"x": [1, 2]}), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a table", None])
def test_a_damaged_table_is_named(tmp_path, content):
    path = tmp_path / "t.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"t\.parquet: cannot be read as a Parquet table"):
        read_table(path)


def test_a_damaged_json_file_is_named(tmp_path):
    (tmp_path / "t.json").write_text("{")
    with pytest.raises(InputError, match=r"t\.json: cannot be read as JSON"):
        read_json(tmp_path / "t.json")
