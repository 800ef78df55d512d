"""Where a network runs: the first GPU that the job may see, else the CPU with exactly the job's threads."""

import ctypes

import torch

# Options of glibc's `mallopt`, of malloc.h: how much free memory at the heap's top stays, and from which size on a block
# is mapped for itself.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MOST_MEMORY = 2**31 - 1  # bytes; the option's greatest value
LARGE_BLOCK = 2**30  # bytes


def open_device(threads: int) -> torch.device:
    """Return the device to compute on, having limited torch to ``threads`` threads and to repeatable convolutions.

    Which GPUs are visible is the scheduler's decision (``CUDA_VISIBLE_DEVICES``).
    """
    torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = True
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    keep_memory()
    return torch.device("cpu")


def keep_memory() -> None:
    """Let the process keep the memory that it frees, where the C library is glibc.

    A network's activations are given back to the system after every step otherwise, and come again a page at a time: a
    third of the time of a training on a CPU (`benchmarks/training.py`).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        mallopt(M_TRIM_THRESHOLD, MOST_MEMORY)
