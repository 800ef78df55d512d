"""Binary cross-entropy, the winners' loss (Ding & Wan 2018, II.A)."""

from collections.abc import Callable

import torch
from torch.nn import functional


def make_loss(
    positives: torch.Tensor,  # noqa: ARG001 (all losses have the same interface)
    photos: torch.Tensor,  # noqa: ARG001
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the mean over photos and labels of each label's binary cross-entropy.

    Args:
        positives: float32, shape (labels,): each label's positives in all epochs together; not used here.
        photos: float32, shape (labels,): photos with a known label in all epochs together; not used here.

    Returns:
        A function of logits and targets, both float32 of shape (photos, labels), that returns a scalar. A target
        between 0 and 1 counts as that share of a positive.
    """
    return functional.binary_cross_entropy_with_logits
