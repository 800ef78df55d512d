"""Files of features: what is written is read, and what is damaged is named."""

import zlib

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from stylevote.errors import InputError
from stylevote.files.tables import write_table
from stylevote.probe.features import open_features, write_features
from stylevote.probe.scores import probabilities

NAMES = [f"p{number}" for number in range(10)]


def numbers(count: int, width: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def write(folder, features, names, shard=0, at_once=3):
    """Write a shard and its index; return their paths."""
    blocks = [features[start : start + at_once] for start in range(0, len(features), at_once)]
    photos = pd.DataFrame({"image_id": names, "sha256": names})
    index = write_features(blocks, photos, features.shape[1], folder / f"{shard}.npy")
    write_table(index, folder / f"{shard}.parquet")
    return folder / f"{shard}.npy", folder / f"{shard}.parquet"


def test_shards_are_one_table_of_half_precision_in_any_order_of_rows(tmp_path):
    features = numbers(10)
    shards = [write(tmp_path, features[rows], NAMES[rows], k) for k, rows in enumerate([slice(4), slice(4, 10)])]
    opened, index = open_features(*map(list, zip(*shards, strict=True)))
    assert (len(opened), opened.width) == (10, 5)
    assert index["image_id"].tolist() == NAMES
    rows = np.array([9, 0, 3, 4, 0])
    taken = opened.take(rows)
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, features[rows].astype(np.float16))
    np.testing.assert_array_equal(np.load(shards[1][0]), features[4:].astype(np.float16))
    assert index["crc32"][7] == zlib.crc32(features[7].astype("<f2").tobytes())


def test_a_shard_may_have_no_photos(tmp_path):
    shards = [write(tmp_path, numbers(3), NAMES[:3]), write(tmp_path, numbers(0), [], 1)]
    opened, index = open_features(*map(list, zip(*shards, strict=True)))
    assert len(opened) == len(index) == 3
    assert opened.take(np.arange(3)).shape == (3, 5)


@pytest.mark.parametrize("value", [np.nan, 70_000])
def test_features_out_of_the_range_of_half_precision_are_refused(tmp_path, value):
    features = numbers(10)
    features[7, 2] = value
    with pytest.raises(InputError, match="features of the photo p7 are not finite in half precision"):
        write(tmp_path, features, NAMES)
    assert not list(tmp_path.iterdir())


def shorter(path):
    path.write_bytes(path.read_bytes()[:-2])


def flipped(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(bytes(data))


def of_other_photos(path):
    np.save(path, numbers(9).astype(np.float16))


def in_full_precision(path):
    np.save(path, numbers(10))


@pytest.mark.parametrize("damage", [shorter, flipped, of_other_photos, in_full_precision, lambda path: path.unlink()])
def test_a_damaged_file_is_named(tmp_path, damage):
    file, index = write(tmp_path, numbers(10), NAMES)
    damage(file)
    with pytest.raises(InputError, match=r"0\.npy: damaged \(.*\)\. Delete it and run again"):
        open_features([file], [index])


def test_probabilities_are_those_of_the_regression_whose_weights_a_head_has(tmp_path):
    features = numbers(10).astype(np.float16).astype(np.float32)
    model = LogisticRegression().fit(features, features[:, 0] > 0)
    file, index = write(tmp_path, features, NAMES)
    opened, _ = open_features([file], [index])
    head = {"0.weight": model.coef_.astype(np.float32), "0.bias": model.intercept_.astype(np.float32)}
    rows = np.array([2, 9])
    scores = probabilities(head, opened, rows)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores[:, 0], model.predict_proba(features[rows])[:, 1], rtol=1e-5)
    assert probabilities(head, opened, rows[:0]).shape == (0, 1)
