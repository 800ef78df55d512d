"""Pretrained networks without their fully connected layers: photos in, one pooled feature vector per photo out."""

import inspect
import math
import re
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from stylevote.config.backbones import HUB
from stylevote.errors import InputError
from stylevote.files.user_weights import load_part
from stylevote.machine.hub import cached_first
from stylevote.machine.uncompiled import compiler_later, timm
from stylevote.wording import nearest

SMP_PREFIX = "smp:"
# timm's names of the fully connected layers between the last feature map and the classifier.
HEADS = ("pre_logits", "conv_head", "norm_head", "head")


class SmpEncoder(nn.Module):
    """An encoder of segmentation-models-pytorch, its deepest feature map averaged over the photo."""

    def __init__(self, name: str, pretrained: bool) -> None:
        with compiler_later():
            import segmentation_models_pytorch as smp  # noqa: PLC0415 (takes seconds, and few runs need it)

        super().__init__()
        if name not in smp.encoders.get_encoder_names():
            raise InputError(
                unknown_name(SMP_PREFIX + name, [SMP_PREFIX + n for n in smp.encoders.get_encoder_names()])
            )
        get_encoder = smp.encoders.get_encoder
        self.encoder = cached_first(lambda: get_encoder(name, weights="imagenet" if pretrained else None))
        self.mean, self.std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        if pretrained:
            published = cached_first(lambda: smp.encoders.get_preprocessing_params(name))
            self.mean, self.std = tuple(published["mean"]), tuple(published["std"])

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Return features of shape (photos, channels)."""
        return self.encoder(photos)[-1].mean(dim=(2, 3))


def unknown_name(name: str, known: list[str]) -> str:
    """Return a message about an unknown backbone, with the nearest known names."""
    return f"backbone {name!r} is not known{nearest(name, known, count=3)}"


def no_drop_path(name: str) -> str:
    """Return a message about a backbone without stochastic depth."""
    return f"backbone {name!r} has no blocks that training can skip (stochastic depth); leave out the run's `drop_path`"


def create_backbone(
    name: str, weights: str, args: dict[str, Any], *, drop_path: float = 0
) -> tuple[nn.Module, tuple, tuple]:
    """Return a feature extractor, and the mean and standard deviation (per channel, of 0..1) to normalize its input.

    The features of a convolutional network are the means of its last feature map's channels (`end_at_last_map`).
    Transformers pool as their authors do.

    Args:
        name: a timm model, ``hf-hub:`` and the name of a repository with one, or ``smp:`` and the name of an encoder of
            segmentation-models-pytorch.
        weights: ``none``, ``pretrained`` (the library's own, from its cache or hub) or the path of a file with the
            library's parameter names (see `stylevote.files.user_weights`).
        args: further arguments of ``timm.create_model``, such as ``pad_type``.
        drop_path: probability to skip the topmost block in training (timm's ``drop_path_rate``).

    Raises:
        InputError: the name is unknown, the weights cannot be loaded or do not fit, or no block can be skipped.
    """
    pretrained = weights == "pretrained"
    args = {**args, "drop_path_rate": drop_path} if drop_path else args
    try:
        if name.startswith(SMP_PREFIX):
            backbone = SmpEncoder(name.removeprefix(SMP_PREFIX), pretrained)
            mean, std = backbone.mean, backbone.std
        else:
            if not name.startswith(HUB) and not timm.is_model(timm.models.split_model_name_tag(name)[0]):
                raise InputError(unknown_name(name, timm.list_models()))
            # Nine tenths of VGG are fully connected layers, which only its pretrained weights need to be made for.
            pooled = "global_pool" in args  # some kinds of pooling make two features of a channel
            small = {"mlp_ratio": 1 / 4096} if name.startswith("vgg") and not pretrained and not pooled else {}
            more = {**small, **args}
            backbone = cached_first(lambda: timm.create_model(name, pretrained=pretrained, num_classes=0, **more))
            if not pooled:
                end_at_last_map(backbone)
            mean, std = backbone.pretrained_cfg["mean"], backbone.pretrained_cfg["std"]
    except InputError:
        raise
    except Exception as error:  # timm's models raise nearly anything for arguments that do not fit together
        if "drop_path_rate" in str(error):
            raise InputError(no_drop_path(name)) from error
        raise InputError(
            f"backbone {name!r} with weights {weights!r} and arguments {args} cannot be made: {error}"
            f"{_similar_argument(name, error)}"
        ) from error
    if drop_path and not any(isinstance(module, timm.layers.DropPath) for module in backbone.modules()):
        raise InputError(no_drop_path(name))
    if weights not in ("none", "pretrained"):
        load_part(backbone.encoder if isinstance(backbone, SmpEncoder) else backbone, Path(weights))
    return backbone, tuple(mean), tuple(std)


def _similar_argument(name: str, error: Exception) -> str:
    """Return the nearest arguments of a timm model, as the end of an error's sentence, if one is unknown."""
    unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if not unknown or name.startswith(SMP_PREFIX):
        return ""
    with torch.device("meta"):
        kind = type(timm.create_model(name))
    return nearest(unknown[1], list(inspect.signature(kind).parameters), count=3)


def without_hub(setting: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``backbone`` and ``backbone_args`` with timm's name for a network that the hub describes."""
    name = setting["backbone"].removeprefix(HUB)
    _, network, args = cached_first(lambda: timm.models.load_model_config_from_hf(name))
    return {"backbone": network, "backbone_args": {**(args or {}), **setting["backbone_args"]}}


def is_published(name: str) -> bool:
    """Return whether a library publishes weights of a backbone."""
    if name.startswith(SMP_PREFIX):
        name = name.removeprefix(SMP_PREFIX).removeprefix("tu-")
        if not timm.is_model(timm.models.split_model_name_tag(name)[0]):
            return True  # all encoders of the library's own
    return name.startswith(HUB) or timm.models.is_model_pretrained(name)


def end_at_last_map(backbone: nn.Module) -> None:
    """Let a timm network end with the average of its last feature map, if fully connected layers follow there.

    This is Keras' ``include_top=False, pooling="avg"``. VGG's two layers of 4,096 are left out, and the layer that
    MobileNetV3, GhostNet and others compute from the pooled map. A last convolution before the pooling (EfficientNet,
    MobileNetV2) makes the map, and a normalization after it (ConvNeXt) has no weights between features: they stay.
    """
    if backbone.num_features == backbone.head_hidden_size:
        return
    for name, _ in backbone.named_children():
        if name in HEADS:
            setattr(backbone, name, nn.Identity())
    backbone.forward_head = MethodType(_pooled, backbone)


def _pooled(backbone: nn.Module, maps: torch.Tensor) -> torch.Tensor:
    """Return the means of a timm network's feature maps, with its dropout (``drop_rate``)."""
    sides = (1, 2) if getattr(backbone, "output_fmt", "NCHW") == "NHWC" else (2, 3)
    return functional.dropout(maps.mean(dim=sides), getattr(backbone, "drop_rate", 0.0), backbone.training)


def refuse_other_head(backbone: nn.Module, head_from: str) -> None:
    """Raise `InputError` if the features of a network are not those of the probe whose head it starts from.

    Probes pool a transformer's tokens as their setting says, and other networks as they are.

    Args:
        head_from: the run's setting.
    """
    expected = "probe"
    if getattr(backbone, "num_prefix_tokens", None) is not None:
        of_pooling = {"avg": "probe", "token": "token_probe", "map": "token_probe"}
        expected = of_pooling.get(backbone.global_pool, "random")
    if head_from not in ("random", expected):
        raise InputError(
            f"head_from: found {head_from}, expected {expected}: the probe's features are not those of the backbone,"
            " which pools in another way"
        )


def take_size(backbone: nn.Module, size: int) -> None:
    """Adapt a backbone of a fixed size to photos of ``size`` pixels per side, if timm can do that.

    Transformers have a fixed size: their position embeddings are resampled. If the size is no multiple of the patch
    size, the network does not see the photo's right and lower edge.
    """
    published = getattr(backbone, "pretrained_cfg", {})
    if published.get("fixed_input_size") and hasattr(backbone, "set_input_size"):
        backbone.set_input_size((size, size))


def layers(backbone: nn.Module) -> Iterator[nn.Module]:
    """Yield the backbone's layers with parameters of their own, from the bottom to the top."""
    for module in backbone.modules():
        if next(module.parameters(recurse=False), None) is not None:
            yield module


def layer_groups(backbone: nn.Module) -> list[int]:
    """Return the group of each of the backbone's `layers`, from 0 at the bottom.

    A group is a stage of a convolutional network or a block of a transformer, by timm's coarse grouping
    (``group_matcher``). In networks without one, it is a sequence of layers whose names agree up to the first number
    (``layer3``, ``blocks.5``). Normalization after a stage belongs to it.
    """
    stack = list(layers(backbone))
    name_of = {parameter: name for name, parameter in backbone.named_parameters()}
    owned = [[name_of[parameter] for parameter in layer.parameters(recurse=False)] for layer in stack]
    try:
        number = timm.models.group_parameters(backbone, backbone.group_matcher(coarse=True), reverse=True)
        groups = [min(number[name] for name in names) for names in owned]
    except (AttributeError, AssertionError):  # the backbone has no grouping, or no coarse one
        stages = [re.match(r".*?\d+|[^.]+", names[0]).group() for names in owned]
        groups = [0, *accumulate(int(below != stage) for below, stage in pairwise(stages))]
    with_matrix = {
        group
        for group, layer in zip(groups, stack, strict=True)
        if any(parameter.ndim > 1 for parameter in layer.parameters(recurse=False))
    }
    return [max(0, sum(known <= group for known in with_matrix) - 1) for group in groups]


def trained_layers(backbone: nn.Module, part: str | dict[str, float]) -> list[nn.Module]:
    """Return the backbone's `layers` that a phase trains.

    Args:
        backbone: the backbone.
        part: ``head`` (none), ``all``, ``{"last": share}`` of the layers, counted from the top, or ``{"groups": N}``:
            those of the topmost N groups (`layer_groups`), or all if there are fewer. A share is rounded up, but a
            share below 1 leaves out the lowest layer.
    """
    stack = list(layers(backbone))
    if part == "head":
        return []
    if part == "all":
        return stack
    if "last" in part:
        frozen = len(stack) - math.ceil(part["last"] * len(stack))
        return stack[max(frozen, int(part["last"] < 1)) :]
    groups = layer_groups(backbone)
    return [layer for layer, group in zip(stack, groups, strict=True) if group > max(groups) - part["groups"]]
