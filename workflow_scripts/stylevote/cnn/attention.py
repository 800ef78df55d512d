"""Attention maps of a network for a label: Grad-CAM (Selvaraju et al. 2017), for any backbone."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

from stylevote.cnn.frozen import ProbeNetwork
from stylevote.cnn.network import Network


def heat_maps(network: Network | ProbeNetwork, photos: torch.Tensor, label: int) -> torch.Tensor:
    """Return how much each pixel of the photos supports a label.

    The map is the ReLU of the weighted sum of the deepest feature map's channels. Their weights are the mean gradients
    of the logit (Selvaraju et al. 2017, equations 1 and 2). The map is resized to the photos bilinearly and divided by
    its maximum. For a linear head on pooled features, this is the class activation map of Zhou et al. 2016.

    Shapes and gradients show which layer gives that map, so no layer's name must be known. It is the last layer
    whose output has rows and columns in which the logit has a gradient. After a transformer's last attention, only the
    class token has one. The map is then the input of the last block.

    A probe averages features over views. Here it sees the photo once, so that there is one map.

    Args:
        network: in evaluation mode.
        photos: RGB in 0..1, shape (photos, 3, side, side).
        label: position of the label's logit.

    Returns:
        float32 in 0..1, shape (photos, side, side), on the photos' device; all 0 if no pixel supports the label.
    """
    with torch.enable_grad():
        # Weights may be frozen, so the input asks for the gradient.
        photos = photos.detach().clone().requires_grad_()
        with _outputs(network.backbone) as outputs:
            logits = network.one_view(photos) if isinstance(network, ProbeNetwork) else network(photos)
        gradients = torch.autograd.grad(logits[:, label].sum(), outputs, allow_unused=True)
    tokens = getattr(network.backbone, "num_prefix_tokens", 0)
    heat = photos.new_zeros(len(photos), 1, 1, 1)
    for output, gradient in zip(reversed(outputs), reversed(gradients), strict=True):
        slopes = None if gradient is None else _as_map(gradient, tokens)
        if slopes is not None and slopes.any():
            values = _as_map(output.detach(), tokens)
            heat = (slopes.mean(dim=(2, 3), keepdim=True) * values).sum(dim=1, keepdim=True).relu()
            break
    heat = functional.interpolate(heat.float(), photos.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    highest = heat.amax(dim=(1, 2), keepdim=True)
    return heat / highest.where(highest > 0, 1)


@contextmanager
def _outputs(backbone: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Yield a list that fills with the outputs of the backbone's parts, in the order of computation.

    Parts are its children, and the stages and blocks of sequences. Outputs within a block, such as the queries of an
    attention, are not feature maps. An encoder with several maps returns the deepest one last.
    """
    outputs: list[torch.Tensor] = []

    def keep(_part: nn.Module, _inputs: tuple, output: torch.Tensor | list | tuple) -> None:
        deepest = output[-1] if isinstance(output, list | tuple) else output
        if isinstance(deepest, torch.Tensor) and deepest.requires_grad:
            outputs.append(deepest)

    sequences = [module for module in backbone.modules() if isinstance(module, nn.Sequential | nn.ModuleList)]
    parts = dict.fromkeys(part for parent in (backbone, *sequences) for part in parent.children())
    hooks = [part.register_forward_hook(keep) for part in parts]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _as_map(values: torch.Tensor, tokens: int) -> torch.Tensor | None:
    """Return features as a map of shape (photos, channels, side, side), or None if they have no rows and columns.

    Args:
        values: a map, whose channels may come last, or tokens of shape (photos, tokens, channels), row by row.
        tokens: number of prefix tokens that may precede those of the map: the class token, registers.
    """
    if values.ndim == 3:
        for prefix in (tokens, 0):
            count = values.shape[1] - prefix
            side = math.isqrt(max(0, count))
            if side > 1 and side**2 == count:
                values = values[:, prefix:].unflatten(1, (side, side))
                break
    if values.ndim != 4:
        return None
    # Photos are square, and so are maps.
    if values.shape[2] != values.shape[3]:
        values = values.permute(0, 3, 1, 2)
    return values if values.shape[2] == values.shape[3] > 1 else None
