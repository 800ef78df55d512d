"""Several processes that share one training job, each with its own GPU: torchrun starts them.

Gradients are added up here and not by `torch.nn.parallel.DistributedDataParallel`. The trained layers change from phase
to phase, a batch may be computed in several parts, and a process may have no part of a small batch.
"""

import ctypes
import logging
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher import LaunchConfig, elastic_launch

from stylevote.errors import InputError
from stylevote.machine.device import check_gpus
from stylevote.machine.failures import CONTINUE
from stylevote.machine.gpus import lease_gpus

PR_SET_PDEATHSIG = 1  # of Linux's sys/prctl.h


@dataclass(frozen=True)
class Processes:
    """The processes of a job, as one of them sees them. Each calls the same methods in the same order.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes. With one process, nothing is exchanged.
        device: device of this process.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this is the first process, which writes files and messages."""
        return self.rank == 0

    def all_reduce(self, loss: torch.Tensor, parameters: Sequence[nn.Parameter]) -> None:
        """Replace the loss and the parameters' gradients by their sums over all processes.

        A process may have no gradients: they count as zero.
        """
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        tensors = [loss, *(parameter.grad for parameter in parameters)]
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        with _explain_lost_process():
            dist.all_reduce(flat)
        sums = flat.split([tensor.numel() for tensor in tensors])
        torch._foreach_copy_(tensors, [values.view_as(tensor) for values, tensor in zip(sums, tensors, strict=True)])

    @torch.no_grad()
    def broadcast(self, network: nn.Module) -> None:
        """Copy the network's state (weights, running statistics) from the first process."""
        if self.size == 1:
            return
        for tensor in network.state_dict().values():
            values = tensor.contiguous()  # a convolution's weights may be channels last
            with _explain_lost_process():
                dist.broadcast(values, 0)
            tensor.copy_(values)

    def all_equal(self, number: int) -> bool:
        """Return whether all processes have the same number."""
        if self.size == 1:
            return True
        bounds = torch.tensor([number, -number], device=self.device)
        with _explain_lost_process():
            dist.all_reduce(bounds, dist.ReduceOp.MAX)
        highest, lowest = bounds.tolist()
        return highest == -lowest

    def wait(self) -> None:
        """Wait until all processes call this."""
        if self.size > 1:
            with _explain_lost_process():
                dist.barrier()

    def shard(self, rows: torch.Tensor) -> torch.Tensor:
        """Return this process's share of rows. All shares have equal length; some may repeat the last row."""
        if self.size == 1:
            return rows
        length = -(-len(rows) // self.size)
        return rows[torch.arange(self.rank * length, (self.rank + 1) * length).clamp(max=len(rows) - 1)]

    def gather(self, scores: np.ndarray, count: int) -> np.ndarray:
        """Return the scores of all ``count`` rows, given the scores of each process's `shard`."""
        if self.size == 1:
            return scores
        local = torch.from_numpy(scores).to(self.device)
        shares = [torch.empty_like(local) for _ in range(self.size)]
        with _explain_lost_process():
            dist.all_gather(shares, local)
        return torch.cat(shares)[:count].cpu().numpy()


ALONE = Processes(0, 1, torch.device("cpu"))


@contextmanager
def _explain_lost_process() -> Iterator[None]:
    """Turn a failed exchange between processes into an `InputError`."""
    try:
        yield
    except (torch.OutOfMemoryError, torch.AcceleratorError):
        raise
    except RuntimeError as error:
        first_line = str(error).partition("\n")[0]
        raise InputError(
            f"another process of the job has ended ({first_line}); if no line above explains it, {CONTINUE}"
        ) from error


def start_processes(count: int) -> None:
    """Start this program in ``count`` processes, as ``torchrun --standalone`` would, and wait for their end.

    On a machine with GPUs, each process gets one, leased until this process ends. If processes fail, this program ends
    with the exit status of the first, which has explained the failure. If a signal stops them, it ends with 128 + the
    signal's number.

    Raises:
        InputError: there are fewer GPUs than processes, but not none; or a process was killed.
    """
    check_gpus(count)
    lease_gpus(count)
    logging.disable()  # torchrun's own lines
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)(*sys.argv)
    except SignalException as error:
        sys.exit(128 + error.sigval)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode > 0:
            sys.exit(failure.exitcode)
        raise InputError(
            f"process {rank} of the job's {count} was ended by {signal.Signals(-failure.exitcode).name}, perhaps for "
            f"lack of main memory; give the job more, {CONTINUE}"
        ) from error


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun started with this one, if any.

    All but the first only log errors. If several have the same error, only the first of them reports it. A process
    whose torchrun has ended gets SIGTERM (on Linux).
    """
    if not dist.is_torchelastic_launched():
        yield ALONE
        return
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    store, rank, size = next(dist.rendezvous("env://"))
    gpu = {"device_id": device} if device.type == "cuda" else {}
    dist.init_process_group("nccl" if gpu else "gloo", store=store, rank=rank, world_size=size, **gpu)
    if rank:
        logging.disable(logging.WARNING)
    logging.info("%d processes share the job", size)
    try:
        yield Processes(rank, size, device)
    except Exception:
        if store.add("failed", 1) > 1:
            sys.exit(1)
        raise
    dist.destroy_process_group()
