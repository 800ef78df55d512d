"""Networks are checked before training: each kind of mistake is found, and what can be trained passes."""

import json
import re
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch
from huggingface_hub import constants

from programs import call
from stylevote.bundle.backbones import described, refuse_hub
from stylevote.cnn import check
from stylevote.cnn.backbones import create_backbone
from stylevote.machine import hub

NETWORK = {"backbone": "test_resnet", "backbone_args": {}, "weights": "none", "size": 64, "start": []}
PROBE = {"pooling": "mean", "layers": 1, "scales": [1]}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A file of weights of the classifier test_resnet."""
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    safetensors.torch.save_file(timm.create_model("test_resnet").state_dict(), path)
    return str(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"backbone": "resnet51"}, "'resnet51' is not known; did you mean "),
        ({"backbone": "resnet50.nonsense"}, "Invalid pretrained tag"),
        ({"backbone": "smp:mobilnet_v2"}, "did you mean 'smp:mobilenet_v2'"),
        ({"backbone_args": {"drop_pth_rate": 0.1}}, "did you mean 'drop_path_rate'"),
        ({"backbone_args": {"global_pool": ""}}, "expected a single vector"),
        ({"backbone": "cait_xxs24_224"}, "takes no photos of 64 x 64 pixels"),
        ({"backbone": "test_vit", "backbone_args": {"img_size": 64, "patch_size": 0}}, "cannot be made"),
        ({"backbone": "vgg11", "drop_path": 0.1}, "leave out the run's `drop_path`"),
        ({"backbone": "test_vit", "head_from": "probe", "size": 160}, "expected token_probe"),
        ({"backbone": "test_vit4", "weights": "pretrained"}, "no library publishes weights"),
        ({"probe": {**PROBE, "layers": 9}}, "probe.layers: found 9"),
        ({"probe": {**PROBE, "pooling": "token"}}, "no class token"),
        (
            {"backbone": "swin_tiny_patch4_window7_224", "size": 224, "probe": {**PROBE, "scales": [1.3]}},
            "no photos of 291",
        ),
        ({"start": ["absent.safetensors"]}, "absent.safetensors: expected a file of weights, found none"),
    ],
)
def test_a_mistake_is_found(change, said):
    assert said in check.network_problem({**NETWORK, "tta": "none", **change})


def test_weights_of_another_network_say_what_differs(stored):
    problem = check.network_problem({**NETWORK, "backbone": "test_byobnet", "start": [stored]})
    assert "not the weights of this network" in problem
    assert "the file has others: 'bn1.bias'" in problem


@pytest.mark.parametrize(
    "change",
    [
        {"backbone": "resnet18.a1_in1k", "weights": "pretrained"},
        {"backbone": "smp:resnet18", "drop_path": 0},
        {"backbone": "test_vit", "size": 96, "test_size": 128, "drop_path": 0.1, "head_from": "token_probe"},
        {"backbone": "test_vit", "size": 160, "probe": {**PROBE, "pooling": "token", "layers": 2}},
        {"probe": {**PROBE, "pooling": "mean_max", "layers": 3, "scales": [1, 1.5]}},
    ],
)
def test_networks_that_can_be_made_pass(change):
    assert check.network_problem({**NETWORK, "tta": "none", **change}) is None


def test_the_users_weights_are_compared_by_their_header(stored, tmp_path):
    assert check.network_problem({**NETWORK, "start": [stored]}) is None
    # Names and shapes of a file that has lost its numbers are still those of the network.
    data = Path(stored).read_bytes()
    header = int.from_bytes(data[:8], "little") + 8
    sparse = tmp_path / "sparse.safetensors"
    with sparse.open("wb") as file:
        file.write(data[:header])
        file.truncate(len(data))
    assert check.network_problem({**NETWORK, "start": [str(sparse)]}) is None


@pytest.fixture
def cache(tmp_path, monkeypatch, stored):
    """An empty cache of the hub's files, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(hub, "PATIENCE", ())
    hub.unreachable.cache_clear()
    yield tmp_path / "hub"
    hub.unreachable.cache_clear()


def put(cache, repository: str, weights: str) -> None:
    """Put a network and its weights into the cache, as a download would."""
    snapshot = cache / f"models--{repository.replace('/', '--')}" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    published = {"architecture": "test_resnet", "num_features": 96, "model_args": {"drop_rate": 0.25}}
    published["pretrained_cfg"] = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "input_size": [3, 160, 160]}
    published["pretrained_cfg"] |= {"num_classes": 1000, "first_conv": "conv1.0", "classifier": "fc"}
    (snapshot / "config.json").write_text(json.dumps(published))
    (snapshot / "model.safetensors").symlink_to(weights)


def test_a_network_of_the_hub_comes_from_the_cache(cache, stored):
    put(cache, "somebody/clothes", stored)
    backbone, mean, std = create_backbone("hf-hub:somebody/clothes", "pretrained", {})
    assert (mean, std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    expected = timm.create_model("test_resnet", checkpoint_path=stored).eval()
    photos = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        theirs = expected.forward_head(expected.forward_features(photos), pre_logits=True)
        torch.testing.assert_close(backbone.eval()(photos), theirs)
    network = {**NETWORK, "backbone": "hf-hub:somebody/clothes", "weights": "pretrained"}
    assert check.network_problem(network) is None
    check.fetch(network)


def test_a_bundle_does_without_the_hub(cache, stored):
    put(cache, "somebody/clothes", stored)
    setting = {"backbone": "hf-hub:somebody/clothes", "backbone_args": {"drop_path_rate": 0.1}}
    assert described(setting) == {
        "backbone": "test_resnet",
        "backbone_args": {"drop_rate": 0.25, "drop_path_rate": 0.1},
    }
    assert described({"backbone": "test_resnet", "backbone_args": {}}) == {}
    with pytest.raises(ValueError, match="fetch"):
        refuse_hub("hf-hub:somebody/clothes")


def test_weights_that_cannot_be_fetched_are_named_together(cache, stored, tmp_path):
    put(cache, "timm/test_resnet.r160_in1k", stored)
    names = ["test_resnet.r160_in1k", "resnet18.a1_in1k", "smp:mobilenet_v2", "hf-hub:somebody/shoes"]
    networks = [{**NETWORK, "backbone": name, "weights": "pretrained"} for name in names]
    keys = [f"runs[{number}]" for number in range(4)]
    words = ["--fetched", "fetched.json", "--settings", {"networks": networks}]
    printed = call(tmp_path, "checks/fetch_weights", *words, "--keys", *keys, expected=1)
    assert "pretrained weights of 3 networks cannot be loaded; nothing was trained:" in printed
    assert [key for key in keys if f"{key}: backbone" in printed] == keys[1:]
    assert "not in the cache of this machine, and http://127.0.0.1:9 cannot be reached" in printed
    assert "set `weights_folder: FOLDER`, a folder with 4 files:" in printed
    assert re.search(r"resnet18\.a1_in1k\.safetensors, from \S+/timm/resnet18\.a1_in1k/resolve/", printed)
    assert "hf-hub_somebody_shoes.safetensors, from " in printed
    call(tmp_path, "checks/fetch_weights", *words[:-1], {"networks": networks[:1]}, "--keys", keys[0])
    assert (tmp_path / "fetched.json").exists()
