"""An exponential moving average of a network's weights."""

import copy

import torch
from torch import nn


class WeightAverage:
    """An average over the steps of a training, in which what is longer ago counts less (Polyak and Juditsky 1992).

    Running statistics are averaged as weights are; counters are the network's own. In the first steps the average
    forgets faster, ``(1 + steps) / (10 + steps)`` in place of the decay where that is smaller (as TensorFlow's
    ``ExponentialMovingAverage`` does), so that a short training does not end with its first weights.

    Args:
        network: the network to follow.
        decay: share of the average that stays at each step.

    Attributes:
        network: a network of its own, with the average's weights; never trained.
        steps: how many were averaged.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.steps = 0
        # Both networks' tensors change in place, so that they are looked up once.
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        self.weights = [pair for pair in pairs if pair[0].is_floating_point()]
        self.counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights that the followed network has after another step."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        torch._foreach_lerp_([mine for mine, _ in self.weights], [theirs for _, theirs in self.weights], 1 - decay)
        if self.counters:
            torch._foreach_copy_([mine for mine, _ in self.counters], [theirs for _, theirs in self.counters])

    def state_dict(self) -> dict:
        """Return all that `load_state_dict` needs to go on."""
        return {"network": self.network.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict) -> None:
        """Go on from where the average was when `state_dict` was called."""
        self.network.load_state_dict(state["network"])
        self.steps = state["steps"]
