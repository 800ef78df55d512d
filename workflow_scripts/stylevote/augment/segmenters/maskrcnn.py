"""Persons found by torchvision's Mask R-CNN, as trained on COCO."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights, maskrcnn_resnet50_fpn_v2

from stylevote.augment.masks import NOTHING, Detection, Sources
from stylevote.config.photos import MaskRCNN, Segmentation
from stylevote.errors import InputError
from stylevote.files.user_weights import load_part
from stylevote.machine.device import open_device

PERSON = 1  # COCO's number
MAX_PROPORTION = 1333 / 800  # of the longer to the shorter side of the network's input, as in its training
THRESHOLD = 0.5  # probability of a pixel of a mask


class Segmenter:
    """Mask R-CNN with a ResNet-50 (He et al. 2017; Li et al. 2021), which returns the most prominent person.

    Args:
        settings: of the segmentation; the region must be a person.
        sources: ``weights``, a .pth or .safetensors file with torchvision's parameter names; None: torchvision's
            weights from its hub or cache.

    Raises:
        InputError: another region than a person, or the weights cannot be loaded or do not fit.
    """

    photos_at_once = 2  # on a CPU more at once are no faster

    def __init__(self, settings: Segmentation, sources: Sources, threads: int) -> None:
        if settings.region != "person":
            raise InputError(f"segmentation.region: {settings.region!r}, expected 'person': the model knows no clothes")
        model = settings.maskrcnn
        self.min_score = model.score
        self.device = open_device(threads)
        network = create_network(model, str(sources.weights or "pretrained"))
        self.network = network.to(self.device).eval()

    @torch.inference_mode()
    def segment(self, photos: list[np.ndarray], rows: Sequence[Any]) -> list[Detection]:  # noqa: ARG002 (as others)
        """Return the person found in each photo (uint8, shape (height, width, 3)), with a mask of the photo's shape."""
        inputs = [torch.tensor(photo, device=self.device).permute(2, 0, 1) / 255 for photo in photos]
        return [choose_person(detections, self.min_score) for detections in self.network(inputs)]


def create_network(settings: MaskRCNN, weights: str) -> nn.Module:
    """Return Mask R-CNN.

    Args:
        weights: ``pretrained`` (torchvision's, from its hub or cache), or the path of a file with its parameter names.

    Raises:
        InputError: the weights cannot be loaded or do not fit.
    """
    network = maskrcnn_resnet50_fpn_v2(
        weights=None,
        weights_backbone=None,
        min_size=settings.shorter_side,
        max_size=round(MAX_PROPORTION * settings.shorter_side),
        box_score_thresh=settings.score,
    )
    if weights == "pretrained":
        network.load_state_dict(_published_weights())
    else:
        load_part(network, Path(weights))
    return network


def choose_person(detections: dict[str, torch.Tensor], min_score: float) -> Detection:
    """Return the person with the largest product of mask area and score, which favours the subject over bystanders.

    Args:
        detections: torchvision's output for one photo: ``labels`` and ``scores`` of shape (detections,), ``masks`` of
            probabilities of shape (detections, 1, height, width).
        min_score: minimum score of a detection.
    """
    counts = (detections["labels"] == PERSON) & (detections["scores"] >= min_score)
    scores, masks = detections["scores"][counts], detections["masks"][counts, 0] >= THRESHOLD
    if not len(scores):
        return NOTHING
    weights = masks.sum(dim=(1, 2)) * scores
    best = int(weights.argmax())
    return Detection(masks[best].cpu().numpy(), float(scores[best])) if weights[best] > 0 else NOTHING


def _published_weights() -> dict[str, torch.Tensor]:
    try:
        return MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"segmentation.maskrcnn.weights: the pretrained weights cannot be downloaded ({error}); download"
            f" {MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1.url} elsewhere and set the file's path"
        ) from error
