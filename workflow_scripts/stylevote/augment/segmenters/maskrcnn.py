"""Persons found by torchvision's Mask R-CNN, as trained on COCO."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights, maskrcnn_resnet50_fpn_v2

from stylevote.augment.masks import NOTHING, Detection, Sources
from stylevote.config.photos import Segmentation
from stylevote.errors import InputError
from stylevote.machine.device import open_device

PERSON = 1  # COCO's number
MAX_PROPORTION = 1333 / 800  # of the longer to the shorter side of the network's input, as in its training
THRESHOLD = 0.5  # probability of a pixel of a mask
MAX_MESSAGE = 300  # characters of torch's messages, which list hundreds of parameters


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
        network = maskrcnn_resnet50_fpn_v2(
            weights=None,
            weights_backbone=None,
            min_size=model.shorter_side,
            max_size=round(MAX_PROPORTION * model.shorter_side),
            box_score_thresh=self.min_score,
        )
        if sources.weights is None:
            network.load_state_dict(_published_weights())
        else:
            load_file(network, sources.weights)
        self.network = network.to(self.device).eval()

    @torch.inference_mode()
    def segment(self, photos: list[np.ndarray], rows: Sequence[Any]) -> list[Detection]:  # noqa: ARG002 (as others)
        """Return the person found in each photo: the mask is of the photo's shape.

        Args:
            photos: uint8, shape (height, width, 3).
            rows: not used.
        """
        inputs = [torch.tensor(photo, device=self.device).permute(2, 0, 1) / 255 for photo in photos]
        return [choose_person(detections, self.min_score) for detections in self.network(inputs)]


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


def load_file(network: nn.Module, path: Path) -> None:
    """Load the network's parameters from a .safetensors file, or from a file of torch without running its code.

    Raises:
        InputError: the file cannot be read, or its parameters are not the network's.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a file of weights")
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            _refuse_bomb(path)
            state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise InputError(f"{path}: damaged, or holds more than tensors, which could run code") from error
    except Exception as error:  # readers of another kind of file raise nearly any error
        raise InputError(f"{path}: cannot be read as a file of weights ({_brief(error)})") from error
    try:
        network.load_state_dict(state)
    except Exception as error:  # the values may be anything instead of parameters
        raise InputError(f"{path}: not the weights of this network ({_brief(error)})") from error


def _refuse_bomb(path: Path) -> None:
    """Raise ValueError if an archive is compressed: torch does not compress, and the content could fill the memory."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > path.stat().st_size:
            raise ValueError(f"its content of {size} bytes is compressed, and torch does not compress")


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:MAX_MESSAGE]


def _published_weights() -> dict[str, torch.Tensor]:
    try:
        return MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"segmentation.maskrcnn.weights: the pretrained weights cannot be downloaded ({error}); download"
            f" {MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1.url} elsewhere and set the file's path"
        ) from error
