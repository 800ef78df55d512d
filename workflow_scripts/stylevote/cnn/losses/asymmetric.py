"""Asymmetric loss: easy negatives count much less than easy positives, and very easy negatives nothing."""

import math
from collections.abc import Callable

import torch
from torch.nn import functional

MIN_PROBABILITY = 1e-8  # timm's; below it a power between 0 and 1 has no finite gradient


def make_loss(
    positives: torch.Tensor,  # noqa: ARG001 (all losses have the same interface)
    photos: torch.Tensor,  # noqa: ARG001
    gamma_neg: float = 4.0,
    gamma_pos: float = 1.0,
    clip: float = 0.05,
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the asymmetric loss of Ridnik et al. 2021 ("Asymmetric loss for multi-label classification"), eq. (4)-(7).

    A positive costs -(1 - p)^gamma_pos ln p, a negative -q^gamma_neg ln(1 - q), where q = max(p - clip, 0). Its values
    equal those of timm's ``AsymmetricLossMultiLabel``. That class clips probabilities before it takes their logarithm.
    Positives below a logit of -18 have no gradient there, and a gamma between 0 and 1 makes gradients NaN. Here,
    logarithms come first. The paper sums over photos and labels; the mean lets learning rates compare with those of
    other losses.

    Args:
        gamma_neg: discount of easy negatives, at least 0.
        gamma_pos: discount of easy positives, at least 0.
        clip: negatives below this probability cost nothing; in 0..1, 0 for none.
    """
    log_clip = math.log(clip) if clip else -math.inf

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        log_p, log_not_p = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        log_not_q = torch.logaddexp(log_not_p, torch.full_like(logits, log_clip)).clamp(max=0)
        q = (-torch.expm1(log_not_q)).clamp(min=MIN_PROBABILITY)
        return -torch.lerp(q**gamma_neg * log_not_q, (gamma_pos * log_not_p).exp() * log_p, targets).mean()

    return loss
