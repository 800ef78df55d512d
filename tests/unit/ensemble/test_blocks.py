"""Tables of blocks: what each label's rows were, comes back, whatever block the label was in."""

import numpy as np
import pandas as pd
import pytest

from stylevote.ensemble.blocks import feature_labels, read_by_label, read_values, write_by_label
from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table


@pytest.fixture
def tables():
    """Three labels with other numbers of rows."""
    return {
        "red": pd.DataFrame({"score": [0.1, 0.2], "fold": np.array([0, 1], dtype="int16")}),
        "a / b": pd.DataFrame({"score": [0.3], "fold": np.array([1], dtype="int16")}),
        "blue": pd.DataFrame({"score": [0.4, 0.5, 0.6], "fold": np.array([0, 0, 2], dtype="int16")}),
    }


def test_labels_come_back_as_they_were_from_any_blocks(tables, tmp_path):
    for blocks in ([["red", "a / b", "blue"]], [["blue"], ["red", "a / b"]]):
        paths = [tmp_path / f"{len(blocks)}-{number}.parquet" for number in range(len(blocks))]
        for path, block in zip(paths, blocks, strict=True):
            write_by_label({label: tables[label] for label in block}, path)
            assert list(read_table(path)) == ["label", "score", "fold"]
        actual = read_by_label(paths, list(tables))
        assert list(actual) == list(tables)
        for label, table in tables.items():
            pd.testing.assert_frame_equal(actual[label], table)
        assert list(read_by_label(paths, ["blue"], ["score"])["blue"]) == ["score"]


def test_a_label_that_no_block_or_two_blocks_hold_is_named(tables, tmp_path):
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    write_by_label(tables, one)
    write_by_label({"red": tables["red"]}, other)
    with pytest.raises(InputError, match=r"one\.parquet: found no rows of 1 labels, of which 'green' is the first"):
        read_by_label([one], ["red", "green"])
    with pytest.raises(InputError, match=r"other\.parquet: holds the label 'red', which another table holds, too"):
        read_by_label([one, other], ["red"])
    assert list(read_by_label([one, other], ["blue"])) == ["blue"], "labels that are not asked for are left out"


def test_values_are_one_per_label_and_may_be_missing(tmp_path):
    path = tmp_path / "values.parquet"
    table = pd.DataFrame({"label": ["red", "blue", "blue"], "cut": [0.5, np.nan, 0.1], "method": ["exact", "a", "b"]})
    write_table(table[:2], path)
    assert read_values([path], ["blue", "red"], "cut") == {"blue": None, "red": 0.5}
    assert read_values([path], ["red"], "method") == {"red": "exact"}
    write_table(table, path)
    with pytest.raises(InputError, match="found 2 rows of the label 'blue' with cut, expected one"):
        read_values([path], ["red", "blue"], "cut")


def test_a_label_is_the_first_of_its_features_and_is_there_once():
    assert feature_labels(["red"], []) == ["red"]
    assert feature_labels(["red"], ["blue", "red", "green"]) == ["red", "blue", "green"]
