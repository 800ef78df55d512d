"""Check that a segmenter can be made, before anything is trained."""

from importlib import import_module
from typing import Any

import torch

from stylevote.config.photos import Segmentation
from stylevote.machine.device import making_problem


def segmenter_problem(network: dict[str, Any]) -> str | None:
    """Return the reason why a segmenter cannot be made or its weights do not fit, or None (see `cnn.check`).

    ``network`` has the key ``segmentation``: the settings of a segmentation by a network.
    """
    return making_problem(lambda: _make(network, fetched=False))


def fetch_segmenter(network: dict[str, Any]) -> None:
    """Bring a segmenter's published weights to the cache of this machine; raise `InputError` if that fails."""
    with torch.device("meta"):
        _make(network, fetched=True)


def _make(network: dict[str, Any], *, fetched: bool) -> None:
    settings = Segmentation.model_validate(network["segmentation"])
    module, own = import_module(f"stylevote.augment.segmenters.{settings.model}"), getattr(settings, settings.model)
    module.create_network(own, "none" if own.weights == "pretrained" and not fetched else own.weights)
