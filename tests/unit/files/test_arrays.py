"""Sealed arrays: numpy and torch read each other's files, and damaged files are named."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stylevote.errors import InputError
from stylevote.files.arrays import read_arrays, write_arrays
from stylevote.files.weights import load_weights, store_weights


def test_a_network_loads_arrays(tmp_path):
    arrays = {"weight": np.arange(6, dtype=np.float32).reshape(3, 2).T, "bias": np.ones(2, np.float32)}
    write_arrays(arrays, tmp_path / "head.safetensors")
    layer = nn.Linear(3, 2)
    load_weights(layer, tmp_path / "head.safetensors")
    assert layer.weight.tolist() == [[0, 2, 4], [1, 3, 5]]


def test_weights_of_a_network_are_read_as_arrays(tmp_path):
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))  # whose counter has no dimension
    store_weights(network, tmp_path / "weights.safetensors")
    arrays = read_arrays(tmp_path / "weights.safetensors")
    assert arrays["1.num_batches_tracked"].shape == ()
    assert torch.equal(torch.from_numpy(arrays["0.weight"]), network[0].weight.detach().half())


def test_numbers_that_numpy_lacks_are_named(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"bias": torch.ones(2, dtype=torch.bfloat16)}, path, {"sha256": "0"})
    with pytest.raises(InputError, match=r"weights\.safetensors: damaged"):
        load_weights(nn.Linear(3, 2), path)


@pytest.mark.parametrize("position", [9, -1])
def test_a_flipped_bit_is_found(tmp_path, position):
    path = tmp_path / "head.safetensors"
    write_arrays({"bias": np.ones(2, np.float32)}, path)
    data = bytearray(path.read_bytes())
    data[position] ^= 4
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"head\.safetensors: damaged"):
        read_arrays(path)
