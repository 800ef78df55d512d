"""The head, and what freezing leaves alone."""

import copy
import math

import pytest
import torch
from torch import nn

from stylevote.cnn.backbones import layers
from stylevote.cnn.network import Network, make_head
from stylevote.program import InputError
from stylevote.weights import load_weights, store_weights


def test_head_is_normalised_before_each_relu():
    kinds = [type(layer) for layer in make_head(20, [16, 8], 3)]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]


def test_head_is_xavier_initialised():
    torch.manual_seed(0)
    weight = make_head(400, [200], 3)[0].weight
    bound = math.sqrt(6 / (400 + 200))
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_input_is_normalised(setting):
    network = Network(setting, 2).eval()
    photos = torch.rand(2, 3, 32, 32)
    inside = network.head(network.backbone((photos - network.mean) / network.std))
    assert torch.equal(network(photos), inside)
    assert network.mean.unique().item() == 0.5  # as the published weights of this backbone want it


def test_a_network_made_to_load_weights_normalises_as_the_one_that_stored_them(setting, tmp_path):
    network = Network(setting, 2)
    network.mean += 0.25
    store_weights(network, tmp_path / "w.safetensors")
    other = Network({**setting, "seed": 1}, 2)
    load_weights(other, tmp_path / "w.safetensors")
    assert torch.equal(other.mean, network.mean)


def test_a_size_that_a_backbone_does_not_take_is_said(setting):
    with pytest.raises(
        InputError, match=r"'vit_tiny_patch16_224' takes no photos of 96 x 96 .*change the run's `size`"
    ):
        Network({**setting, "backbone": "vit_tiny_patch16_224", "size": 96}, 2)


@pytest.mark.parametrize(("part", "share"), [("head", 0.0), ({"last": 0.4}, 0.4), ("all", 1.0)])
def test_only_the_chosen_part_changes(setting, part, share):
    network = Network(setting, 2)
    optimizer = torch.optim.Adam(network.choose_trained(part), lr=0.1)
    before = copy.deepcopy(network.state_dict())
    for _ in range(2):
        optimizer.zero_grad()
        network.train()(torch.rand(8, 3, 32, 32)).square().mean().backward()
        optimizer.step()
    names = {id(module): name for name, module in network.named_modules()}
    stack = [names[id(layer)] for layer in layers(network.backbone)]
    first_trained = len(stack) - math.ceil(share * len(stack))
    after = network.state_dict()

    def moved(layer):
        # Weights and, for BatchNorm, its running statistics.
        return any(not torch.equal(before[key], after[key]) for key in before if key.rpartition(".")[0] == layer)

    assert [moved(layer) for layer in stack] == [number >= first_trained for number in range(len(stack))]
    assert moved("head.0")


def test_a_phase_can_free_what_another_froze(setting):
    network = Network(setting, 2)
    few = len(network.choose_trained("head"))
    everything = len(network.choose_trained("all"))
    assert few < everything == len(list(network.parameters()))
    network.train()
    assert all(module.training for module in network.modules())
