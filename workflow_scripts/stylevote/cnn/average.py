"""An exponential moving average of a network's weights."""

import copy

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
