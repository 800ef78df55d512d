"""Weights of networks as safetensors files: data, never code."""

import logging
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
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


def load_part(network: nn.Module, path: Path) -> None:
    """Load a network's parameters from a file that may contain others, such as a classifier.

    Raises:
        InputError: the file is no safetensors file, lacks a parameter, or contains one of another shape.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a file of weights, found none")
    try:
        stored = safetensors.torch.load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read as a safetensors file ({error})") from error
    expected = network.state_dict()
    # BatchNorm's counters are no parameters, and older files lack them.
    missing = [name for name in expected if name not in stored and not name.endswith("num_batches_tracked")]
    if missing:
        raise InputError(
            f"{path}: {len(missing)} of the network's {len(expected)} parameters are missing, {missing[0]!r} first"
        )
    for name, parameter in expected.items():
        if name in stored and stored[name].shape != parameter.shape:
            raise InputError(
                f"{path}: {name!r} has the shape {tuple(stored[name].shape)}, expected {tuple(parameter.shape)}"
            )
    unused = [name for name in stored if name not in expected]
    if unused:
        logging.info(
            "%s: %d tensors are not parameters of the network and stay unused (%s...)", path, len(unused), unused[0]
        )
    network.load_state_dict({name: stored[name] for name in expected if name in stored}, strict=False)
