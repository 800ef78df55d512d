"""Where a network looks when it scores a label: Grad-CAM (Selvaraju et al. 2017), for whatever backbone."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

from stylevote.cnn.network import Network


def heat_maps(network: Network, photos: torch.Tensor, label: int) -> torch.Tensor:
    """Return how much each place of the photos speaks for a label.

    It is the ReLU of the deepest feature map's channels, added up with the weight that the logit's mean gradient gives
    each of them (Selvaraju et al. 2017, equations 1 and 2), brought to the photos' size bilinearly and divided by its
    maximum. For a linear head on pooled features that is the class activation map of Zhou et al. 2016.

    Which layer gives that map is told from shapes and gradients, so that no layer need be known by its name: it is the
    last one whose output has places in rows and columns, and at whose places the logit has a gradient. Behind a
    transformer's last attention only the class token has one; the map is then what enters the last block.

    Args:
        network: in evaluation mode.
        photos: RGB in 0..1, shape (photos, 3, side, side).
        label: which of the network's logits.

    Returns:
        float32 in 0..1, shape (photos, side, side), on the photos' device; 0 everywhere where nothing speaks for it.
    """
    with torch.enable_grad():
        # Weights may be frozen: what asks for a gradient is the input.
        photos = photos.detach().clone().requires_grad_()
        with _outputs(network.backbone) as outputs:
            logits = network(photos)
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
    """Yield a list that fills with what the backbone's parts give, in the order in which they are computed.

    Parts are its children, and stages and blocks, which stand in sequences; what lies within a block (an attention's
    queries, say) is no map of features. An encoder that gives several maps gives the deepest one last.
    """
    outputs: list[torch.Tensor] = []

    def keep(_part: nn.Module, _inputs: tuple, output: torch.Tensor | list | tuple) -> None:
        deepest = output[-1] if isinstance(output, list | tuple) else output
        if isinstance(deepest, torch.Tensor) and deepest.requires_grad:
            outputs.append(deepest)

    rows = [part for part in backbone.modules() if isinstance(part, nn.Sequential | nn.ModuleList)]
    parts = {part: None for row in (backbone, *rows) for part in row.children()}
    hooks = [part.register_forward_hook(keep) for part in parts]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _as_map(values: torch.Tensor, tokens: int) -> torch.Tensor | None:
    """Return features as a map of shape (photos, channels, side, side), or None where they have no such places.

    Args:
        values: such a map, one whose channels come last, or tokens of shape (photos, tokens, channels), row by row.
        tokens: how many may stand before those of places: the class token, registers.
    """
    if values.ndim == 3:
        places = values.shape[1]
        for before in (tokens, 0):
            side = math.isqrt(max(0, places - before))
            if side > 1 and side**2 == places - before:
                values = values[:, before:].unflatten(1, (side, side))
                break
    if values.ndim != 4:
        return None
    # Photos are square, and so are maps.
    if values.shape[2] != values.shape[3]:
        values = values.permute(0, 3, 1, 2)
    return values if values.shape[2] == values.shape[3] > 1 else None
