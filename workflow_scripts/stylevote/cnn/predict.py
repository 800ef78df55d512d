"""Probabilities of every label for photos, averaged over each photo and its mirror image."""

import hashlib
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from stylevote.cnn.batches import PhotoBank, whole_boxes
from stylevote.program import InputError

HALF_MAXIMUM = torch.finfo(torch.float16).max


def store_weights(network: nn.Module, path: Path) -> None:
    """Write the network's state in half precision; a tensor that does not fit its range is kept in full."""
    state = {}
    for name, tensor in network.state_dict().items():
        fits = tensor.is_floating_point() and tensor.abs().max() < HALF_MAXIMUM
        state[name] = (tensor.half() if fits else tensor).contiguous().cpu()
    safetensors.torch.save_file(state, path)


def weights_sha256(path: Path) -> str | None:
    """Return the digest of a file of weights, or None where there is no file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def load_weights(network: nn.Module, path: Path) -> None:
    """Load what `store_weights` wrote; `InputError` when the file is damaged or of another network."""
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise InputError(
            f"{path}: not the weights of this run ({error}); delete the run's folder to retrain"
        ) from error


@torch.inference_mode()
def predict(network: nn.Module, bank: PhotoBank, rows: torch.Tensor, side: int, batch: int) -> np.ndarray:
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
