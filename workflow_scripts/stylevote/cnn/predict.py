"""Probabilities of every label for photos, averaged over several views of each photo."""

import numpy as np
import torch
from torch import nn

from stylevote.cnn.batches import JoinedCaches, PixelCache

TEN_CROP_SHARE = 0.875  # of each side: 224 of 256 pixels (Krizhevsky, Sutskever and Hinton 2012, section 4.1)
_FAR = 1 - TEN_CROP_SHARE
# What of a photo the network sees, as left, top, width and height in shares of its sides, and whether mirrored, too.
VIEWS = {
    "none": ([(0, 0, 1, 1)], False),
    "mirror": ([(0, 0, 1, 1)], True),
    "ten_crop": (
        [
            (left, top, TEN_CROP_SHARE, TEN_CROP_SHARE)
            for left, top in ((0, 0), (_FAR, 0), (0, _FAR), (_FAR, _FAR), (_FAR / 2, _FAR / 2))
        ],
        True,
    ),
}


@torch.inference_mode()
def predict(
    network: nn.Module,
    bank: PixelCache | JoinedCaches,
    rows: torch.Tensor,
    side: int,
    batch: int,
    *,
    tta: str,
) -> np.ndarray:
    """Return probabilities as float32 of shape (rows, labels): the mean over the views of each photo.

    The network may run in half precision, under ``torch.autocast``: probabilities are made and averaged in full.

    Args:
        network: gives logits; is put into evaluation mode.
        bank: the photos.
        rows: int64: which of them.
        side: of the network's input, in pixels.
        batch: photos at once.
        tta: ``mirror`` (a photo and its mirror image), ``none`` (the photo), or ``ten_crop`` (its four corners
            and its middle, each `TEN_CROP_SHARE` of both sides and enlarged to ``side``, and their mirror images;
            Krizhevsky, Sutskever and Hinton 2012).
    """
    network.eval()
    boxes, mirrored = VIEWS[tta]
    parts = []
    for some in rows.split(batch):
        plain = torch.zeros(len(some), dtype=torch.bool)
        views = []
        for box in boxes:
            photos = bank.take(some, torch.tensor([box]).expand(len(some), 4), plain, side)
            views.append(network(photos).float().sigmoid())
            if mirrored:
                views.append(network(photos.flip(3)).float().sigmoid())
        parts.append(sum(views) / len(views))
    return torch.cat(parts).cpu().numpy()
