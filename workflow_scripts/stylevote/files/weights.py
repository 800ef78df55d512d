"""Weights of networks as safetensors files: data, never code."""

from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from stylevote.errors import InputError
from stylevote.files.arrays import arrays_sha256, read_arrays
from stylevote.files.tables import REMEDY

HALF_MAXIMUM = torch.finfo(torch.float16).max


def store_weights(network: nn.Module, path: Path) -> None:
    """Write the network's state in half precision; tensors out of its range are stored in full precision.

    The file's metadata contain a digest of all tensors.
    """
    state = {}
    for name, tensor in network.state_dict().items():
        fits = tensor.is_floating_point() and tensor.abs().max() < HALF_MAXIMUM
        state[name] = (tensor.half() if fits else tensor).contiguous().cpu()
    safetensors.torch.save_file(state, path, {"sha256": _state_sha256(state)})


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return weights that `store_weights` wrote; raise `InputError` if they are damaged."""
    return {name: torch.from_numpy(array) for name, array in read_arrays(path).items()}


def load_weights(network: nn.Module, path: Path) -> None:
    """Load weights that `store_weights` wrote; raise `InputError` if they are damaged or of another network."""
    state = read_weights(path)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{path}: not the weights of this network ({error}). {REMEDY}") from error


def _state_sha256(state: dict[str, torch.Tensor]) -> str:
    return arrays_sha256({name: tensor.numpy() for name, tensor in state.items()})
