"""What this machine has, and how long networks take on it."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import torch

from stylevote.machine.device import open_device
from stylevote.tracking.set_costs import Seconds, measured, stored

# Limits of memory of a container or of a batch job (cgroups, versions 2 and 1).
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# Seconds of a photo by ResNet-50 at 224 pixels, scored and learnt from: assumed of a GPU if there is none here.
ASSUMED = (1 / 1500, 1 / 450)


class Machine(NamedTuple):
    """Processor cores and bytes of memory that this process may use, and names of the GPUs that it sees."""

    cores: int
    memory: int
    gpus: list[str]


def this_machine() -> Machine:
    """Return what this machine has."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in LIMITS:
        with suppress(OSError, ValueError):  # "max" is no limit
            memory = min(memory, int(Path(path).read_text()))
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return Machine(joblib.cpu_count(), memory, gpus)


def describe(machine: Machine) -> str:
    """Return a line about a machine."""
    gpus = f"{len(machine.gpus)} x {machine.gpus[0]}" if machine.gpus else "no GPU"
    return f"{machine.cores} cores, {machine.memory / 2**30:.0f} GiB of memory, {gpus}"


def network_times(machine: Machine, kind: str, measure: bool) -> tuple[Seconds, str]:
    """Return a function that gives the seconds of a setting's network for a photo, and where they come from.

    Args:
        machine: this machine.
        kind: cpu or gpu.
        measure: measure each network, which takes minutes, and may wait for a GPU.

    Raises:
        InputError: the device has too little memory for a network that is measured.
    """
    if kind == "gpu" and not machine.gpus:
        return stored("gpu", lambda _: ASSUMED), (
            "rough: from the networks' operations, for a GPU that scores 1,500 photos a second by ResNet-50; there is"
            " none here to measure"
        )
    if measure:
        return measured(open_device(machine.cores, gpus=kind == "gpu")), "measured here, network by network"
    if kind == "gpu":
        basis, reference = "operations", measured(torch.device("cuda"))
    else:
        basis, one_core = "stored costs", measured(open_device(1, gpus=False))

        def reference(setting: dict[str, Any]) -> tuple[float, float]:
            score, learn = one_core(setting)
            return score / machine.cores, learn / machine.cores

    return stored(kind, reference), (
        f"rough: from the networks' {basis} and a short measurement of one network here; --measure measures all"
    )
