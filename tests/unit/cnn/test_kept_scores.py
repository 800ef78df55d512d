"""Scores that were computed are read again, and only for the weights, photos and settings that they come from."""

import numpy as np
import pytest

from stylevote.cnn.kept_scores import KeptScores

LABELS = ["red", "blue"]
SCORES = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], dtype=np.float32)


@pytest.fixture
def kept(tmp_path):
    kept = KeptScores(tmp_path, LABELS, 3, ["photos", {"size": 64}, "code"])
    kept.write(1, 2, "weights", SCORES)
    return kept


def test_what_was_kept_comes_back_to_the_last_bit(kept):
    assert np.array_equal(kept.read(1, 2, "weights"), SCORES)
    assert kept.read(1, 2, "weights").dtype == np.float32
    assert kept.read(0, 2, "weights") is None
    assert kept.read(1, 3, "weights") is None


def test_other_weights_photos_settings_labels_or_code_are_something_else(kept, tmp_path):
    assert kept.read(1, 2, "other weights") is None
    for sources in (
        ["others", {"size": 64}, "code"],
        ["photos", {"size": 96}, "code"],
        ["photos", {"size": 64}, "new"],
    ):
        assert KeptScores(tmp_path, LABELS, 3, sources).read(1, 2, "weights") is None
    assert KeptScores(tmp_path, LABELS[::-1], 3, ["photos", {"size": 64}, "code"]).read(1, 2, "weights") is None


def test_damaged_scores_are_computed_again(kept, tmp_path):
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert kept.read(1, 2, "weights") is None


def test_new_scores_of_a_network_take_the_place_of_its_old_ones(kept, tmp_path):
    kept.write(1, 3, "weights", SCORES)
    kept.write(1, 2, "trained again", 1 - SCORES)
    assert len(list(tmp_path.iterdir())) == 2
    assert kept.read(1, 2, "weights") is None
    assert np.array_equal(kept.read(1, 2, "trained again"), 1 - SCORES)
    assert np.array_equal(kept.read(1, 3, "weights"), SCORES)
