"""Focal loss: photos that are already decided correctly and with certainty count little."""

from collections.abc import Callable

import torch
from torch.nn import functional


def make_loss(
    positives: torch.Tensor,  # noqa: ARG001 (all losses have the same interface)
    photos: torch.Tensor,  # noqa: ARG001
    gamma: float = 2.0,
    alpha: float | None = 0.25,
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the focal loss of Lin et al. 2017 ("Focal loss for dense object detection"), equations (4) and (5).

    FL = -alpha_t (1 - p_t)^gamma ln p_t, where p_t is the probability of the true answer. It is computed from
    logarithms of probabilities: its gradient is finite for every logit and every gamma, and is not 0 for a positive
    with a very low logit.

    Args:
        gamma: discount of easy photos, at least 0; 0 is none.
        alpha: weight of positives in 0..1, negatives weigh ``1 - alpha``; None weighs both 1.
    """

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        log_p, log_not_p = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        positive, negative = -log_p * (gamma * log_not_p).exp(), -log_not_p * (gamma * log_p).exp()
        if alpha is not None:
            positive, negative = positive * alpha, negative * (1 - alpha)
        return torch.lerp(negative, positive, targets).mean()

    return loss
