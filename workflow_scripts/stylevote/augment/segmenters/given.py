"""Masks from a folder of the photoset."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stylevote.augment.masks import NOTHING, Detection, Sources, find_masks, read_given, read_region
from stylevote.config.photos import Segmentation
from stylevote.errors import InputError


class Segmenter:
    """Reads masks from a folder.

    Args:
        sources: ``names``, ``masks``, and ``mask_labels`` if there is a table of classes.
        threads: not used.

    Raises:
        InputError: the folder has no masks of the photos, or the table of classes cannot be used.
    """

    photos_at_once = 1

    def __init__(self, settings: Segmentation, sources: Sources, threads: int) -> None:  # noqa: ARG002 (as others)
        if sources.masks is None:
            raise InputError("segmentation.model: 'given' needs photosets.train.masks, a folder of masks; set it")
        self.masks = find_masks(sources.masks, sources.names)
        self.region = read_region(settings.region, sources.mask_labels)

    def segment(self, photos: list[np.ndarray], rows: Sequence[Any]) -> list[Detection]:
        """Return each photo's mask with score 1, or nothing if it has no mask file or an empty mask.

        Args:
            photos: uint8, shape (height, width, 3).
            rows: of the manifest: ``path``, ``width`` and ``height``.

        Raises:
            InputError: a mask cannot be used, or has another size than its photo.
        """
        return [self._read(photo, row) for photo, row in zip(photos, rows, strict=True)]

    def _read(self, photo: np.ndarray, row: Any) -> Detection:
        path = self.masks.get(row.path)
        if path is None:
            return NOTHING
        mask = read_given(path, self.region, (row.width, row.height), photo.shape[:2])
        return Detection(mask, 1.0) if mask.any() else NOTHING
