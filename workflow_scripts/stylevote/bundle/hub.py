"""Networks that the hub of Hugging Face describes: a bundle describes them itself, as elsewhere there may be no hub."""

from collections.abc import Mapping
from typing import Any

from stylevote.config.backbones import HUB


def refuse_hub(name: str) -> str:
    """Return a backbone's name; raise `ValueError` if timm would fetch a file for it."""
    if name.startswith(HUB):
        raise ValueError("it could make timm fetch a file")
    return name


def described(setting: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``backbone`` and ``backbone_args`` in the place of a run's, if the hub describes its network."""
    if not setting["backbone"].startswith(HUB):
        return {}
    from stylevote.cnn.backbones import without_hub  # noqa: PLC0415 (imports torch)

    return without_hub(setting)
