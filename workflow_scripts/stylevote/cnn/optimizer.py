"""The optimizer of a phase: which parameters it trains, with which learning rates and weight decay."""

import torch
from torch import nn

from stylevote.cnn.backbones import layer_groups, layers
from stylevote.cnn.network import Network
from stylevote.machine.uncompiled import uncompiled

Adam, AdamW = uncompiled(torch.optim.Adam), uncompiled(torch.optim.AdamW)


def make_optimizer(
    network: Network, parameters: list[nn.Parameter], setting: dict[str, dict[str, float]], *, fused: bool
) -> torch.optim.Optimizer:
    """Return an optimizer of the trained parameters.

    With ``adamw``, vectors (biases, normalization) and what timm exempts (position embeddings, class tokens) have no
    weight decay. The key ``rate`` of a group of parameters is the factor of its learning rate (`set_rate`): 1 for the
    head, and ``layer_decay`` to the power of n for the n-th of the backbone's `layer_groups` from the top, whichever of
    them are trained.

    Args:
        network: the network.
        parameters: those that are trained.
        setting: ``{"adam": {}}``, or ``{"adamw": {"weight_decay": ..., "layer_decay": ...}}``.
        fused: whether one kernel does a step, on a GPU.
    """
    ((name, options),) = setting.items()
    if name == "adam":
        return Adam(parameters, fused=fused)
    backbone = network.backbone
    numbers = layer_groups(backbone)
    depth_of = {
        parameter: max(numbers) + 1 - number
        for layer, number in zip(layers(backbone), numbers, strict=True)
        for parameter in layer.parameters(recurse=False)
    }
    exempt = getattr(backbone, "no_weight_decay", set)()
    undecayed = {parameter for key, parameter in backbone.named_parameters() if key in exempt or parameter.ndim <= 1}
    undecayed |= {parameter for parameter in network.head.parameters() if parameter.ndim <= 1}
    groups: dict[tuple[int, float], list[nn.Parameter]] = {}
    for parameter in parameters:
        decay = 0.0 if parameter in undecayed else options["weight_decay"]
        groups.setdefault((depth_of.get(parameter, 0), decay), []).append(parameter)
    return AdamW(
        [
            {"params": members, "weight_decay": decay, "rate": options["layer_decay"] ** depth}
            for (depth, decay), members in groups.items()
        ],
        fused=fused,
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step; parts of the network may have a share of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("rate", 1)
