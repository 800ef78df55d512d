"""Arrays as safetensors files, sealed with a digest of all arrays. Nothing here imports torch, which takes seconds."""

import hashlib
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from stylevote.files.tables import damaged, replacing


def write_arrays(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Write arrays by their names; `stylevote.files.weights.load_weights` reads them, too."""
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with replacing(path) as partial:
        safetensors.numpy.save_file(arrays, partial, {"sha256": arrays_sha256(arrays)})


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file; raise `InputError` if it is damaged."""
    try:
        with safetensors.safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
            expected = (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError, TypeError, AttributeError) as error:  # numpy lacks some types of numbers
        raise damaged(path, str(error)) from error
    if arrays_sha256(arrays) != expected:
        raise damaged(path)
    return arrays


def arrays_sha256(arrays: dict[str, np.ndarray]) -> str:
    """Return a digest of arrays, their names, types and shapes."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} torch.{array.dtype} {list(array.shape)}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8))
    return digest.hexdigest()
