"""Any backbone by name, and weights that fit or are refused."""

import copy

import pytest
import safetensors.torch
import timm
import torch
from torch.nn import functional

from stylevote.cnn.backbones import create_backbone, layer_groups, layers, trained_layers
from stylevote.cnn.network import feature_width
from stylevote.config.backbones import BACKBONES
from stylevote.errors import InputError

PHOTOS = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
PHOTOS_96 = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["test_resnet", "mobilenetv3_small_050", "smp:mobilenet_v2"])
def test_backbones_give_one_vector_a_photo(name):
    backbone, mean, std = create_backbone(name, "none", {})
    assert len(mean) == len(std) == 3
    assert backbone.eval()(PHOTOS).shape == (2, feature_width(backbone, 64))


TRANSFORMERS = ("EVA-02", "ViT-CLIP")
CONVOLUTIONAL = [
    pytest.param(known.timm, marks=[pytest.mark.slow] if name != "VGG16" else [])
    for name, known in BACKBONES.items()
    if name not in TRANSFORMERS
]
# Other families with fully connected layers behind the last feature map, under each of timm's names for them.
WITH_LAYERS_BEHIND = [
    *("vgg11_bn", "mobilenetv3_small_050", "mobilenetv4_conv_small", "ghostnet_100", "repghostnet_050", "lcnet_050"),
    *("fasternet_t0", "hgnetv2_b0", "efficientvit_b0", "inception_next_atto", "mambaout_femto"),
]


@pytest.mark.parametrize("name", [*CONVOLUTIONAL, *WITH_LAYERS_BEHIND])
def test_features_are_the_means_of_the_last_feature_map(name):
    with torch.device("meta"):  # the weights below take less time than timm's initial ones
        backbone, _, _ = create_backbone(name, "none", {})
    backbone.to_empty(device="cpu").eval()
    random = torch.Generator().manual_seed(2)
    for parameter in backbone.parameters():
        torch.nn.init.uniform_(parameter, -0.05, 0.1, generator=random)
    for buffer in backbone.buffers():
        torch.nn.init.ones_(buffer)
    with torch.inference_mode():
        features, maps = backbone(PHOTOS_96), backbone.forward_features(PHOTOS_96)
    if name.startswith("mambaout"):  # channels come last
        maps = maps.movedim(3, 1)
    expected = maps.flatten(2).sum(dim=2) / maps[0, 0].numel()
    if name.startswith(("convnext", "caformer")):  # they normalize the means
        norm = backbone.head.norm
        expected = functional.layer_norm(expected, expected.shape[1:], norm.weight, norm.bias, norm.eps)
    assert expected.std() > 0
    torch.testing.assert_close(features, expected)


@pytest.mark.parametrize("name", ["vgg16", "mobilenetv2_050", *WITH_LAYERS_BEHIND])
def test_no_layer_is_left_behind_the_feature_map(name):
    """Each layer counts in `trained_layers`, so the features must depend on each."""
    with torch.device("meta"):
        backbone, _, _ = create_backbone(name, "none", {})
        backbone(torch.zeros(2, 3, 96, 96)).sum().backward()
    assert [name for name, parameter in backbone.named_parameters() if parameter.grad is None] == []


def test_weights_of_vgg_fit_without_its_fully_connected_layers(tmp_path):
    model = timm.create_model("vgg11", num_classes=10, mlp_ratio=0.01)
    safetensors.torch.save_file(model.state_dict(), tmp_path / "vgg.safetensors")
    backbone, _, _ = create_backbone("vgg11", str(tmp_path / "vgg.safetensors"), {"drop_rate": 0.5})
    expected = model.features.eval()(PHOTOS).mean(dim=(2, 3))
    torch.testing.assert_close(backbone.eval()(PHOTOS), expected)
    dropped = copy.deepcopy(backbone).train()(PHOTOS)  # the copy has a mode of its own
    assert 0.4 < (dropped == 0)[expected > 0].float().mean() < 0.6
    torch.testing.assert_close(backbone(PHOTOS), expected)


def test_a_pooling_of_ones_own_keeps_the_published_layers():
    with torch.device("meta"):
        backbone, _, _ = create_backbone("efficientnet_b0", "none", {"global_pool": "catavgmax"})
        assert backbone(PHOTOS.to("meta")).shape == (2, 2 * 1280)


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(InputError, match=r"'resnet5O' is not known; did you mean .*resnet50"):
        create_backbone("resnet5O", "none", {})
    with pytest.raises(InputError, match=r"'smp:mobilnet_v2' is not known; did you mean 'smp:mobilenet_v2'"):
        create_backbone("smp:mobilnet_v2", "none", {})


def test_unknown_arguments_are_named():
    with pytest.raises(InputError, match=r"'test_resnet' with .*'colour'.* cannot be made"):
        create_backbone("test_resnet", "none", {"colour": 1})


@pytest.fixture
def stored(tmp_path):
    """A whole classifier's weights, in half precision, as they are published."""
    model = timm.create_model("test_resnet", num_classes=10)
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file({name: tensor.half() for name, tensor in model.state_dict().items()}, path)
    return path, model


def test_weights_of_a_classifier_fit_its_backbone(stored):
    path, model = stored
    backbone, _, _ = create_backbone("test_resnet", str(path), {})
    expected = model.eval().forward_head(model.forward_features(PHOTOS), pre_logits=True)
    torch.testing.assert_close(backbone.eval()(PHOTOS), expected, atol=1e-2, rtol=1e-2)


def test_weights_that_do_not_fit_are_refused(stored, tmp_path):
    path, _ = stored
    with pytest.raises(InputError, match=r"w\.safetensors: .* of the network's .* parameters are missing"):
        create_backbone("test_byobnet", str(path), {})
    state = safetensors.torch.load_file(path)
    state["layer1.0.conv1.weight"] = torch.zeros(1, 2)
    safetensors.torch.save_file(state, path)
    with pytest.raises(InputError, match=r"'layer1\.0\.conv1\.weight' has the shape \(1, 2\), expected"):
        create_backbone("test_resnet", str(path), {})
    for content in (b"", b"\xff" * 100):
        path.write_bytes(content)
        with pytest.raises(InputError, match="cannot be read as a safetensors file"):
            create_backbone("test_resnet", str(path), {})
    with pytest.raises(InputError, match="expected a file of weights"):
        create_backbone("test_resnet", str(tmp_path / "absent.safetensors"), {})


def test_layers_hold_every_parameter_once():
    backbone, _, _ = create_backbone("mobilenetv2_050", "none", {})
    held = [id(parameter) for layer in layers(backbone) for parameter in layer.parameters(recurse=False)]
    assert sorted(held) == sorted(id(parameter) for parameter in backbone.parameters())


@pytest.mark.parametrize(
    ("name", "groups", "top"),
    [  # how many stages, by the papers; and the topmost one's first layer
        ("resnet50", 5, "layer4.0.conv1"),
        ("densenet201", 5, "features.denseblock4.denselayer1.norm1"),
        ("legacy_xception", 14, "conv3.conv1"),
        ("convnext_tiny", 5, "stages.3.downsample.0"),
        ("caformer_s18", 5, "stages.3.downsample.norm"),
        ("swin_tiny_patch4_window7_224", 5, "layers.3.downsample.norm"),
        ("rdnet_tiny", 8, "dense_stages.6.0"),
        # What lies below the blocks is no part of the topmost: tokens, and the norm before them.
        ("vit_base_patch16_clip_224", 13, "blocks.11.norm1"),
        ("vit_base_patch14_reg4_dinov2", 13, "blocks.11.norm1"),
        ("smp:timm-efficientnet-b0", 9, "encoder.conv_head"),
        ("smp:mobilenet_v2", 19, "encoder.features.18.0"),
    ],
)
def test_groups_are_stages(name, groups, top):
    with torch.device("meta"):  # shapes are enough
        backbone, _, _ = create_backbone(name, "none", {})
    found, names = layer_groups(backbone), {module: name for name, module in backbone.named_modules()}
    assert sorted(set(found)) == list(range(groups))
    assert found == sorted(found)
    assert names[list(layers(backbone))[found.index(groups - 1)]] == top


def test_more_groups_than_there_are_is_all_of_them():
    backbone, _, _ = create_backbone("test_resnet", "none", {})
    everything = list(layers(backbone))
    assert trained_layers(backbone, {"groups": 5}) == trained_layers(backbone, {"groups": 50}) == everything
    assert trained_layers(backbone, {"groups": 4}) == everything[6:]  # the stem: three convolutions and their norms


def test_any_share_of_the_layers_is_at_least_one():
    backbone, _, _ = create_backbone("test_resnet", "none", {})
    assert trained_layers(backbone, {"last": 0.001}) == list(layers(backbone))[-1:]


def test_a_share_below_1_leaves_the_lowest_layer_out():
    backbone, _, _ = create_backbone("test_resnet", "none", {})
    everything = list(layers(backbone))
    assert trained_layers(backbone, {"last": 0.999}) == everything[1:]
    assert trained_layers(backbone, {"last": 1}) == everything


def test_layers_that_are_made_early_and_used_late_are_in_the_group_where_they_are_used():
    with torch.device("meta"):
        backbone, _, _ = create_backbone("twins_svt_small", "none", {})
    names = {module: name for name, module in backbone.named_modules()}
    top = {names[layer].partition(".3")[0] for layer in trained_layers(backbone, {"groups": 1})}
    assert top == {"patch_embeds", "blocks", "pos_block", "norm"}


def test_real_weights_tell_clothes(shared):
    """The ImageNet weights beside the checkout, in a whole network: they load and are not noise."""
    path = shared / "weights" / "mobilenetv2_100_in1k_fp16.safetensors"
    backbone, mean, _ = create_backbone("mobilenetv2_100", str(path), {"pad_type": "same"})
    assert mean == pytest.approx((0.485, 0.456, 0.406))
    features = backbone.eval()(torch.rand(2, 3, 96, 96))
    assert features.shape == (2, 1280)
    assert torch.isfinite(features).all()
