"""Weights that users bring: wrappers around a network's names are left out, and other networks are refused."""

import pytest
import safetensors.torch
import torch
from torch import nn

from stylevote.errors import InputError
from stylevote.files.user_weights import load_part


def network() -> nn.Module:
    """Return a network whose names end alike (``weight``, ``0.weight``)."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Conv2d(4, 4, 1), nn.Linear(4, 2)))


def loaded(path) -> dict[str, torch.Tensor]:
    target = network()
    for parameter in target.parameters():
        nn.init.zeros_(parameter)
    load_part(target, path)
    with torch.device("meta"):
        load_part(network(), path)  # the same without numbers
    return target.state_dict()


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "backbone.", "state_dict.model.module."])
def test_a_prefix_of_all_names_is_left_out(prefix, tmp_path):
    state = network().state_dict()
    safetensors.torch.save_file(
        {f"{prefix}{name}": tensor for name, tensor in state.items()}, tmp_path / "w.safetensors"
    )
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded(tmp_path / "w.safetensors").items())


@pytest.mark.parametrize("legacy", [False, True])
def test_a_checkpoint_of_torch_may_hold_more(legacy, tmp_path):
    state = network().state_dict()
    wrapped = {f"module.{name}": tensor for name, tensor in state.items() if "num_batches" not in name}
    wrapped["module.fc.weight"] = torch.zeros(9)
    checkpoint = {"epoch": 3, "state_dict": wrapped, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}}
    torch.save(checkpoint, tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy)
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded(tmp_path / "w.pth").items())


def test_mappings_with_billions_of_paths_are_read_at_once(tmp_path):
    inner = network().state_dict()
    for _ in range(60):
        inner = {"a": inner, "b": inner}
    torch.save(inner, tmp_path / "w.pth")
    with pytest.raises(InputError, match="not the weights of this network"):
        loaded(tmp_path / "w.pth")


def test_two_networks_in_a_file_are_refused(tmp_path):
    state = network().state_dict()
    both = {f"{owner}.{name}": tensor.clone() for owner in ("student", "teacher") for name, tensor in state.items()}
    safetensors.torch.save_file(both, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"w\.safetensors: holds 2 networks, .*'student\.', 'teacher\.'"):
        loaded(tmp_path / "w.safetensors")


def test_what_differs_is_said_also_behind_a_prefix(tmp_path):
    state = {f"module.{name}": tensor for name, tensor in network().state_dict().items()}
    state["module.other"] = state.pop("module.2.1.bias")
    state["module.0.weight"] = torch.zeros(4, 1, 3, 3)
    safetensors.torch.save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(InputError) as caught:
        loaded(tmp_path / "w.safetensors")
    for words in (
        "1 of the network's 10 parameters are missing: '2.1.bias'",
        "'0.weight' has the shape (4, 1, 3, 3), expected (4, 3, 3, 3)",
        "the file has others: 'module.other'",
    ):
        assert words in str(caught.value)
