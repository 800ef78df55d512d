"""Averages of weights against plain numbers."""

import pytest
import torch
from torch import nn

from stylevote.cnn.average import WeightAverage, WeightSoup


@pytest.fixture
def network() -> nn.Module:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    with torch.no_grad():
        network[0].weight.fill_(0.0)
    return network


def follow(average, network, weights):
    for weight in weights:
        with torch.no_grad():
            network[0].weight.fill_(weight)
            network[1].running_mean.fill_(10 * weight)
            network[1].num_batches_tracked += 1
        average.update()


def test_it_is_the_recursion_by_hand(network):
    average = WeightAverage(network, 0.5)
    follow(average, network, [1.0, 2.0, 4.0])
    # Decays 1/10, 2/11 and 3/12 are below 0.5: 0.9; then 0.9 * 2/11 + 2 * 9/11 = 1.8; then 1.8 / 4 + 4 * 3/4.
    assert average.network[0].weight.item() == pytest.approx(3.45)
    assert average.network[1].running_mean.item() == pytest.approx(34.5)
    assert average.network[1].num_batches_tracked.item() == 3
    assert network[0].weight.item() == 4.0


def test_its_decay_is_reached_and_not_passed(network):
    average = WeightAverage(network, 0.5)
    follow(average, network, [0.0] * 50)
    follow(average, network, [1.0])
    assert average.network[0].weight.item() == 0.5


def test_what_does_not_change_is_kept_to_the_bit(network):
    with torch.no_grad():
        network[0].weight.fill_(0.1)
    average = WeightAverage(network, 0.999)
    for _ in range(20):
        average.update()
    assert torch.equal(average.network[0].weight, network[0].weight)


def test_it_goes_on_where_it_was_stored(network):
    whole = WeightAverage(network, 0.9)
    follow(whole, network, [1.0, 2.0, 3.0])
    again = WeightAverage(network, 0.9)
    again.load_state_dict(whole.state_dict())
    for average in (whole, again):
        follow(average, network, [5.0])
    assert torch.equal(again.network[0].weight, whole.network[0].weight)


def test_a_soup_is_the_mean_of_the_last_epochs(network):
    soup = WeightSoup(network, 3)
    for weights, mean in (([1.0], 1.0), ([2.0], 1.5), ([6.0], 3.0), ([1.0], 3.0), ([1.0], 8 / 3)):
        follow(soup, network, weights)
        assert soup.network[0].weight.item() == pytest.approx(mean)
        assert soup.network[1].running_mean.item() == pytest.approx(10 * mean)
    assert soup.network[1].num_batches_tracked.item() == 5
    assert network[0].weight.item() == 1.0


def test_a_soup_goes_on_where_it_was_stored(network):
    whole = WeightSoup(network, 3)
    follow(whole, network, [1.0, 2.0, 4.0, 8.0])
    again = WeightSoup(network, 3)
    again.load_state_dict(whole.state_dict())
    for soup in (whole, again):
        follow(soup, network, [16.0])
        assert soup.network[0].weight.item() == pytest.approx(28 / 3)
