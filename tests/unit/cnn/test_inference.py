import logging

import numpy as np
import pytest
import torch
from torch import nn

from stylevote.cnn.backbones import create_backbone
from stylevote.cnn.inference import fast_forward
from stylevote.machine.uncompiled import timm

CPU, SIDE = torch.device("cpu"), 64
ARGS = {"test_vit": {"img_size": SIDE}}


class Views(nn.Module):
    """A backbone whose features of a photo, its mirror image and an enlarged crop are averaged and rounded."""

    def __init__(self, name: str) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.backbone, _, _ = create_backbone(name, "none", ARGS.get(name, {}))
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.1, 0.1)
                nn.init.uniform_(module.running_var, 0.5, 2)
        self.eval().to(memory_format=torch.channels_last)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        crop = nn.functional.interpolate(photos[:, :, 2:60, 4:62], (SIDE, SIDE), mode="bilinear", align_corners=False)
        features = sum(self.backbone(view) for view in (photos, photos.flip(3), crop)) / 3
        return features.clamp(-65504, 65504).half().float()


@pytest.fixture
def photos() -> torch.Tensor:
    brightness = torch.linspace(0.1, 1, 15).view(-1, 1, 1, 1)
    return brightness * torch.rand(15, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext"])
def test_outputs_are_those_of_the_network(name: str, photos: torch.Tensor, caplog: pytest.LogCaptureFixture) -> None:
    network = Views(name)
    with caplog.at_level(logging.INFO):
        outputs = fast_forward(network, CPU, SIDE)(photos)
    with torch.inference_mode():
        expected = network(photos)
    assert not caplog.records  # PyTorch does not compute in the place of ONNX Runtime
    assert torch.equal(outputs, outputs.half().float())
    # Both are rounded to half precision, some to neighbours.
    assert ((outputs - expected).abs() <= 2.0**-10 * expected.abs().clamp(min=1e-3)).all()
    assert (outputs - expected).abs().mean() < 1e-5 * expected.abs().max()


def test_probabilities_are_those_of_the_network(photos: torch.Tensor) -> None:
    torch.manual_seed(3)
    backbone, _, _ = create_backbone("test_resnet", "none", {})
    network = nn.Sequential(backbone, nn.Linear(backbone.num_features, 13))
    with torch.no_grad():
        network(photos)  # for the statistics of batch normalization
    network.eval()
    with torch.inference_mode():
        expected = network(photos).sigmoid()
    assert expected.std(dim=0).min() > 1e-3  # photos differ
    probabilities = fast_forward(network, CPU, SIDE)(photos).sigmoid()
    np.testing.assert_allclose(probabilities, expected, atol=1e-4, rtol=0)


def test_neither_batch_nor_threads_nor_repetition_change_a_bit(photos: torch.Tensor) -> None:
    network = Views("test_resnet")
    forward = fast_forward(network, CPU, SIDE)
    together = forward(photos)
    for batch in (1, 7):
        assert torch.equal(torch.cat([forward(part) for part in photos.split(batch)]), together)
    assert torch.equal(forward(photos.contiguous(memory_format=torch.channels_last)), together)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(fast_forward(network, CPU, SIDE)(photos), together)
    finally:
        torch.set_num_threads(threads)


class Unknown(nn.Module):
    """A network with a function that ONNX lacks."""

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(photos.mean(dim=(2, 3)))


class Number(nn.Module):
    """A network that looks at a number, in whose place the exporter writes that of the photo it traced."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return photos.mean(dim=(2, 3)) * photos[0, 0, 0, 0].item() * self.factor


@pytest.mark.parametrize(
    ("network", "reason"),
    [(Unknown(), "cannot be exported"), (Number(1), "differs by"), (Number(1e-4), "differs by")],
)
def test_a_network_that_onnx_cannot_express_computes_itself(
    network: nn.Module, reason: str, photos: torch.Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        outputs = fast_forward(network.eval(), CPU, SIDE)(photos)
    assert reason in caplog.text
    torch.testing.assert_close(outputs, torch.cat([network(photo) for photo in photos.split(1)]), rtol=1e-5, atol=0)


def test_the_network_of_a_gpu_computes_itself() -> None:
    network = timm.create_model("test_resnet")
    assert fast_forward(network, torch.device("cuda"), SIDE) is network
