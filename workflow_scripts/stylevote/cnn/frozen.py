"""Probes: a frozen backbone, which makes features of photos, and a head on them."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from stylevote.cnn.backbones import SmpEncoder, create_backbone, take_size
from stylevote.cnn.batches import PixelCache
from stylevote.cnn.inference import fast_forward
from stylevote.cnn.network import Network, make_head
from stylevote.cnn.settings import NetworkSetting
from stylevote.cnn.views import VIEWS
from stylevote.errors import InputError

HALF_MAXIMUM = torch.finfo(torch.float16).max
PIXELS_AT_ONCE = 64 * 224 * 224


class FrozenBackbone(nn.Module):
    """The features of a photo: those of a frozen backbone, averaged over views and scales.

    It is one function of the square photo: crops, mirror images and resizing (bilinear) are part of it. Features are
    rounded to half precision, in which they are stored, so that every head sees the same numbers.

    Args:
        setting: of a probe (``backbone``, ``backbone_args``, ``size``, ``tta``, ``probe``).
        weights: of the backbone, see `stylevote.cnn.backbones.create_backbone`.

    Attributes:
        width: number of features.

    Raises:
        InputError: the backbone cannot be made, has no such layers or class token, or does not take photos of a size.
    """

    def __init__(self, setting: NetworkSetting, weights: str = "none") -> None:
        super().__init__()
        self.setting = setting
        self.backbone, mean, std = create_backbone(setting["backbone"], weights, setting["backbone_args"])
        # Stored with the weights: a network without pretrained weights does not know their normalization.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.requires_grad_(False)
        self.eval()
        self.sides = [round(scale * setting["size"]) for scale in setting["probe"]["scales"]]
        self._refuse_missing_token()
        for side in (setting["size"], *self.sides):
            try:
                with torch.inference_mode():
                    if side == setting["size"]:
                        take_size(self.backbone, side)
                    photos = torch.zeros(1, 3, side, side)
                    self._refuse_missing_layers(photos)
                    self.width = self.one_view(photos).shape[1]
            except InputError:
                raise
            except Exception as error:  # models raise nearly anything
                raise InputError(
                    f"backbone {setting['backbone']!r} takes no photos of {side} x {side} pixels ({error}); change the"
                    " run's `size` or `probe.scales`, or its `backbone_args` (some take `img_size`, or"
                    " `dynamic_img_size: true`)"
                ) from error

    def train(self, mode: bool = True) -> "FrozenBackbone":  # noqa: ARG002 (its parent has it)
        """Stay in evaluation mode: a frozen backbone is never trained."""
        return super().train(False)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Return features of shape (photos, width) for RGB photos in 0..1 of shape (photos, 3, size, size).

        They are float32 with the values of float16; those out of its range are set to its ends.
        """
        return self.average(photos, self.one_view)

    def average(self, photos: torch.Tensor, one_view: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """Return what `forward` does, with another function in the place of `one_view`."""
        views = [one_view(view) for view in self._views(photos)]
        return (sum(views) / len(views)).clamp(-HALF_MAXIMUM, HALF_MAXIMUM).half().float()

    def _views(self, photos: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield each view of the photos, at each of the scales."""
        size = self.setting["size"]
        boxes, mirrored = VIEWS[self.setting["tta"]]
        for box in boxes:
            left, top, width, height = (round(share * size) for share in box)
            crops = photos[:, :, top : top + height, left : left + width]
            for side in self.sides:
                view = crops
                if (height, width) != (side, side):
                    view = functional.interpolate(crops, (side, side), mode="bilinear", align_corners=False)
                yield view
                if mirrored:
                    yield view.flip(3)

    def one_view(self, photos: torch.Tensor) -> torch.Tensor:
        """Return the features of photos at one scale, from the top layer to the lowest, joined."""
        pooling, layers = self.setting["probe"]["pooling"], self.setting["probe"]["layers"]
        photos = (photos - self.mean) / self.std
        if isinstance(self.backbone, SmpEncoder):
            *_, top = maps = self.backbone.encoder(photos)
            below = maps[-layers:-1]
            features = [top.mean(dim=(2, 3))]
        elif layers == 1:
            top, below = self.backbone.forward_features(photos), []
            features = [self._pooled_top(top)]
        else:
            # Blocks of transformers are normalized as the last one is; stages of other networks have no such layer.
            more = {"norm": True} if self._prefix is not None else {}
            more |= {"return_prefix_tokens": True} if pooling == "token" else {}
            top, maps = self.backbone.forward_intermediates(photos, indices=layers, **more)
            below = maps[:-1]
            features = [self._pooled_top(top)]
        if pooling == "mean_max":
            features.append(self._positions(top).amax(dim=1))
        for lower in reversed(below):
            if pooling == "token":
                features.append(lower[1][:, 0])
                continue
            features.append(lower.mean(dim=(2, 3)))
            if pooling == "mean_max":
                features.append(lower.amax(dim=(2, 3)))
        return torch.cat(features, dim=1)

    @property
    def _prefix(self) -> int | None:
        """The number of tokens before those of the patches; None if the backbone is no transformer with tokens."""
        return getattr(self.backbone, "num_prefix_tokens", None)

    def _positions(self, top: torch.Tensor) -> torch.Tensor:
        """Return a timm network's last map or tokens as (photos, positions, channels), without class tokens."""
        if top.ndim == 3:
            return top[:, self._prefix or 0 :]
        if getattr(self.backbone, "output_fmt", "NCHW") == "NHWC":
            return top.flatten(1, 2)
        return top.flatten(2).transpose(1, 2)

    def _pooled_top(self, top: torch.Tensor) -> torch.Tensor:
        """Return the class token, or the means, of a timm network's last map or tokens.

        A normalization that follows the pooling belongs to it. A convolutional network's means are the features of the
        runs that train it.
        """
        token = self.setting["probe"]["pooling"] == "token"
        if self._prefix is None or (token and self._attends):
            return self.backbone.forward_head(top)
        pooled = top[:, 0] if token else self._positions(top).mean(dim=1)
        norm = getattr(self.backbone, "fc_norm", None)
        return norm(pooled) if norm is not None else pooled

    @property
    def _attends(self) -> bool:
        """Whether the backbone pools by attention: the result stands for a class token."""
        return getattr(self.backbone, "attn_pool", None) is not None

    def _refuse_missing_token(self) -> None:
        """Raise `InputError` if the setting asks for class tokens that the backbone does not have."""
        has_token = getattr(self.backbone, "cls_token", None) is not None
        probe = self.setting["probe"]
        if probe["pooling"] == "token" and not has_token and not (self._attends and probe["layers"] == 1):
            missing = "class tokens in lower layers" if self._attends else "class token"
            name = self.setting["backbone"]
            raise InputError(f"backbone {name!r} has no {missing}; set `probe.pooling` to mean or mean_max")

    def _refuse_missing_layers(self, photos: torch.Tensor) -> None:
        """Raise `InputError` if the backbone shows fewer stages or blocks than the setting joins."""
        probe, forward = self.setting["probe"], getattr(self.backbone, "forward_intermediates", None)
        if probe["layers"] == 1:
            return
        if isinstance(self.backbone, SmpEncoder):
            known = len(self.backbone.encoder.out_channels) - 1  # without the photo
        elif not forward or (probe["pooling"] == "token" and "return_prefix_tokens" not in forward.__annotations__):
            known = 1
        else:
            known = len(forward(photos, intermediates_only=True))
        if probe["layers"] > known:
            name = self.setting["backbone"]
            raise InputError(f"probe.layers: found {probe['layers']}, expected at most {known}, which {name!r} has")


def photos_at_once(setting: NetworkSetting) -> int:
    """Return how many photos a frozen backbone sees together: the same for all probes that share its features."""
    side = max(setting["probe"]["scales"]) * setting["size"]
    return max(1, int(PIXELS_AT_ONCE / side**2))


class ProbeNetwork(nn.Module):
    """A frozen backbone and a head on its features, as one network from photos to logits.

    Views are part of the features: from outside, a photo is seen once (``tta: none``).

    Args:
        setting: of the probe.
        labels: number of predicted labels.
        weights: of the backbone.
    """

    def __init__(self, setting: NetworkSetting, labels: int, weights: str = "none") -> None:
        super().__init__()
        self.features = FrozenBackbone(setting, weights)
        batch_norm = setting.get("batch_norm", True)
        self.head = make_head(self.features.width, setting["hidden_units"], labels, batch_norm=batch_norm)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (photos, labels) for RGB photos in 0..1 of shape (photos, 3, size, size)."""
        with torch.autocast(photos.device.type, enabled=False):
            return self.head(self.features(photos.float()))

    @property
    def backbone(self) -> nn.Module:
        """The backbone without normalization and views."""
        return self.features.backbone

    def one_view(self, photos: torch.Tensor) -> torch.Tensor:
        """Return logits by the features of a single view, as `forward` of a probe with `tta: none`."""
        return self.head(self.features.one_view(photos))


def make_network(setting: NetworkSetting, labels: int, weights: str = "none") -> Network | ProbeNetwork:
    """Return the network of a run: a `ProbeNetwork` if the run is a probe."""
    kind = ProbeNetwork if setting.get("probe") else Network
    return kind(setting, labels, weights)


class _OneView(nn.Module):
    """The features of one view of a photo by a frozen backbone."""

    def __init__(self, network: FrozenBackbone) -> None:
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Return features of shape (photos, width)."""
        return self.network.one_view(photos)


@torch.inference_mode()
def extract_features(network: FrozenBackbone, cache: PixelCache, rows: torch.Tensor) -> Iterator[np.ndarray]:
    """Yield the features of some photos at a time, float32 of shape (photos, width).

    On a CPU, `fast_forward` computes each view, for the workflow and for bundles alike.

    Args:
        network: the frozen backbone.
        cache: the photos.
        rows: int64: positions of the photos.
    """
    forward = {side: fast_forward(_OneView(network), network.mean.device, side) for side in network.sides}
    for positions in rows.split(photos_at_once(network.setting)) if len(rows) else ():
        box, flips = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.zeros(len(positions), dtype=torch.bool)
        photos = cache.take(positions, box.expand(len(positions), 4), flips, network.setting["size"])
        yield network.average(photos, lambda view: forward[view.shape[3]](view)).cpu().numpy()
