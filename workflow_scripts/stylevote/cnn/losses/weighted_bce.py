"""Binary cross-entropy in which the rarer class of each label weighs more."""

from collections.abc import Callable

import torch
from torch.nn import functional


def make_loss(
    positives: torch.Tensor, photos: torch.Tensor, power: float = 1.0, cap: float = 100.0
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the second team's weighted cross-entropy: their report, II.C, equation (4).

    L = -(A y ln p + B (1 - y) ln(1 - p)), where they set A and B from the ratio of positives to negatives in the
    training set so that the rarer class weighs more. They do not tell how. Here the commoner class weighs 1, and the
    rarer one ``min((commoner / rarer) ** power, cap)``. With a power of 1 and below the cap, both classes have the same
    total weight. If positives are the majority (in the challenge two labels have 9 in 10 photos), the negatives weigh
    more. Classes are counted as the epochs see them: a recipe and the loss would else correct the same imbalance twice.

    Args:
        power: 0 is plain cross-entropy; between 0 and 1, weights are smaller than the ratio.
        cap: the largest weight, at least 1; also the weight of a class without photos.
    """
    ratio = (photos - positives) / positives  # infinite without positives, and 0 without negatives
    positive_weight = (ratio**power).clamp(1, cap)
    negative_weight = (ratio**-power).clamp(1, cap)

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        weight = torch.lerp(negative_weight, positive_weight, targets)
        return functional.binary_cross_entropy_with_logits(logits, targets * positive_weight / weight, weight)

    return loss
