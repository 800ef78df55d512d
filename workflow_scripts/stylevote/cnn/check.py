"""Check that a network can be made as a run asks for, before anything is trained."""

import warnings
from typing import Any, TypedDict

import huggingface_hub
import torch

from stylevote.cnn.backbones import SMP_PREFIX, is_published, refuse_other_head
from stylevote.cnn.frozen import FrozenBackbone
from stylevote.cnn.network import Network
from stylevote.config.backbones import HUB
from stylevote.config.identity import OMITTED, score_size
from stylevote.config.settings import is_fetched
from stylevote.machine.making import making_problem
from stylevote.machine.uncompiled import timm

# Of a run's head, which fits any backbone.
HEAD = {"hidden_units": [], "batch": 1}


class Checked(TypedDict, total=False):
    """The part of a run's setting that decides whether its network can be made; ``start`` holds its file of weights."""

    backbone: str
    backbone_args: dict[str, Any]
    weights: str
    size: int
    test_size: int
    drop_path: float
    head_from: str
    probe: dict[str, Any]
    tta: str
    start: list[str]


def network_problem(network: Checked) -> str | None:
    """Return the reason why a network cannot be made or does not take photos of its size, or None.

    Weights of the hub are left out. Of the user's file, names and shapes are compared.
    """
    if is_fetched(network) and not is_published(network["backbone"]):
        name = network["backbone"]
        return f"weights: found pretrained, but no library publishes weights of {name!r}; set none or a file"
    weights = "none" if is_fetched(network) else "".join(network["start"]) or "none"
    return making_problem(lambda: _make(network, weights))


def fetch(network: Checked) -> None:
    """Bring a network's weights from the hub into the cache of this machine, and compare their names and shapes.

    Raises:
        InputError: they cannot be loaded, or do not fit.
    """
    with torch.device("meta"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*copying from a non-meta parameter.*")  # a line for each
        _make(network, "pretrained")


def _make(network: Checked, weights: str) -> None:
    setting: Any = {**OMITTED, **HEAD, **network}
    if setting["probe"]:
        FrozenBackbone(setting, weights)
        return
    backbone = Network(setting, 1, weights).backbone
    refuse_other_head(backbone, setting["head_from"])
    if score_size(setting) != setting["size"]:
        Network({**setting, "size": score_size(setting)}, 1)


def source(backbone: str) -> str:
    """Return the place from which a backbone's published weights can be fetched by hand."""
    repository, url = backbone.removeprefix(HUB), None
    if backbone.startswith(SMP_PREFIX):
        import segmentation_models_pytorch as smp  # noqa: PLC0415 (takes seconds, and few runs need it)

        known = smp.encoders.encoders.get(backbone.removeprefix(SMP_PREFIX), {})
        repository = known.get("pretrained_settings", {}).get("imagenet", {}).get("repo_id")
    elif not backbone.startswith(HUB):
        published = timm.get_pretrained_cfg(backbone)
        repository, url = published.hf_hub_id, published.url
    if repository:
        return huggingface_hub.hf_hub_url(repository.partition("@")[0], "model.safetensors")
    return url or "its authors"
