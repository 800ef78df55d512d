"""A network of segmentation-models-pytorch, trained by this workflow, that finds the person or the clothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from stylevote.augment.masks import NOTHING, Detection, Sources
from stylevote.config.photos import Segmentation, SegmentationNetwork
from stylevote.errors import InputError
from stylevote.files.user_weights import load_part
from stylevote.files.weights import load_weights
from stylevote.machine.device import open_device
from stylevote.machine.hub import cached_first
from stylevote.machine.uncompiled import compiler_later, timm
from stylevote.wording import nearest

with compiler_later():
    import segmentation_models_pytorch as smp

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, per channel, of 0..1
THRESHOLD = 0.5  # probability of a pixel of the mask
OWN_ARGUMENTS = ("in_channels", "classes", "activation", "aux_params", "encoder_name", "encoder_weights")
TIMM = "tu-"  # prefix of timm's encoders


class Segmenter:
    """A trained network.

    Args:
        sources: ``weights``, a file of `stylevote.files.weights.store_weights`.

    Raises:
        InputError: the network cannot be created, or its weights are missing or another network's.
    """

    photos_at_once = 16

    def __init__(self, settings: Segmentation, sources: Sources, threads: int) -> None:
        if sources.weights is None:
            raise InputError("segmentation.smp: found no weights, expected those of a trained network")
        self.device = open_device(threads)
        self.side = settings.smp.size
        self.network = create_network(settings.smp, weights="none")
        load_weights(self.network, sources.weights)
        self.network.to(self.device, memory_format=torch.channels_last)

    def segment(self, photos: list[np.ndarray], rows: Sequence[Any]) -> list[Detection]:  # noqa: ARG002 (as others)
        """Return a mask for each photo (uint8, shape (height, width, 3)); the score is the mean probability inside."""
        inputs = torch.stack([squash(photo, self.side) for photo in photos]).to(self.device)
        return predict_masks(self.network, inputs, [photo.shape[:2] for photo in photos])


def create_network(settings: SegmentationNetwork, weights: str) -> nn.Module:
    """Return a network that computes a logit per pixel.

    Args:
        weights: of the encoder: ``none``, ``pretrained`` (on ImageNet, from the library's hub or cache) or the path of
            a file with the encoder's parameter names.

    Raises:
        InputError: a name is unknown, or the weights cannot be loaded or do not fit.
    """
    encoder = settings.encoder
    _check_encoder(encoder)
    for name in OWN_ARGUMENTS:
        if name in settings.args:
            raise InputError(f"segmentation.smp.args: {name!r} cannot be set; remove it")
    try:
        named = settings.architecture, encoder, "imagenet" if weights == "pretrained" else None
        network = cached_first(lambda: smp.create_model(*named, **settings.args)).eval()
        with torch.inference_mode():
            network(torch.zeros(1, 3, settings.size, settings.size))
    except (AssertionError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        remedy = "; set weights to the path of a .safetensors file, or to none" if weights == "pretrained" else ""
        raise InputError(
            f"segmentation.smp: the architecture {settings.architecture!r} with the encoder {encoder!r}, weights"
            f" {weights!r} and arguments {settings.args} cannot be created, or takes no photos of"
            f" {settings.size} pixels: {error}{remedy}"
        ) from error
    if weights not in ("none", "pretrained"):
        load_part(network.encoder, Path(weights))
    return network


def _check_encoder(name: str) -> None:
    """Raise `InputError` with similar names for an unknown one: the library would list all 800."""
    known = smp.encoders.get_encoder_names()
    if name.startswith(TIMM):
        model, _ = timm.models.split_model_name_tag(name.removeprefix(TIMM))
        if timm.is_model(model):
            return
        known = [TIMM + model for model in timm.list_models()]
    if name not in known:
        raise InputError(f"segmentation.smp.encoder: {name!r} is not known{nearest(name, known, count=3)}")


def squash(pixels: np.ndarray, side: int) -> torch.Tensor:
    """Return uint8 pixels resized to a square: shape (channels, side, side)."""
    small = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))
    return torch.tensor(small).view(side, side, -1).permute(2, 0, 1)


def logits(network: nn.Module, photos: torch.Tensor) -> torch.Tensor:
    """Return the network's logits for photos in 0..1 of shape (photos, 3, side, side): shape (photos, side, side)."""
    mean, std = (torch.tensor(values, device=photos.device).view(1, 3, 1, 1) for values in (MEAN, STD))
    return network(((photos - mean) / std).contiguous(memory_format=torch.channels_last))[:, 0]


@torch.inference_mode()
def predict_masks(network: nn.Module, inputs: torch.Tensor, shapes: Sequence[tuple[int, int]]) -> list[Detection]:
    """Return the masks of photos by the mean probability of each photo and its mirror image.

    Args:
        network: of `create_network`; it is put into evaluation mode.
        inputs: photos of `squash`: uint8, shape (photos, 3, side, side).
        shapes: height and width of each photo and its mask.
    """
    network.eval()
    plain = inputs.float() / 255
    mirrored = logits(network, plain.flip(3)).sigmoid().flip(2)
    probabilities = (logits(network, plain).sigmoid() + mirrored) / 2
    detections = []
    for probability, shape in zip(probabilities, shapes, strict=True):
        full = functional.interpolate(probability[None, None], size=shape, mode="bilinear")[0, 0].cpu().numpy()
        mask = full >= THRESHOLD
        detections.append(Detection(mask, float(full[mask].mean())) if mask.any() else NOTHING)
    return detections
