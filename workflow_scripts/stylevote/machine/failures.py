"""Failures of the machine in one line: full memory, a full disk, a failed GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from stylevote.errors import FULL, ROOM, InputError, unwritable

FULL_MEMORY = ("CUDA error: out of memory", "ALLOC_FAILED", "DefaultCPUAllocator")
LOST_GPU = ("CUDA error", "cuDNN error", "CUBLAS_STATUS", "NVML")
CONTINUE = "then start again: the training continues after its last finished epoch"
MEMORY, GPU = "not enough memory", "the GPU failed"
REMEDIES = {
    MEMORY: "give the job more, or lower the run's `size` or `batch`, or choose a smaller backbone",
    GPU: f"repair it or choose another, {CONTINUE}",
}


@contextmanager
def explain_training_errors(what: str) -> Iterator[None]:
    """Turn a failure of the machine into an `InputError` with a remedy; pass on other errors. ``what`` is the work."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        first_line = str(error).partition("\n")[0]
        if FULL in (unwritable(error) or ""):
            raise InputError(f"{what}: {FULL} ({first_line}); {ROOM}, {CONTINUE}") from error
        if problem := _shortage(error):
            raise InputError(f"{what}: {problem} ({first_line}); {REMEDIES[problem]}") from error
        raise


@contextmanager
def explain_shortages(what: str, remedy: str) -> Iterator[None]:
    """Turn a lack of memory, or a failed GPU, into an `InputError`; pass on other errors. ``what`` is the work.

    This is for predictions: their remedy is no setting of the training.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's own are RuntimeErrors
        if problem := _shortage(error):
            raise InputError(f"{what}: {problem} ({str(error).partition(chr(10))[0]}); {remedy}") from error
        raise


def _shortage(error: Exception) -> str | None:
    """Return the machine's problem, if that is the cause of the error."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or _names(error, FULL_MEMORY):
        return MEMORY
    if isinstance(error, torch.AcceleratorError) or (isinstance(error, RuntimeError) and _names(error, LOST_GPU)):
        return GPU
    return None


def _names(error: Exception, causes: tuple[str, ...]) -> bool:
    return any(cause in str(error) for cause in causes)
