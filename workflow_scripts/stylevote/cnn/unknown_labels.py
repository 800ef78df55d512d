"""The loss of photos some of whose labels are unknown: their targets are NaN, and count neither way."""

from collections.abc import Callable

import torch

FREE = -1e4  # a logit at which a target of 0 costs nothing, whatever the loss


def known_loss(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    logits: torch.Tensor,
    targets: torch.Tensor,
    share: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return ``loss`` as the mean over the known targets.

    Args:
        loss: from `stylevote.cnn.losses`: a mean over photos and labels.
        logits: shape (photos, labels).
        targets: in 0..1 or NaN, in the same shape.
        share: fraction of known targets in the batch that the photos are a part of (`known_share`); by default theirs.
    """
    known = ~targets.isnan()
    share = _share(known) if share is None else share
    return loss(torch.where(known, logits, FREE), torch.where(known, targets, 0)) / share


def known_share(targets: torch.Tensor, *, mixed: bool) -> torch.Tensor:
    """Return the fraction of known targets in a batch, without waiting for the device.

    Args:
        targets: of the batch, in 0..1 or NaN, shape (photos, labels).
        mixed: whether each photo is mixed with the next one (`stylevote.cnn.augmentation.mix`): then a label is known
            only if it is known for both.
    """
    known = ~targets.isnan()
    return _share(known & known.roll(-1, 0) if mixed else known)


def _share(known: torch.Tensor) -> torch.Tensor:
    return known.sum().clamp(min=1) / known.numel()
