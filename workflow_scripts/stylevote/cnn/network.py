"""A backbone with a small fully connected head: photos in, one logit per label out."""

import copy
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from stylevote.cnn.backbones import create_backbone, take_size, trained_layers
from stylevote.cnn.settings import NetworkSetting
from stylevote.config.identity import OMITTED
from stylevote.errors import InputError


class Network(nn.Module):
    """A backbone, then hidden layers (each batch-normalised before its ReLU), then one logit per label.

    The head is the first-place team's (Ding and Wan 2018, section II.A): fully connected layers, initialised by
    Xavier's rule (Glorot and Bengio 2010). The second-place team's has no batch normalization.

    Args:
        setting: of the network (``backbone``, ``backbone_args``, ``size``, ``hidden_units``, ``batch_norm``; and for
            training ``dropout``, ``drop_path``).
        labels: number of predicted labels.
        weights: of the backbone, see `stylevote.cnn.backbones.create_backbone`.

    Raises:
        InputError: the backbone cannot be made, or does not take photos of this size.
    """

    def __init__(self, setting: NetworkSetting, labels: int, weights: str = "none") -> None:
        super().__init__()
        setting = {**OMITTED, **setting}
        args, drop_path = setting["backbone_args"], setting["drop_path"]
        self.backbone, mean, std = create_backbone(setting["backbone"], weights, args, drop_path=drop_path)
        # Stored with the weights: a network without pretrained weights does not know their normalization.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        try:
            take_size(self.backbone, setting["size"])
            width = feature_width(self.backbone, setting["size"])
        except Exception as error:  # models raise nearly anything
            raise InputError(
                f"backbone {setting['backbone']!r} takes no photos of {setting['size']} x {setting['size']} pixels "
                f"({error}); change the run's `size` or `test_size`, or its `backbone_args` (some take `img_size`)"
            ) from error
        self.head = make_head(
            width, setting["hidden_units"], labels, batch_norm=setting["batch_norm"], dropout=setting["dropout"]
        )
        self.frozen: list[nn.Module] = []

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (photos, labels) for RGB photos in 0..1 of shape (photos, 3, side, side).

        Under autocast, the backbone computes in half precision. The head and the logits stay in float32.
        """
        features = self.backbone((photos - self.mean) / self.std)
        with torch.autocast(photos.device.type, enabled=False):
            return self.head(features.float())

    def choose_trained(self, part: str | dict[str, float]) -> list[nn.Parameter]:
        """Freeze all but the head and ``part`` of the backbone; return the trained parameters.

        Args:
            part: see `stylevote.cnn.backbones.trained_layers`.
        """
        trained, free = set(trained_layers(self.backbone, part)), part == "all"
        self.frozen = []
        for module in self.backbone.modules():
            if next(module.parameters(recurse=False), None) is not None:
                free = module in trained
            elif next(module.buffers(recurse=False), None) is None:
                continue
            # A BatchNorm without weights has statistics, too: it belongs to the layer before it.
            if not free:
                self.frozen.append(module)
        self.requires_grad_(True)
        for module in self.frozen:
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def train(self, mode: bool = True) -> "Network":
        """Switch to training; frozen layers, and their BatchNorm's statistics, stay as they are."""
        super().train(mode)
        for layer in self.frozen:
            layer.training = False
        return self


def feature_width(backbone: nn.Module, size: int) -> int:
    """Return the backbone's number of features for a photo of ``size`` pixels per side."""
    was_training = backbone.training
    backbone.eval()
    with torch.inference_mode():
        features = backbone(torch.zeros(1, 3, size, size))
    backbone.train(was_training)
    if features.ndim != 2:
        raise ValueError(f"it gives features of shape {tuple(features.shape[1:])} per photo, expected a single vector")
    return features.shape[1]


def at_size(network: Network, size: int) -> Network:
    """Return a copy of a network that takes photos of ``size`` pixels per side; position embeddings are resampled."""
    resized = copy.deepcopy(network)
    take_size(resized.backbone, size)
    return resized


class DropoutLinear(nn.Linear):
    """A fully connected layer with dropout before it, under the parameter names of one without.

    Args:
        dropout: probability with which an input is 0 in training.
    """

    def __init__(self, inputs: int, outputs: int, dropout: float) -> None:
        super().__init__(inputs, outputs)
        self.dropout = dropout

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return outputs of shape (photos, outputs)."""
        return super().forward(functional.dropout(input, self.dropout, self.training))


def make_head(
    width: int, hidden: Sequence[int], labels: int, *, batch_norm: bool = True, dropout: float = 0
) -> nn.Sequential:
    """Return the fully connected layers: ``hidden`` units per layer, then ``labels`` logits."""
    stack: list[nn.Module] = []
    for units in hidden:
        norm = [nn.BatchNorm1d(units)] if batch_norm else []
        stack += [_linear(width, units, dropout), *norm, nn.ReLU(inplace=True)]
        width = units
    stack.append(_linear(width, labels, dropout))
    for layer in stack:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*stack)


def _linear(inputs: int, outputs: int, dropout: float) -> nn.Linear:
    return DropoutLinear(inputs, outputs, dropout) if dropout else nn.Linear(inputs, outputs)
