"""Check that a segmenter can be made, before anything is trained."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch

from stylevote.config.photos import Segmentation
from stylevote.machine.making import making_problem


def segmenter_problem(network: dict[str, Any]) -> str | None:
    """Return the reason why a segmenter cannot be made or its weights do not fit, or None (see `cnn.check`).

    ``network`` has the key ``segmentation``: the settings of a segmentation by a network.
    """
    return making_problem(_maker(network, fetched=False))


def fetch_segmenter(network: dict[str, Any]) -> None:
    """Bring a segmenter's published weights to the cache of this machine; raise `InputError` if that fails."""
    make = _maker(network, fetched=True)
    with torch.device("meta"):
        make()


def _maker(network: dict[str, Any], *, fetched: bool) -> Callable[[], Any]:
    settings = Segmentation.model_validate(network["segmentation"])
    # Imported here: a module that is imported on the meta device would make its constants there.
    module, own = import_module(f"stylevote.augment.segmenters.{settings.model}"), getattr(settings, settings.model)
    weights = "none" if own.weights == "pretrained" and not fetched else own.weights
    return lambda: module.create_network(own, weights)
