"""Where a network runs: a GPU that the job has leased, else the CPU with exactly the job's threads."""

import ctypes
import os

import torch
import torch.distributed as dist

from stylevote.errors import InputError
from stylevote.machine.gpus import lease_gpus

# Options of glibc's `mallopt`, of malloc.h: how much free memory at the heap's top stays, and from which size on a
# block is mapped for itself.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MOST_MEMORY = 2**31 - 1  # bytes; the option's greatest value
LARGE_BLOCK = 2**30  # bytes


def open_device(threads: int, *, gpus: bool = True) -> torch.device:
    """Return the device to compute on, having limited torch to ``threads`` threads and to repeatable convolutions.

    Without ``gpus`` it is the CPU, and nothing is leased.

    Which GPUs are visible is the scheduler's decision (``CUDA_VISIBLE_DEVICES``); one of these is leased, for which the
    process may have to wait. Processes that torchrun started together share the threads, and each gets one of the GPUs
    that the job has.

    Raises:
        InputError: there are GPUs, but fewer than such processes; none can be leased.
    """
    number, processes = 0, 1
    if dist.is_torchelastic_launched():
        number, processes = (int(os.environ[name]) for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    elif gpus:
        lease_gpus(1)  # before anything below asks CUDA
    torch.set_num_threads(max(1, threads // processes))
    torch.backends.cudnn.deterministic = True
    if gpus and torch.cuda.is_available():
        check_gpus(processes)
        device = torch.device("cuda", number)
        torch.cuda.set_device(device)
        return device
    keep_memory()
    return torch.device("cpu")


def check_gpus(processes: int) -> None:
    """Raise `InputError` where there are GPUs, but not one for each process of a job."""
    visible = torch.cuda.device_count()
    if 0 < visible < processes:
        raise InputError(
            f"{processes} processes need a GPU each, but {visible} can be seen; lower `--processes` (the rule's "
            "resource `gpu`), or give the job more GPUs"
        )


def keep_memory() -> None:
    """Let the process keep the memory that it frees, where the C library is glibc.

    A network's activations are given back to the system after every step otherwise, and come again a page at a time: a
    third of the time of a training on a CPU (`benchmarks/training.py`).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        mallopt(M_TRIM_THRESHOLD, MOST_MEMORY)
