"""AdamW's groups against torch's and timm's, and its steps against a loop of its own."""

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch import nn

from stylevote.cnn.network import Network
from stylevote.cnn.optimizer import make_optimizer, set_rate


def by_name(network, setting):
    """Return the factor of the learning rate and the weight decay of each parameter, by its name."""
    optimizer = make_optimizer(network, list(network.parameters()), {"adamw": setting}, fused=False)
    set_rate(optimizer, 0.5)
    groups = {p: (g["lr"] / 0.5, g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    return {name: groups[parameter] for name, parameter in network.named_parameters()}


@pytest.mark.parametrize("backbone", ["test_vit", "test_convnext", "test_efficientnet"])
def test_rates_and_decay_are_those_of_timm(setting, monkeypatch, backbone):
    theirs = timm.create_model(backbone, num_classes=2)
    matcher = theirs.group_matcher
    monkeypatch.setattr(theirs, "group_matcher", lambda coarse: matcher(coarse=True))
    groups = param_groups_layer_decay(
        theirs, weight_decay=0.1, no_weight_decay_list=getattr(theirs, "no_weight_decay", set)(), layer_decay=0.7
    )
    names = {parameter: name for name, parameter in theirs.named_parameters()}
    expected = {names[p]: (g["lr_scale"], g["weight_decay"]) for g in groups for p in g["params"]}
    network = Network({**setting, "backbone": backbone, "size": 160, "hidden_units": []}, 2)
    ours = by_name(network, {"weight_decay": 0.1, "layer_decay": 0.7})
    heads = ("head.0.", theirs.pretrained_cfg["classifier"] + ".")
    ours = {name.replace(*heads).removeprefix("backbone."): value for name, value in ours.items()}
    for name in [name for name in expected if name.startswith("head.norm.")]:
        assert expected.pop(name) == (1, 0)  # timm counts ConvNeXt's last normalization to the head
        assert ours.pop(name) == (pytest.approx(0.7), 0)  # here it belongs to the last stage, as in `groups`
    assert ours == {name: pytest.approx(value) for name, value in expected.items()}
    assert len(set(ours.values())) > 4


def test_normalization_and_biases_do_not_decay(setting):
    network = Network(setting, 2)
    norms = {
        f"{name}.weight"
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    }
    decay = {name: value for name, (_, value) in by_name(network, {"weight_decay": 0.1, "layer_decay": 1}).items()}
    assert {name for name in decay if not decay[name]} == norms | {name for name in decay if name.endswith("bias")}
    assert set(decay.values()) == {0, 0.1}


def test_steps_are_those_by_hand():
    """Loshchilov and Hutter 2019, algorithm 2, with a rate and a decay for each of three layers."""
    torch.manual_seed(0)
    network = nn.Module()
    network.backbone = nn.Sequential()
    network.backbone.layer1, network.backbone.layer2 = nn.Linear(3, 3), nn.Linear(3, 3)
    network.head = nn.Sequential(nn.Linear(3, 1))
    network.double()
    photos = torch.rand(5, 3, dtype=torch.float64)
    values = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    moments = dict.fromkeys(values, (0.0, 0.0))
    setting = {"adamw": {"weight_decay": 0.2, "layer_decay": 0.5}}
    optimizer = make_optimizer(network, list(network.parameters()), setting, fused=False)
    for step, rate in enumerate([0.1, 0.05, 0.2], start=1):
        optimizer.zero_grad()
        (network.head(network.backbone(photos)) ** 2).mean().backward()
        for name, parameter in network.named_parameters():
            own = rate * {"head.0": 1, "backbone.layer2": 0.5, "backbone.layer1": 0.25}[name.rpartition(".")[0]]
            decay = 0.2 if name.endswith("weight") else 0
            first, second, gradient = *moments[name], parameter.grad
            moments[name] = first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            ratio = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
            values[name] = values[name] - own * decay * values[name] - own * ratio
        set_rate(optimizer, rate)
        optimizer.step()
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(parameter.detach(), values[name], rtol=1e-9, atol=1e-12)


def test_frozen_layers_leave_the_rates_of_the_others(setting):
    network = Network({**setting, "backbone": "test_vit", "size": 160}, 2)
    options = {"adamw": {"weight_decay": 0.1, "layer_decay": 0.5}}
    rates = []
    for part in ("all", {"groups": 1}, "head"):
        optimizer = make_optimizer(network, network.choose_trained(part), options, fused=False)
        rates.append({parameter: group["rate"] for group in optimizer.param_groups for parameter in group["params"]})
    whole, top, head = rates
    assert head.items() < top.items() < whole.items()
    assert set(head.values()) == {1}
    assert set(top.values()) == {1, 0.5}
