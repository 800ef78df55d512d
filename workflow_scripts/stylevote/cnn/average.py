"""Averages of a network's weights: over the steps of a training, or over its last epochs."""

import copy
from collections import deque

import torch
from torch import nn


class WeightAverage:
    """An average over the steps of a training, in which older steps count less (Polyak and Juditsky 1992).

    Running statistics are averaged like weights; counters are copied. In the first steps the decay is
    ``(1 + steps) / (10 + steps)`` if that is smaller (as in TensorFlow's ``ExponentialMovingAverage``), so that a short
    training does not end with its first weights.

    Args:
        network: the network to follow.
        decay: share of the average that stays at each step.

    Attributes:
        network: a copy of the network with the average's weights; never trained.
        steps: number of averaged steps.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.steps = 0
        # Both networks' tensors change in place, so one look-up is enough.
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        self.weights = [pair for pair in pairs if pair[0].is_floating_point()]
        self.counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Add the followed network's weights after another step."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        torch._foreach_lerp_([own for own, _ in self.weights], [followed for _, followed in self.weights], 1 - decay)
        if self.counters:
            torch._foreach_copy_([own for own, _ in self.counters], [followed for _, followed in self.counters])

    def state_dict(self) -> dict:
        """Return the state for `load_state_dict`."""
        return {"network": self.network.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict) -> None:
        """Restore the state that `state_dict` returned."""
        self.network.load_state_dict(state["network"])
        self.steps = state["steps"]


class WeightSoup:
    """The mean of a network's weights after its last epochs (Izmailov et al. 2018, in a sliding window).

    Running statistics are averaged like weights, as `WeightAverage` does: to measure them again would need another
    epoch's photos, and those of the last epochs of a falling learning rate hardly differ. Counters are the last.

    Args:
        network: the network to follow.
        epochs: number of epochs in the mean; fewer after the first ones.

    Attributes:
        network: a copy of the network with the mean; never trained.
    """

    def __init__(self, network: nn.Module, epochs: int) -> None:
        self.network, self.followed = copy.deepcopy(network).requires_grad_(False), network
        self.epochs: deque[dict[str, torch.Tensor]] = deque(maxlen=epochs)

    @torch.no_grad()
    def update(self) -> None:
        """Add the followed network's weights after another epoch."""
        state = self.followed.state_dict()
        # In main memory: a GPU's is needed for the training.
        self.epochs.append({name: value.to("cpu", copy=True) for name, value in state.items()})
        for name, own in self.network.state_dict().items():
            values = [epoch[name] for epoch in self.epochs]
            own.copy_(torch.stack(values).mean(dim=0) if own.is_floating_point() else values[-1])

    def state_dict(self) -> dict:
        """Return the state for `load_state_dict`."""
        return {"epochs": list(self.epochs)}

    def load_state_dict(self, state: dict) -> None:
        """Restore the state that `state_dict` returned."""
        self.epochs.extend(state["epochs"])
