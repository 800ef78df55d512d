"""Probabilities of every label for photos, averaged over each photo and its mirror image."""

import numpy as np
import torch
from torch import nn

from stylevote.cnn.batches import JoinedBanks, PhotoBank, whole_boxes


@torch.inference_mode()
def predict(network: nn.Module, bank: PhotoBank | JoinedBanks, rows: torch.Tensor, side: int, batch: int) -> np.ndarray:
    """Return probabilities as float32 of shape (rows, labels): the mean of each photo's and its mirror image's.

    Args:
        network: gives logits; is put into evaluation mode.
        bank: the photos.
        rows: int64: which of them.
        side: of the network's input, in pixels.
        batch: photos at once.
    """
    network.eval()
    parts = []
    for some in rows.split(batch):
        boxes = whole_boxes(len(some)).to(some.device)
        plain = bank.take(some, boxes, torch.zeros(len(some), dtype=torch.bool, device=some.device), side)
        parts.append((network(plain).sigmoid() + network(plain.flip(3)).sigmoid()) / 2)
    return torch.cat(parts).float().cpu().numpy()
