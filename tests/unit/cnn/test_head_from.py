"""A head that starts from a probe's: before the first step, the network gives the probe's scores."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stylevote.cnn.backbones import create_backbone
from stylevote.cnn.frozen import FrozenBackbone, ProbeNetwork
from stylevote.cnn.train import Training
from stylevote.config.settings import head_probe
from stylevote.errors import InputError
from stylevote.files.arrays import write_arrays
from stylevote.files.weights import store_weights

CPU = torch.device("cpu")


def run_of(setting, backbone, source, folder, args=None):
    """Return the setting of a run whose head starts from a probe, with random weights in a file."""
    start = folder / "net.safetensors"
    return {
        **setting,
        "backbone": backbone,
        "backbone_args": args or {},
        "weights": str(start),
        "hidden_units": [],
        "labels": "all",
        "recipe": "plain",
        "tta": "none",
        "head_from": source,
    }


def write_probe(run, folder):
    """Write the weights of a backbone, and the head of a probe on it; return the probe as one network, and the head."""
    backbone, *_ = create_backbone(run["backbone"], "none", run["backbone_args"])
    save_file(getattr(backbone, "encoder", backbone).state_dict(), run["weights"])
    probe = ProbeNetwork(head_probe(run), 2, run["weights"])
    torch.nn.init.normal_(probe.head[0].weight)
    torch.nn.init.normal_(probe.head[0].bias)
    path = folder / "head.safetensors"
    write_arrays({f"head.{name}": tensor.numpy() for name, tensor in probe.head.state_dict().items()}, path)
    return probe, path


@pytest.mark.parametrize(
    ("backbone", "source", "args"),
    [
        ("test_resnet", "probe", {}),
        ("mobilenetv3_small_050", "probe", {}),  # has layers after its last map
        ("test_vit", "token_probe", {}),
        ("test_vit", "probe", {"global_pool": "avg"}),
        ("vit_tiny_patch16_224", "token_probe", {"global_pool": "map", "img_size": 32}),
        ("smp:resnet18", "probe", {}),
    ],
)
def test_before_the_first_step_scores_are_the_probes(setting, data, tmp_path, backbone, source, args):
    torch.manual_seed(3)
    run = run_of(setting, backbone, source, tmp_path, args)
    probe, head = write_probe(run, tmp_path)
    training = Training("a", run, 0, data, folder=tmp_path, device=CPU, key="key", head=head)
    photos = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        expected, found = probe(photos), training.network.eval()(photos)
    assert expected.std() > 0.05
    np.testing.assert_allclose(found, expected, atol=5e-3 * float(expected.abs().max()))
    # Of a random head they are others.
    other = Training("a", run, 0, data, folder=tmp_path, device=CPU, key="key").network.eval()
    with torch.inference_mode():
        assert (other(photos) - expected).abs().max() > 0.05 * float(expected.abs().max())


def test_a_probe_that_pools_in_another_way_is_refused(setting, data, tmp_path):
    run = run_of(setting, "test_vit", "probe", tmp_path)
    _, head = write_probe(run, tmp_path)
    with pytest.raises(InputError, match=r"head_from: found probe, expected token_probe: the probe's"):
        Training("a", run, 0, data, folder=tmp_path, device=CPU, key="key", head=head)


def test_a_head_of_other_features_is_refused(setting, data, tmp_path):
    run = run_of(setting, "test_resnet", "probe", tmp_path)
    write_probe(run, tmp_path)
    wider = {**head_probe(run), "probe": {**head_probe(run)["probe"], "pooling": "mean_max"}}
    path = tmp_path / "wider.safetensors"
    store_weights(
        torch.nn.ModuleDict({"head": torch.nn.Sequential(torch.nn.Linear(FrozenBackbone(wider).width, 2))}), path
    )
    with pytest.raises(InputError, match="not the weights of this network"):
        Training("a", run, 0, data, folder=tmp_path, device=CPU, key="key", head=path)
