"""What training makes small."""

from collections.abc import Callable

import torch
from torch.nn import functional

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

LOSSES: dict[str, Loss] = {
    # Binary cross-entropy of every label, averaged over photos and labels (logits and targets: (photos, labels)).
    "bce": functional.binary_cross_entropy_with_logits,
}
