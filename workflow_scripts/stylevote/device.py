"""Where a network runs: the first GPU that the job may see, else the CPU with exactly the job's threads."""

import torch


def open_device(threads: int) -> torch.device:
    """Return the device to compute on, having limited torch to ``threads`` threads and to repeatable convolutions.

    Which GPUs are visible is the scheduler's decision (``CUDA_VISIBLE_DEVICES``).
    """
    torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = True
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
