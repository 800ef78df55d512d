"""What a machine cannot do, said in one line: memory or disk that is full, a GPU that is gone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from stylevote.program import FULL, ROOM, InputError, unwritable

FULL_MEMORY = ("CUDA error: out of memory", "ALLOC_FAILED", "DefaultCPUAllocator")
LOST_GPU = ("CUDA error", "cuDNN error", "CUBLAS_STATUS", "NVML")
AGAIN = "then start again: the training goes on after its last finished epoch"


@contextmanager
def failures_explained(what: str) -> Iterator[None]:
    """Turn a failure of the machine into an `InputError` that says what to change; let all others through.

    Args:
        what: what was being done, for the message.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        text = str(error)
        first_line = text.partition("\n")[0]
        if FULL in (unwritable(error) or ""):
            raise InputError(f"{what}: {FULL} ({first_line}); {ROOM}, {AGAIN}") from error
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or _names(text, FULL_MEMORY):
            raise InputError(
                f"{what}: not enough memory ({first_line}); give the job more, or lower the run's `size` or `batch`, "
                "or choose a smaller backbone"
            ) from error
        if isinstance(error, torch.AcceleratorError) or (isinstance(error, RuntimeError) and _names(text, LOST_GPU)):
            raise InputError(f"{what}: the GPU failed ({first_line}); see to it or choose another, {AGAIN}") from error
        raise


def _names(text: str, causes: tuple[str, ...]) -> bool:
    return any(cause in text for cause in causes)
