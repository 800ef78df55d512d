"""Heat maps, against networks that look where they were built to look, and against closed forms."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from stylevote.cnn.attention import heat_maps
from stylevote.cnn.frozen import ProbeNetwork
from stylevote.cnn.network import Network
from stylevote.config.runs import Probe

SIDE = 64


def network_of(setting: dict, backbone: str, **args) -> Network:
    torch.manual_seed(1)
    return Network({**setting, "backbone": backbone, "backbone_args": args, "size": SIDE, "hidden_units": []}, 3).eval()


@pytest.fixture
def photos() -> torch.Tensor:
    return torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def corners() -> torch.Tensor:
    """A black photo of 16 x 16 pixels: red at the top right, green at the bottom left."""
    photo = torch.zeros(1, 3, 16, 16)
    photo[0, 0, :4, 12:] = 1
    photo[0, 1, 12:, :4] = 1
    return photo


def built(setting: dict, backbone: nn.Module, head: nn.Linear) -> Network:
    network = network_of(setting, "test_resnet")
    network.backbone, network.head = backbone, head
    network.mean, network.std = torch.tensor(0.0), torch.tensor(1.0)
    return network.eval()


def red_less_green() -> nn.Linear:
    """Return a head of two labels: red speaks for the first and green against it, and the other way round."""
    head = nn.Linear(3, 2)
    head.weight.data = torch.tensor([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])
    return head


def as_it_is() -> nn.Conv2d:
    """Return a convolution that makes of every 4 x 4 pixels their mean, each colour by itself."""
    convolution = nn.Conv2d(3, 3, 4, stride=4, bias=False)
    convolution.weight.data = torch.eye(3)[:, :, None, None].expand(3, 3, 4, 4) / 16
    return convolution


class Tokens(nn.Module):
    """A transformer as small as can be: a token for every 4 x 4 pixels, and one before them that learns their mean."""

    num_prefix_tokens = 1

    class Attention(nn.Module):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return torch.cat([tokens.mean(dim=1, keepdim=True), tokens[:, 1:]], dim=1)

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.blocks = as_it_is(), nn.ModuleList([nn.Identity(), self.Attention()])

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        tokens = functional.pad(self.patches(photos).flatten(2).transpose(1, 2), (0, 0, 1, 0))
        for block in self.blocks:
            tokens = block(tokens)
        return tokens[:, 0]


class ChannelsLast(nn.Sequential):
    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return super().forward(photos).mean(dim=(1, 2))


class Permute(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values.permute(0, 2, 3, 1)


BUILT = {
    "convolution": lambda: nn.Sequential(as_it_is(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "tokens": Tokens,
    "channels last": lambda: ChannelsLast(as_it_is(), Permute()),
}


@pytest.mark.parametrize("kind", BUILT)
def test_heat_is_where_the_network_was_built_to_look(setting, corners, kind):
    network = built(setting, BUILT[kind](), red_less_green())
    red, green = heat_maps(network, corners, 0)[0], heat_maps(network, corners, 1)[0]
    assert red.shape == green.shape == (16, 16)
    assert red.argmax() // 16 < 4 and red.argmax() % 16 >= 12
    assert green.argmax() // 16 >= 12 and green.argmax() % 16 < 4
    for heat, colour in ((red, corners[0, 0]), (green, corners[0, 1])):
        assert heat.max() == 1
        # Maps are enlarged smoothly, and reach half a patch further.
        near = functional.max_pool2d(colour[None], 5, stride=1, padding=2)[0] > 0
        assert heat[colour > 0].min() > 0.3
        assert not heat[~near].any()


def test_nothing_is_hot_where_nothing_speaks_for_the_label(setting, corners):
    network = built(setting, BUILT["convolution"](), red_less_green())
    only_green = corners * torch.tensor([0.0, 1.0, 0.0]).view(1, 3, 1, 1)
    assert not heat_maps(network, only_green, 0).any()
    network.head.weight.data.zero_()
    assert not heat_maps(network, corners, 0).any()


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet", "smp:resnet18"])
def test_a_linear_head_on_pooled_features_gives_the_class_activation_map(setting, photos, backbone):
    network = network_of(setting, backbone)
    with torch.no_grad():
        normalised = (photos - network.mean) / network.std
        smp = backbone.startswith("smp:")
        last = network.backbone.encoder(normalised)[-1] if smp else network.backbone.forward_features(normalised)
        evidence = torch.einsum("c,ncyx->nyx", network.head[-1].weight[1], last).clamp(min=0)
        evidence = functional.interpolate(evidence[:, None], (SIDE, SIDE), mode="bilinear")[:, 0]
        expected = evidence / evidence.amax(dim=(1, 2), keepdim=True)
    assert last.shape[2] > 1
    torch.testing.assert_close(heat_maps(network, photos, 1), expected, atol=1e-4, rtol=1e-4)


def test_a_transformer_that_pools_its_tokens_gives_their_evidence_on_the_grid(setting, photos):
    network = network_of(setting, "test_vit", global_pool="avg", img_size=SIDE)
    with torch.no_grad():
        tokens = network.backbone.forward_features((photos - network.mean) / network.std)[:, 1:]
    pooled = tokens.mean(dim=1).requires_grad_()
    slope = torch.autograd.grad(network.head(network.backbone.fc_norm(pooled))[:, 2].sum(), pooled)[0]
    evidence = torch.stack([tokens[k] @ slope[k] for k in range(2)]).clamp(min=0).reshape(2, 1, 4, 4)
    evidence = functional.interpolate(evidence, (SIDE, SIDE), mode="bilinear")[:, 0]
    expected = evidence / evidence.amax(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(heat_maps(network, photos, 2), expected, atol=1e-4, rtol=1e-4)


KINDS = {
    "test_resnet": {},
    "test_convnext": {},
    "test_vit": {"img_size": SIDE},  # its class token alone reaches the head
    "test_vit3": {"img_size": SIDE},
    "test_mambaout": {},
    "densenet121": {},
    "mixer_s32_224": {"img_size": SIDE},
    "swin_tiny_patch4_window7_224": {"img_size": SIDE, "window_size": 2},
    "smp:resnet18": {},
}


@pytest.mark.parametrize("backbone", KINDS)
def test_every_kind_of_backbone_has_a_map(setting, photos, backbone):
    network = network_of(setting, backbone, **KINDS[backbone])
    weight = network.head[-1].weight.data
    weight[1] = -weight[0]  # what speaks against one label speaks for the other
    photo = photos[:1]
    maps = torch.stack([heat_maps(network, photo, label)[0] for label in range(3)])
    assert maps.shape == (3, SIDE, SIDE)
    assert maps.min() >= 0 and maps[:2].max() == 1
    assert any(len(heat.unique()) > 10 for heat in maps[:2])
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
    torch.testing.assert_close(heat_maps(network, photos, 0)[0], heat_maps(network, photo, 0)[0], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("keys", [{}, {"scales": [1, 2], "pooling": "mean_max"}, {"layers": 2}])
def test_a_probe_looks_where_the_same_network_looks(setting, photos, keys):
    """Views and scales are averaged features; the map is that of the photo itself."""
    frozen = {**setting, "backbone": "test_resnet", "size": SIDE, "hidden_units": []}
    network = network_of(setting, "test_resnet")
    probe = ProbeNetwork({**frozen, "probe": {**Probe().used(), **keys}}, 3).eval()
    probe.backbone.load_state_dict(network.backbone.state_dict())
    width = network.head[0].in_features
    with torch.no_grad():
        probe.head[0].weight.zero_()
        probe.head[0].weight[:, :width] = network.head[0].weight
    torch.testing.assert_close(heat_maps(probe, photos, 1), heat_maps(network, photos, 1), atol=1e-4, rtol=1e-3)
