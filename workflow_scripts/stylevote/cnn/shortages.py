"""What a machine lacks while networks decide, said in one line: nothing of it is a matter of how they were trained."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from stylevote.cnn.failures import FULL_MEMORY, LOST_GPU
from stylevote.program import InputError


@contextmanager
def shortages_explained(what: str, remedy: str) -> Iterator[None]:
    """Turn too little memory, or a GPU that is gone, into an `InputError`; let all other errors through.

    Args:
        what: what was being done, for the message.
        remedy: what to change.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's own are RuntimeErrors
        text = str(error)
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(cause in text for cause in FULL_MEMORY):
            lack = "not enough memory"
        elif isinstance(error, torch.AcceleratorError) or any(cause in text for cause in LOST_GPU):
            lack = "the GPU failed"
        else:
            raise
        raise InputError(f"{what}: {lack} ({text.partition(chr(10))[0]}); {remedy}") from error
