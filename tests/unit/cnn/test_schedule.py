"""The triangular cycle, at the points where its closed form is known."""

import pytest

from stylevote.cnn.schedule import epoch_phases, triangular


def test_triangle():
    assert [triangular(step, 20, 1.0) for step in (0, 5, 10, 15, 20, 30)] == pytest.approx(
        [0.1, 0.55, 1.0, 0.55, 0.1, 1.0]
    )


def test_every_step_within_bounds_and_symmetric():
    rates = [triangular(step, 13, 0.02) for step in range(26)]
    assert all(0.002 <= rate <= 0.02 for rate in rates)
    assert rates[1:13] == pytest.approx(rates[12:0:-1])
    assert rates[:13] == rates[13:]


def test_epochs_belong_to_phases_in_order():
    assert epoch_phases([{"epochs": 1}, {"epochs": 3}, {"epochs": 2}]) == [0, 1, 1, 1, 2, 2]
