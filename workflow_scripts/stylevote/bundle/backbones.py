"""What a bundle may say of a backbone. It may make timm fetch no file, and elsewhere there may be no hub."""

import re
from collections.abc import Mapping
from typing import Any

from stylevote.config.backbones import HUB
from stylevote.errors import InputError
from stylevote.wording import quote

MAX_NUMBER, MAX_NUMBERS = 8192, 100  # in a backbone's arguments


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


def check_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a backbone's further arguments; raise `ValueError` if a bundle may not contain them."""
    for name, value in arguments.items():
        if re.search("pretrained|checkpoint|cache", name):
            raise ValueError(f"{name!r} could make timm read or fetch another file")
        values = value if isinstance(value, list) else [value]
        if len(values) > MAX_NUMBERS or not all(map(_is_plain, values)):
            raise ValueError(
                f"{name!r}: found {quote(value)}, expected null, true, false, a text or a number within "
                f"{MAX_NUMBER}, or a list of at most {MAX_NUMBERS} of them"
            )
    return arguments


def _is_plain(value: object) -> bool:
    if isinstance(value, (int, float)):
        return -MAX_NUMBER <= value <= MAX_NUMBER  # false for NaN
    return value is None or isinstance(value, str)


def refuse_arguments(arguments: Mapping[str, Any], where: str) -> None:
    """Raise `InputError` if a bundle may not contain a backbone's further arguments, which are at ``where``."""
    try:
        check_arguments(dict(arguments))
    except ValueError as error:
        raise InputError(f"{where}: a bundle cannot hold this: {error}") from error
