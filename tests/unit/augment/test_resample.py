"""The plain recipe: every training photo once an epoch, in another order each time."""

import numpy as np

from stylevote.augment.resample import resample

PHOTOS = np.array([f"p{number}" for number in range(50)], dtype=object)


def orders(recipe, fold=0):
    return [part["image_id"].tolist() for _, part in resample(PHOTOS, recipe, fold).groupby("epoch")]


def test_every_photo_once_an_epoch_in_another_order():
    drawn = orders({"epochs": 4, "seed": 1})
    assert len(drawn) == 4
    assert all(sorted(order) == sorted(PHOTOS) for order in drawn)
    assert len({tuple(order) for order in drawn}) == 4


def test_positions_count_from_0():
    table = resample(PHOTOS, {"epochs": 2, "seed": 1}, 0)
    assert table["position"].tolist() == [*range(50), *range(50)]
    assert set(table["variant"]) == {"original"}


def test_more_epochs_leave_the_first_as_they_are():
    assert orders({"epochs": 5, "seed": 1})[:2] == orders({"epochs": 2, "seed": 1})


def test_seed_and_fold_change_the_order():
    assert orders({"epochs": 1, "seed": 1}) != orders({"epochs": 1, "seed": 2})
    assert orders({"epochs": 1, "seed": 1}) != orders({"epochs": 1, "seed": 1}, fold=1)
