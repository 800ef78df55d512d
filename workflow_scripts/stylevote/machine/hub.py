"""Published weights: from the cache on this machine, else from the hub of Hugging Face."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import huggingface_hub
from huggingface_hub import constants

PATIENCE = (1, 3)  # seconds before another attempt to reach the hub

Made = TypeVar("Made")


@contextmanager
def _offline() -> Iterator[None]:
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def cached_first(make: Callable[[], Made]) -> Made:
    """Return the result of a function that may need files of the hub: from the cache, or else with the hub's help.

    The library would ask the hub first, and wait up to a minute where there is no network.
    """
    try:
        with _offline():
            return make()
    except (FileNotFoundError, huggingface_hub.errors.OfflineModeIsEnabled):
        if problem := unreachable():
            raise FileNotFoundError(problem) from None
        return make()


@cache
def unreachable() -> str | None:
    """Return the reason why the hub cannot be reached, after some attempts, or None. A process asks once."""
    if constants.HF_HUB_OFFLINE:
        return "not in the cache of this machine, and HF_HUB_OFFLINE is set"
    for pause in (*PATIENCE, None):
        try:
            huggingface_hub.utils.get_session().head(constants.ENDPOINT, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        except Exception as error:  # of the library's library of requests, which changes with its versions
            if pause is None:
                return f"not in the cache of this machine, and {constants.ENDPOINT} cannot be reached ({error})"
            time.sleep(pause)
        else:
            return None
    return None
