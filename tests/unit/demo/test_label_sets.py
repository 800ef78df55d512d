"""The challenge's label sets have the counts that both reports print."""

import pandas as pd
import pytest

from stylevote.demo.label_sets import label_set_table

# Ding and Wan 2018, Table I. It has 360 photos of label 12; the ratio of 1:151 in the second report is that of 361.
COUNTS = [104, 4292, 49893, 262, 18722, 8882, 197, 1356, 49389, 7094, 3712, 1249, 360]
# The second report, Table 1: positives to negatives. Its 1:35 of maiden is of none of these counts.
RATIOS = ["1:527", "1:12", "10:1", "1:208", "1:2", "1:5", "1:278", "1:35", "9:1", "1:7", "1:14", "1:43", "1:151"]


@pytest.fixture
def positives() -> pd.Series:
    table = label_set_table()
    assert table["images"].sum() == 54_908
    return table.drop(columns="images").mul(table["images"], axis=0).sum()


def test_the_challenges_counts_are_those_of_table_1(positives):
    expected = dict(zip(positives.index, COUNTS, strict=True)) | {"nation": 361}
    assert positives.to_dict() == expected
    assert round(positives["office"] / positives["sport"]) == 480


def test_the_challenges_ratios_are_those_of_the_second_report(positives):
    differ = []
    for (label, count), ratio in zip(positives.items(), RATIOS, strict=True):
        ours, (positive, negative) = (54_908 - count) / count, map(int, ratio.split(":"))
        rounded = f"1:{ours:.0f}" if ours > 1 else f"{1 / ours:.0f}:1"
        if rounded != ratio and abs(ours * positive / negative - 1) > 0.01:
            differ.append((label, rounded))
    assert differ == [("maiden", "1:39")]
