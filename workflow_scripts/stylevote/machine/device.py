"""Choose the device of a network: a leased GPU, else the CPU with the job's threads."""

import ctypes
import os

import torch
import torch.distributed as dist

from stylevote.errors import InputError
from stylevote.machine.gpus import lease_gpus

# Options of glibc's `mallopt`, from malloc.h: the free memory that stays at the heap's top, and the size from which a
# block is mapped by itself.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAX_MEMORY = 2**31 - 1  # bytes; the option's greatest value
LARGE_BLOCK = 2**30  # bytes


def open_device(threads: int, *, gpus: bool = True) -> torch.device:
    """Limit torch to ``threads`` threads and to repeatable convolutions, and return the device.

    It leases one of the GPUs that ``CUDA_VISIBLE_DEVICES`` shows, which may take a while. Processes that torchrun
    started share the threads, and each gets one of the job's GPUs. Without ``gpus``, the device is the CPU.

    Raises:
        InputError: there are GPUs, but fewer than processes; a GPU cannot be leased.
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
    """Raise `InputError` if there are GPUs, but fewer than a job's processes."""
    visible = torch.cuda.device_count()
    if 0 < visible < processes:
        raise InputError(
            f"{processes} processes need a GPU each, but {visible} are visible; lower `--processes` (the rule's "
            "resource `gpu`), or give the job more GPUs"
        )


def keep_memory() -> None:
    """Let the process keep the memory that it frees, if the C library is glibc.

    Otherwise it returns a network's activations to the system after each step, and gets them again page by page. That
    takes a third of the time of a training on a CPU (`benchmarks/training.py`).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        mallopt(M_TRIM_THRESHOLD, MAX_MEMORY)
