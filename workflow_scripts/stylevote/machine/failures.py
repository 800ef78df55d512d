"""What a machine cannot do, said in one line: memory or disk that is full, a GPU that is gone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from stylevote.errors import FULL, ROOM, InputError, unwritable

FULL_MEMORY = ("CUDA error: out of memory", "ALLOC_FAILED", "DefaultCPUAllocator")
LOST_GPU = ("CUDA error", "cuDNN error", "CUBLAS_STATUS", "NVML")
AGAIN = "then start again: the training goes on after its last finished epoch"
MEMORY, GPU = "not enough memory", "the GPU failed"
REMEDIES = {
    MEMORY: "give the job more, or lower the run's `size` or `batch`, or choose a smaller backbone",
    GPU: f"see to it or choose another, {AGAIN}",
}


@contextmanager
def explain_training_errors(what: str) -> Iterator[None]:
    """Turn a failure of the machine into an `InputError` that says what to change; let all others through.

    Args:
        what: what was being done, for the message.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        first_line = str(error).partition("\n")[0]
        if FULL in (unwritable(error) or ""):
            raise InputError(f"{what}: {FULL} ({first_line}); {ROOM}, {AGAIN}") from error
        if lack := _shortage(error):
            raise InputError(f"{what}: {lack} ({first_line}); {REMEDIES[lack]}") from error
        raise


@contextmanager
def explain_shortages(what: str, remedy: str) -> Iterator[None]:
    """Turn too little memory, or a GPU that is gone, into an `InputError`; let all other errors through.

    It is for those who decide by networks: nothing of it is a matter of how these were trained.

    Args:
        what: what was being done, for the message.
        remedy: what to change.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's own are RuntimeErrors
        if lack := _shortage(error):
            raise InputError(f"{what}: {lack} ({str(error).partition(chr(10))[0]}); {remedy}") from error
        raise


def _shortage(error: Exception) -> str | None:
    """Return what the machine lacks, where that is what the error says."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or _names(error, FULL_MEMORY):
        return MEMORY
    if isinstance(error, torch.AcceleratorError) or (isinstance(error, RuntimeError) and _names(error, LOST_GPU)):
        return GPU
    return None


def _names(error: Exception, causes: tuple[str, ...]) -> bool:
    return any(cause in str(error) for cause in causes)
