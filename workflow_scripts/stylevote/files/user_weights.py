"""Weights that users bring: safetensors files, or torch's files without their code."""

import logging
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

from stylevote.errors import InputError
from stylevote.wording import quote_all, quote_first

MAX_MESSAGE = 300  # characters of torch's messages, which list hundreds of parameters
SHOWN = 3  # names of a list
MAX_WRAPPERS = 8  # parts of a prefix
COUNTER = "num_batches_tracked"  # BatchNorm's counters are no parameters, and older files lack them

Shapes = dict[str, tuple[int, ...]]


def load_part(network: nn.Module, path: Path) -> None:
    """Load a network's parameters from a file that may contain others, such as a classifier.

    If all parameters have the same prefix in the file (``module.``, ``state_dict.model.``), it is left out. Of a
    network on the device ``meta``, only names and shapes are checked: of safetensors, only the header is read.

    Raises:
        InputError: the file cannot be read, lacks a parameter, or contains one of another shape.
    """
    found, read = _open(path)
    expected = {name: tuple(parameter.shape) for name, parameter in network.state_dict().items()}
    needed = {name: shape for name, shape in expected.items() if not name.endswith(COUNTER)}
    prefix = _prefix(found, needed, path)
    missing = [name for name in needed if prefix + name not in found]
    wrong = [name for name in expected if found.get(prefix + name, expected[name]) != expected[name]]
    unused = [name for name in found if name.removeprefix(prefix) not in expected]
    if missing or wrong:
        reasons = []
        if missing:
            reasons += [f"{len(missing)} of the network's {len(needed)} parameters are missing: {quote_first(missing)}"]
        if wrong:
            name = wrong[0]
            shapes = f"{name!r} has the shape {found[prefix + name]}, expected {expected[name]}"
            reasons += [f"{len(wrong)} have another shape: {shapes}"]
        if missing and unused:
            reasons += [f"the file has others: {quote_first(unused)}"]
        raise InputError(f"{path}: not the weights of this network ({'; '.join(reasons)})")
    if prefix:
        logging.info("%s: the names of parameters begin with %s, which is left out", path, prefix)
    if unused:
        logging.info(
            "%s: %d tensors are not parameters of the network and stay unused (%s...)", path, len(unused), unused[0]
        )
    if any(parameter.is_meta for parameter in network.state_dict().values()):
        return
    try:
        state = {name: read(prefix + name) for name in expected if prefix + name in found}
        network.load_state_dict(state, strict=False)
    except Exception as error:  # tensors may be of any kind
        raise InputError(f"{path}: not the weights of this network ({_brief(error)})") from error


def _open(path: Path) -> tuple[Shapes, Callable[[str], torch.Tensor]]:
    """Return the shapes of a file's tensors by their names, and a function that reads one."""
    if not path.is_file():
        raise InputError(f"{path}: expected a file of weights, found none")
    kind = "safetensors file" if path.suffix == ".safetensors" else "file of weights"
    try:
        if path.suffix == ".safetensors":
            file = safe_open(path, framework="pt")
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}, file.get_tensor  # noqa: SIM118
        _refuse_bomb(path)
        stored = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
        state = dict(_flat(stored, "", set()))
        return {name: tuple(tensor.shape) for name, tensor in state.items()}, state.__getitem__
    except UnpicklingError as error:
        raise InputError(f"{path}: damaged, or holds more than tensors, which could run code") from error
    except Exception as error:  # readers of another kind of file raise nearly any error
        raise InputError(f"{path}: cannot be read as a {kind} ({_brief(error)})") from error


def _flat(value: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors in nested mappings; the names of mappings are parts of theirs (``state_dict.conv1.weight``).

    A mapping that the file refers to again is not ``seen`` again: a few of them could have billions of paths.
    """
    if not isinstance(value, dict) or id(value) in seen:
        return
    seen.add(id(value))
    for name, part in value.items():
        if isinstance(part, torch.Tensor):
            yield f"{prefix}{name}", part
        else:
            yield from _flat(part, f"{prefix}{name}.", seen)


def _prefix(found: Collection[str], needed: Collection[str], path: Path) -> str:
    """Return the prefix with which the file has all parameters of a network, or most of them."""
    counts: Counter[str] = Counter()
    for name in found:
        start = 0
        for _ in range(MAX_WRAPPERS):
            counts[name[:start]] += name[start:] in needed
            start = name.find(".", start) + 1
            if not start:
                break
    whole = [prefix for prefix, count in counts.items() if count == len(needed)]
    if "" in whole or not counts:
        return ""
    if len(whole) > 1:
        raise InputError(
            f"{path}: holds {len(whole)} networks, whose names begin with {quote_all(whole[:SHOWN])}; store one of them"
        )
    return max(counts, key=counts.__getitem__)


def _refuse_bomb(path: Path) -> None:
    """Raise ValueError if an archive is compressed: torch does not compress, and the content could fill the memory."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > path.stat().st_size:
            raise ValueError(f"its content of {size} bytes is compressed, and torch does not compress")


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:MAX_MESSAGE]
