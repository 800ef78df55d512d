"""Votes become a table of decisions, and those of other photos or labels are refused."""

import numpy as np
import pandas as pd
import pytest

from stylevote.ensemble.decisions import decision_matrix
from stylevote.errors import InputError


def votes_of(labels, images, decisions):
    table = pd.DataFrame({"label": np.repeat(labels, len(images)), "image_id": np.tile(images, len(labels))})
    return table.assign(decision=np.array(decisions, dtype=np.uint8))


def test_decisions_become_a_row_a_photo():
    table = votes_of(["a", "b"], ["x", "y", "z"], [1, 0, 0, 0, 1, 1])
    assert decision_matrix(table, np.array(["x", "y", "z"]), ["a", "b"]).tolist() == [[1, 0], [0, 1], [0, 1]]


@pytest.mark.parametrize(("images", "labels"), [("yxz", "ab"), ("xy", "ab"), ("xyz", "ba"), ("xyz", "abc")])
def test_votes_of_other_photos_or_labels_are_refused(images, labels):
    table = votes_of(["a", "b"], ["x", "y", "z"], [1, 0, 0, 0, 1, 1])
    with pytest.raises(InputError, match=r"the votes \(6 rows\) are not those of"):
        decision_matrix(table, np.array(list(images)), list(labels))
