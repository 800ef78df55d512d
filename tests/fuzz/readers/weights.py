"""Weights that users bring, as safetensors and as torch saves them: damaged, of other forms, and pickled code."""

import builtins
import io
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from hypothesis import strategies as st
from torch import nn

from fuzz.mutations import mutated
from stylevote.files.user_weights import load_part

Case = tuple[str, bytes]  # a suffix and a file


class Code:
    """An object whose unpickling calls a function."""

    def __init__(self, function: Callable, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable, tuple]:
        return self.call


def network() -> nn.Module:
    """Return a network small enough to load thousands of times."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def prepare(folder: Path) -> tuple[list[Case], st.SearchStrategy[Case], Callable[[Case], None]]:
    """Return traps, damaged files of either kind, and the function that reads what users bring."""
    state = network().state_dict()
    target = network()

    def read(case: Case) -> None:
        suffix, data = case
        path = folder / f"weights{suffix}"
        path.write_bytes(data)
        load_part(target, path)

    tensors, pickled = good_tensors(state), good_pickles(state)
    cases = st.one_of(
        st.tuples(st.just(".safetensors"), st.one_of(mutated(tensors), headers(tensors[0]), st.binary(max_size=100))),
        st.tuples(st.just(".pth"), st.one_of(mutated(pickled), mutated(code()), unpacked(pickled[0]))),
    )
    good = [(".safetensors", data) for data in tensors] + [(".pth", data) for data in [*pickled, *code()]]
    return [*good, *traps(state)], cases, read


def good_tensors(state: dict[str, torch.Tensor]) -> list[bytes]:
    """Return safetensors files of the network, with less and with more in them."""
    return [
        safetensors.torch.save(state, {"format": "pt"}),
        safetensors.torch.save({name: tensor.half() for name, tensor in state.items()}),
        safetensors.torch.save({**state, "more": torch.zeros(2)}),
        safetensors.torch.save({"0.weight": state["0.weight"]}),
    ]


def good_pickles(state: dict[str, torch.Tensor]) -> list[bytes]:
    """Return what torch saves of the network, new and old."""
    values = [state, dict(state), {"state_dict": state}, nn.Parameter(torch.zeros(2)), [1, 2], 3, {1: 2}]
    return [
        *(_saved(value) for value in values),
        _saved(state, _use_new_zipfile_serialization=False),
        pickle.dumps(state),
    ]


def code() -> list[bytes]:
    """Return pickles that run code where they are read as such, in all wrappings."""
    calls = [
        Code(os.system, "touch ran"),
        Code(builtins.exec, "open('ran', 'w')"),
        Code(builtins.eval, "__import__('os').system('touch ran')"),
        Code(open, "ran", "w"),
        Code(os.posix_spawn, "/bin/touch", ["touch", "ran"], {}),
        Code(torch.save, 1, "ran"),
        Code(torch.hub.load_state_dict_from_url, "http://127.0.0.1:9/ran"),
    ]
    written = [pickle.dumps({"0.weight": call}, protocol) for call in calls for protocol in (0, 2)]
    for call in calls:
        value = OrderedDict([("0.weight", call)])
        written += [_saved(value), _saved(value, _use_new_zipfile_serialization=False)]
    return written


def _saved(value: Any, **settings: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **settings)
    return stream.getvalue()


def headers(data: bytes) -> st.SearchStrategy[bytes]:
    """Return the file with drawn entries in its header, and a length that fits."""
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    number = st.sampled_from([0, 1, 4, -1, 36, 2**31, 2**63, 2**64, 1e308, None, "1", [1]])
    kinds = st.sampled_from(["F32", "F16", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "F4", "C64", "F99", "", None, 1])
    entry = st.fixed_dictionaries(
        {},
        optional={"dtype": kinds, "shape": st.lists(number, max_size=5), "data_offsets": st.lists(number, max_size=3)},
    )

    def make(name: str, changes: dict) -> bytes:
        text = json.dumps({**header, name: {**header.get(name, {}), **changes}}).encode()
        return struct.pack("<Q", len(text)) + text + body

    return st.builds(make, st.sampled_from([*header, "more", ""]), entry)


def unpacked(data: bytes) -> st.SearchStrategy[bytes]:
    """Return the archive with damage to one of its files, and checksums that fit."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}

    def make(name: str, content: bytes) -> bytes:
        return _archive({**files, name: content})

    names = sorted(files)
    return st.sampled_from(names).flatmap(lambda name: st.builds(make, st.just(name), mutated([files[name]])))


def _archive(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def traps(state: dict[str, torch.Tensor]) -> list[Case]:
    """Return small files that grow large, or keep a reader busy."""
    deep = b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."
    wide = torch.zeros(1).expand(2**40)
    header = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    scripted = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), scripted)
    return [
        (".pth", deep),
        (".pth", _saved({**state, "0.weight": wide})),
        (".pth", _saved({**state, "0.weight": torch.zeros(4, 3, 3, 3, device="meta")})),
        (".pth", _saved({**state, "0.weight": torch.zeros(4, 3, 3, 3).to_sparse()})),
        (".pth", scripted.getvalue()),
        (".pth", b""),
        (".safetensors", b""),
        (".safetensors", struct.pack("<Q", 2**63)),
        (".safetensors", struct.pack("<Q", len(header)) + header),
    ]
