"""The head, and what freezing leaves alone."""

import copy
import math

import pytest
import safetensors.torch
import timm
import torch
from torch import nn

from stylevote.cnn.backbones import layers
from stylevote.cnn.network import Network, at_size, make_head
from stylevote.errors import InputError
from stylevote.files.weights import load_weights, store_weights


def test_head_is_normalised_before_each_relu():
    kinds = [type(layer) for layer in make_head(20, [16, 8], 3)]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]


def test_batch_normalization_can_be_left_out(setting):
    kinds = [type(layer) for layer in Network({**setting, "hidden_units": [16], "batch_norm": False}, 3).head]
    assert kinds == [nn.Linear, nn.ReLU, nn.Linear]


def test_a_head_without_hidden_layers_is_linear(setting):
    network = Network({**setting, "hidden_units": []}, 3).eval()
    features = torch.rand(4, network.head[0].in_features)
    expected = features @ network.head[0].weight.T + network.head[0].bias
    torch.testing.assert_close(network.head(features), expected)


def test_head_is_xavier_initialised():
    torch.manual_seed(0)
    weight = make_head(400, [200], 3)[0].weight
    bound = math.sqrt(6 / (400 + 200))
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_dropout_precedes_each_layer_of_the_head_in_training_alone(setting):
    torch.manual_seed(0)
    plain = Network({**setting, "hidden_units": [32], "batch_norm": False}, 2)
    dropped = Network({**setting, "hidden_units": [32], "batch_norm": False, "dropout": 0.3}, 2)
    dropped.load_state_dict(plain.state_dict())  # the same names
    features = torch.ones(2000, plain.head[0].in_features)
    assert torch.equal(plain.eval().head(features), dropped.eval().head(features))
    dropped.train()
    with torch.no_grad():
        for layer in (dropped.head[0], dropped.head[2]):
            layer.weight.fill_(1)
            layer.bias.zero_()
            inputs = torch.ones(2000, layer.in_features)
            kept = layer(inputs)[:, 0] * 0.7
            # Of n inputs, those that are kept count 1 / 0.7: a binomial distribution.
            assert torch.equal(kept.round(), kept.round(decimals=3))
            assert kept.mean().item() == pytest.approx(0.7 * layer.in_features, rel=0.03)
            assert kept.std().item() == pytest.approx((0.21 * layer.in_features) ** 0.5, rel=0.1)


@pytest.mark.parametrize("backbone", ["test_vit", "test_efficientnet", "test_convnext"])
def test_blocks_are_skipped_in_training_alone(setting, backbone):
    setting = {**setting, "backbone": backbone, "size": 160}
    plain, skipping = Network(setting, 2), Network({**setting, "drop_path": 0.5}, 2)
    skipping.load_state_dict(plain.state_dict())
    rates = [module.drop_prob for module in skipping.modules() if isinstance(module, timm.layers.DropPath)]
    assert max(rates) == pytest.approx(0.5) or 0.2 < max(rates) < 0.5  # EfficientNet counts its stem's blocks, too
    assert rates == sorted(rates)
    photos = torch.rand(2, 3, 160, 160)
    assert torch.equal(plain.eval()(photos), skipping.eval()(photos))


@pytest.mark.parametrize("backbone", ["vgg11", "densenet121", "smp:resnet18"])
def test_a_backbone_without_stochastic_depth_is_said(setting, backbone):
    with pytest.raises(
        InputError, match=rf"'{backbone}' has no blocks that training can skip .*leave out .*`drop_path`"
    ):
        Network({**setting, "backbone": backbone, "drop_path": 0.1}, 2)


def test_a_transformer_of_another_size_is_the_one_that_timm_resamples(setting):
    network = Network({**setting, "backbone": "test_vit", "size": 96}, 2).eval()
    larger = at_size(network, 128)
    expected = timm.layers.resample_abs_pos_embed(
        network.backbone.pos_embed, new_size=[8, 8], num_prefix_tokens=network.backbone.num_prefix_tokens
    )
    torch.testing.assert_close(larger.backbone.pos_embed, expected)
    assert network.backbone.pos_embed.shape != expected.shape
    other = Network({**setting, "backbone": "test_vit", "size": 128}, 2).eval()
    other.load_state_dict(larger.state_dict())
    photos = torch.rand(2, 3, 128, 128)
    assert torch.equal(other(photos), larger(photos))


def test_input_is_normalised(setting):
    network = Network(setting, 2).eval()
    photos = torch.rand(2, 3, 32, 32)
    inside = network.head(network.backbone((photos - network.mean) / network.std))
    assert torch.equal(network(photos), inside)
    assert network.mean.unique().item() == 0.5  # as the published weights of this backbone want it


def test_a_network_made_to_load_weights_normalises_as_the_one_that_stored_them(setting, tmp_path):
    network = Network(setting, 2)
    network.mean += 0.25
    store_weights(network, tmp_path / "w.safetensors")
    other = Network({**setting, "seed": 1}, 2)
    load_weights(other, tmp_path / "w.safetensors")
    assert torch.equal(other.mean, network.mean)


def test_a_size_that_a_backbone_does_not_take_is_said(setting):
    with pytest.raises(InputError, match=r"'mixer_s16_224' takes no photos of 96 x 96 .*change the run's `size`"):
        Network({**setting, "backbone": "mixer_s16_224", "size": 96}, 2)


@pytest.mark.parametrize(("name", "native"), [("test_vit", 160), ("test_vit3", 160)])
def test_a_transformer_takes_other_sizes_from_weights_of_its_own(setting, tmp_path, name, native):
    own = timm.create_model(name, num_classes=0)
    assert own.pretrained_cfg["input_size"][-1] == native
    safetensors.torch.save_file(own.state_dict(), tmp_path / "own.safetensors")
    sizes = ({**setting, "backbone": name, "size": size} for size in (native, 96))
    same, other = (Network(size, 2, str(tmp_path / "own.safetensors")).backbone.eval() for size in sizes)
    photos = torch.rand(2, 3, native, native)
    assert torch.equal(same(photos), own.eval()(photos))
    assert other(photos[..., :96, :96]).shape == same(photos).shape
    resampled = [key for key, value in same.state_dict().items() if other.state_dict()[key].shape != value.shape]
    assert resampled == ["pos_embed"]
    assert all(torch.equal(other.state_dict()[k], v) for k, v in same.state_dict().items() if k not in resampled)


FAMILIES = {  # of each: what creates it small, and where its two topmost stages begin, as its authors name them
    "test_resnet": ({}, ("layer3", "layer4")),
    "resnet18": ({}, ("layer3", "layer4")),
    "densenet121": ({}, ("features.denseblock3", "features.transition3", "features.denseblock4", "features.norm5")),
    "test_efficientnet": ({}, ("blocks.3", "blocks.4", "conv_head", "bn2")),
    "mobilenetv3_small_050": ({}, ("blocks.4", "blocks.5")),
    "convnext_atto": ({}, ("stages.2", "stages.3", "head")),
    "caformer_s18": ({}, ("stages.2", "stages.3", "head")),
    "vit_tiny_patch16_224": ({"img_size": 64}, ("blocks.10", "blocks.11", "norm")),
    "smp:resnet18": ({}, ("encoder.layer3", "encoder.layer4")),
}


def train(network: Network, part: str | dict, steps: int = 2) -> dict[str, bool]:
    """Train a part of a network; return of each layer whether any of its weights or statistics changed."""
    optimizer = torch.optim.Adam(network.choose_trained(part), lr=0.1)
    before = copy.deepcopy(network.state_dict())
    for _ in range(steps):
        optimizer.zero_grad()
        network.train()(torch.rand(4, 3, 64, 64)).square().mean().backward()
        optimizer.step()
    after = network.state_dict()
    changed = dict.fromkeys((name.rpartition(".")[0] for name in before), False)
    for name in before:
        changed[name.rpartition(".")[0]] |= not torch.equal(before[name], after[name])
    return changed


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("part", ["head", {"last": 0.4}, {"groups": 2}, "all"], ids=str)
def test_only_the_chosen_part_changes(setting, family, part):
    args, top_stages = FAMILIES[family]
    network = Network({**setting, "backbone": family, "backbone_args": args, "size": 64}, 2)
    changed = train(network, part)
    names = {id(module): name for name, module in network.named_modules()}
    stack = [names[id(layer)] for layer in layers(network.backbone)]
    if part == {"groups": 2}:
        expected = {name for name in stack if name.removeprefix("backbone.").startswith(top_stages)}
    else:
        share = {"head": 0.0, "all": 1.0}.get(part if isinstance(part, str) else "", 0.4)
        expected = set(stack[len(stack) - math.ceil(share * len(stack)) :])
    assert {name for name in stack if changed[name]} == expected
    assert changed["head.0"]


def test_statistics_of_a_batchnorm_without_weights_are_frozen_too(setting):
    network = Network({**setting, "hidden_units": []}, 2)
    network.backbone = nn.Sequential(
        *(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, affine=False)),
        *(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, affine=False), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )
    network.head = nn.Linear(3, 2)
    changed = train(network, {"last": 0.5})
    assert [changed[f"backbone.{number}"] for number in range(4)] == [False, False, True, True]
    assert not any(train(network, "head")[f"backbone.{number}"] for number in range(4))


def test_a_phase_can_free_what_another_froze(setting):
    network = Network(setting, 2)
    few = len(network.choose_trained("head"))
    everything = len(network.choose_trained("all"))
    assert few < everything == len(list(network.parameters()))
    network.train()
    assert all(module.training for module in network.modules())
