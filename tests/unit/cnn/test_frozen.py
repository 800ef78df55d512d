"""Features of frozen backbones, and the networks of probes."""

import numpy as np
import pandas as pd
import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file
from torch.nn import functional

from stylevote.cnn.batches import PixelCache
from stylevote.cnn.frozen import FrozenBackbone, ProbeNetwork, extract_features, make_network
from stylevote.cnn.network import Network
from stylevote.errors import InputError
from stylevote.files.weights import load_weights, store_weights

MEAN = {"pooling": "mean", "layers": 1, "scales": [1]}


def probe(setting: dict, **keys) -> dict:
    """Return the setting of a probe, in which keys of ``probe`` and of the setting are replaced."""
    own = {key: keys.pop(key) for key in MEAN.keys() & keys}
    return {**setting, "phases": [], "hidden_units": [], "tta": "none", "probe": {**MEAN, **own}, **keys}


def in_half(features: np.ndarray) -> np.ndarray:
    return features.astype(np.float16).astype(np.float32)


def both(tmp_path, setting: dict, size: int = 64, **args) -> tuple:
    """Return the frozen backbone, timm's own model of the same weights, and photos as both want them."""
    torch.manual_seed(0)
    own = timm.create_model(setting["backbone"], num_classes=0, **setting["backbone_args"], **args).eval()
    save_file(own.state_dict(), tmp_path / "own.safetensors")
    frozen = FrozenBackbone({**setting, "size": size}, str(tmp_path / "own.safetensors"))
    photos = torch.rand(3, 3, size, size)
    mean, std = (torch.tensor(own.pretrained_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    return frozen, own, photos, (photos - mean) / std


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_byobnet"])
def test_means_and_maxima_of_a_convolutional_network_are_those_of_its_last_map(setting, tmp_path, name):
    frozen, own, photos, normalised = both(tmp_path, probe(setting, backbone=name, pooling="mean_max"))
    with torch.inference_mode():
        maps = own.forward_features(normalised).numpy()
    expected = np.concatenate([maps.mean(axis=(2, 3)), maps.max(axis=(2, 3))], axis=1)
    np.testing.assert_allclose(frozen(photos), in_half(expected), rtol=2e-3, atol=1e-4)


def test_a_normalization_after_the_pooling_belongs_to_it(setting, tmp_path):
    frozen, own, photos, normalised = both(tmp_path, probe(setting, backbone="test_convnext"))
    with torch.inference_mode():
        np.testing.assert_allclose(frozen(photos), in_half(own(normalised).numpy()), rtol=2e-3, atol=1e-3)


def test_maps_with_channels_last_are_pooled_over_positions(setting, tmp_path):
    setting = probe(setting, backbone="swin_s3_tiny_224", backbone_args={"img_size": 64, "window_size": 2})
    frozen, own, photos, normalised = both(tmp_path, {**setting, "probe": {**MEAN, "pooling": "mean_max"}})
    with torch.inference_mode():
        maps = own.forward_features(normalised).numpy()
    assert maps.shape[:3] == (3, 2, 2)
    expected = np.concatenate([maps.mean(axis=(1, 2)), maps.max(axis=(1, 2))], axis=1)
    np.testing.assert_allclose(frozen(photos), in_half(expected), rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["test_vit", "eva02_tiny_patch14_224", "vit_small_patch14_reg4_dinov2"])
def test_class_token_and_patches_of_a_transformer_are_told_apart(setting, tmp_path, name):
    size = 32 if name == "test_vit" else 56
    args = {"backbone": name, "backbone_args": {"img_size": size}}
    for pooling in ("token", "mean"):
        frozen, own, photos, normalised = both(tmp_path, probe(setting, pooling=pooling, **args), size)
        with torch.inference_mode():
            tokens = own.forward_features(normalised)
            patches = (size // own.patch_embed.patch_size[0]) ** 2
            pooled = tokens[:, 0] if pooling == "token" else tokens[:, -patches:].mean(dim=1)
            expected = own.fc_norm(pooled).numpy()
        np.testing.assert_allclose(frozen(photos), in_half(expected), rtol=2e-3, atol=1e-3)


def test_what_a_transformer_pools_by_attention_stands_for_a_class_token(setting, tmp_path):
    args = {"backbone": "test_vit3", "backbone_args": {"img_size": 32}, "pooling": "token"}
    frozen, own, photos, normalised = both(tmp_path, probe(setting, **args), 32)
    with torch.inference_mode():
        np.testing.assert_allclose(frozen(photos), in_half(own(normalised).numpy()), rtol=2e-3, atol=1e-3)


def test_several_stages_are_joined_from_the_top(setting, tmp_path):
    frozen, own, photos, normalised = both(tmp_path, probe(setting, layers=3))
    maps = []
    for stage in (own.layer2, own.layer3, own.layer4):
        stage.register_forward_hook(lambda _module, _inputs, output: maps.append(output.numpy().mean(axis=(2, 3))))
    with torch.inference_mode():
        own(normalised)
    np.testing.assert_allclose(frozen(photos), in_half(np.concatenate(maps[::-1], axis=1)), rtol=2e-3, atol=1e-4)


def test_class_tokens_of_several_blocks_are_normalised_and_joined(setting, tmp_path):
    args = {"backbone": "test_vit", "backbone_args": {"img_size": 32}, "pooling": "token", "layers": 2}
    frozen, own, photos, normalised = both(tmp_path, probe(setting, **args), 32)
    tokens = []
    for block in own.blocks[-2:]:
        block.register_forward_hook(lambda _module, _inputs, output: tokens.append(own.norm(output)[:, 0]))
    with torch.inference_mode():
        own(normalised)
    np.testing.assert_allclose(frozen(photos), in_half(torch.cat(tokens[::-1], dim=1).numpy()), rtol=2e-3, atol=1e-3)


def test_stages_of_an_encoder_of_smp_are_joined(setting):
    frozen = FrozenBackbone(probe(setting, backbone="smp:resnet18", layers=2, pooling="mean_max", size=64))
    own = smp.encoders.get_encoder("resnet18", weights=None).eval()
    own.load_state_dict(frozen.backbone.encoder.state_dict())
    photos = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        *_, lower, top = (maps.numpy() for maps in own((photos - frozen.mean) / frozen.std))
    parts = [pool(axis=(2, 3)) for maps in (top, lower) for pool in (maps.mean, maps.max)]
    np.testing.assert_allclose(frozen(photos), in_half(np.concatenate(parts, axis=1)), rtol=2e-3, atol=1e-4)


def of_views(setting: dict, **keys) -> tuple[FrozenBackbone, FrozenBackbone]:
    """Return a frozen backbone of the setting with these keys, and one of a single view with the same weights."""
    frozen, single = FrozenBackbone(probe(setting, **keys)), FrozenBackbone(probe(setting))
    single.load_state_dict(frozen.state_dict())
    return frozen, single


def test_a_photo_and_its_mirror_image_are_averaged(setting):
    frozen, single = of_views(setting, tta="mirror")
    photos = torch.rand(2, 3, 32, 32)
    by_hand = (single(photos) + single(photos.flip(3))) / 2
    torch.testing.assert_close(frozen(photos), by_hand, rtol=2e-3, atol=1e-4)
    assert not torch.allclose(frozen(photos), single(photos), rtol=2e-3, atol=1e-4)


def test_ten_crops_are_averaged(setting):
    frozen, single = of_views(setting, tta="ten_crop")
    photos = torch.rand(2, 3, 32, 32)
    corners = [photos[:, :, top : top + 28, left : left + 28] for top in (0, 4) for left in (0, 4)]
    crops = [*corners, photos[:, :, 2:30, 2:30]]
    crops = [functional.interpolate(crop, size=(32, 32), mode="bilinear", align_corners=False) for crop in crops]
    by_hand = sum(single(crop) + single(crop.flip(3)) for crop in crops) / 10
    torch.testing.assert_close(frozen(photos), by_hand, rtol=2e-3, atol=1e-4)


def test_scales_are_averaged(setting):
    frozen, single = of_views(setting, scales=[1, 1.5])
    at_larger, _ = of_views({**setting, "size": 48})
    at_larger.load_state_dict(frozen.state_dict())
    photos = torch.rand(2, 3, 32, 32)
    larger = functional.interpolate(photos, size=(48, 48), mode="bilinear", align_corners=False)
    by_hand = (single(photos) + at_larger(larger)) / 2
    torch.testing.assert_close(frozen(photos), by_hand, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_shards_have_the_features_of_all_photos_also_without_a_photo(setting, backbone):
    args = {"img_size": 32} if backbone == "test_vit" else {}
    frozen = FrozenBackbone(probe(setting, backbone=backbone, backbone_args=args))
    pixels, photos = np.random.default_rng(1).integers(0, 256, 5 * 3072, dtype=np.uint8), np.arange(5)
    index = pd.DataFrame({"offset": photos * 3072, "height": 32, "width": 32})
    cache = PixelCache.open(pixels, index, torch.device("cpu"))
    (together,) = extract_features(frozen, cache, torch.arange(5))
    shards = [list(extract_features(frozen, cache, torch.from_numpy(rows))) for rows in np.array_split(photos, 7)]
    assert [len(blocks) for blocks in shards] == [1] * 5 + [0] * 2
    np.testing.assert_array_equal(np.concatenate([block for blocks in shards for block in blocks]), together)


def test_features_have_the_values_of_half_precision(setting):
    features = FrozenBackbone(probe(setting))(torch.rand(2, 3, 32, 32))
    assert features.dtype == torch.float32
    assert torch.equal(features, features.half().float())


def test_nothing_of_a_frozen_backbone_is_trained(setting):
    network = ProbeNetwork(probe(setting), 2)
    before = {name: tensor.clone() for name, tensor in network.features.state_dict().items()}
    network.train()(torch.rand(4, 3, 32, 32)).sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.features.state_dict().items())
    learning = [name for name, tensor in network.named_parameters() if tensor.grad is not None]
    assert learning == ["head.0.weight", "head.0.bias"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"pooling": "token"}, r"'test_resnet' has no class token; set `probe.pooling` to mean"),
        ({"backbone": "test_vit2", "pooling": "token"}, r"'test_vit2' has no class token"),
        ({"backbone": "smp:resnet18", "pooling": "token"}, r"'smp:resnet18' has no class token"),
        ({"backbone": "test_vit3", "pooling": "token", "layers": 2}, r"'test_vit3' has no class tokens in lower"),
        ({"layers": 9}, r"probe.layers: found 9, expected at most 5, which 'test_resnet' has"),
        ({"backbone": "smp:resnet18", "layers": 6}, r"probe.layers: found 6, expected at most 5"),
        ({"backbone": "mixer_s32_224", "size": 224, "scales": [0.5]}, r"takes no photos of 112 x 112 .*`probe.scales`"),
    ],
)
def test_a_backbone_without_the_parts_asked_for_is_refused(setting, keys, message):
    with pytest.raises(InputError, match=message):
        FrozenBackbone(probe(setting, **keys))


def test_a_stored_backbone_makes_the_same_features(setting, tmp_path):
    frozen = FrozenBackbone(probe(setting))
    store_weights(frozen, tmp_path / "backbone.safetensors")
    other, again = (FrozenBackbone(probe(setting)) for _ in range(2))
    for copy in (other, again):
        load_weights(copy, tmp_path / "backbone.safetensors")
    photos = torch.rand(2, 3, 32, 32)
    assert torch.equal(other(photos), again(photos))
    torch.testing.assert_close(other(photos), frozen(photos), rtol=0.05, atol=0.01)


def test_a_probes_network_is_its_head_on_its_features(setting):
    network = make_network(probe(setting, hidden_units=[5]), 3).eval()
    photos = torch.rand(2, 3, 32, 32)
    assert torch.equal(network(photos), network.head(network.features(photos)))
    assert network(photos).shape == (2, 3)
    assert isinstance(make_network(setting, 3), Network)
