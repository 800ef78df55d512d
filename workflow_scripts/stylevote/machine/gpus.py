"""GPU leases: the jobs of one user on one host share its GPUs.

Each job that may share a GPU has a slot there. A slot is a lock, which the kernel releases when its process ends,
however it ends.
"""

import fcntl
import logging
import os
import re
import subprocess
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from stylevote.errors import InputError

VISIBLE = "CUDA_VISIBLE_DEVICES"
SHARE = "STYLEVOTE_GPU_SHARE"  # jobs per GPU, 1 if it is not set
# The same for all jobs, unlike `TMPDIR`, and never on a network disk, unlike the results.
FOLDER = Path(f"/tmp/stylevote-gpus-{os.getuid()}")
SECONDS = 1.0  # between two looks for free slots


@cache
def lease_gpus(count: int) -> None:
    """Lease ``count`` of the visible GPUs until this process ends, and hide the others from it and its children.

    Call it before CUDA is initialized, which reads `CUDA_VISIBLE_DEVICES` once. If ``nvidia-smi`` lists no GPU, nothing
    is leased.

    Raises:
        InputError: there are GPUs, but fewer; `STYLEVOTE_GPU_SHARE` is not a number; the locks cannot be made.
    """
    gpus = visible_gpus()
    if not gpus:
        return
    share = os.environ.get(SHARE, "1")
    if not re.fullmatch("[1-9][0-9]*", share):
        raise InputError(f"{SHARE} (the resource `gpu_share`): found {share!r}, expected the number of jobs per GPU")
    leased = lease(gpus, count, int(share), FOLDER)
    logging.info("leased %s", ", ".join(leased))
    if len(leased) < len(gpus):
        os.environ[VISIBLE] = ",".join(leased)


def visible_gpus() -> list[str]:
    """Return the UUIDs of the GPUs, or names of parts of GPUs (MIG), that CUDA shows to this process.

    `CUDA_VISIBLE_DEVICES` limits them, as in CUDA, with the numbers of ``nvidia-smi``. UUIDs replace the numbers: if a
    scheduler shows each job only its own GPU, all of them have the number 0.
    """
    command = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        listed = ""
    installed = dict(re.findall(r"^(\d+), (GPU-\S+)$", listed, re.MULTILINE))
    variable = os.environ.get(VISIBLE)
    if variable is None:
        return list(installed.values())
    gpus: list[str] = []
    for entry in map(str.strip, variable.split(",")):
        if entry.startswith("MIG-"):
            gpus.append(entry)
            continue
        prefix = entry if entry.startswith("GPU-") else None
        named = [uuid for number, uuid in installed.items() if entry == number or (prefix and uuid.startswith(prefix))]
        if len(named) != 1:
            break  # CUDA ignores this entry and all that follow
        gpus += named
    return gpus if len(set(gpus)) == len(gpus) else []  # as in CUDA


def lease(gpus: Sequence[str], count: int, share: int, folder: Path) -> list[str]:
    """Take a slot on each of ``count`` GPUs, those with most free slots first, and return these GPUs.

    It waits until enough slots are free, and holds none meanwhile. This process and those forked from it keep the slots
    until they end; programs that it starts do not. ``share`` is the number of slots per GPU, the same for all jobs. The
    ``folder`` of the locks, on a disk of this host, is made for this user alone.

    Raises:
        InputError: there are fewer GPUs; the folder is not this user's; a file cannot be made or locked there.
    """
    if len(gpus) < count:
        raise InputError(f"{count} GPUs are wanted, but {len(gpus)} are visible ({', '.join(gpus)})")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if not (leased := _take(gpus, count, share, folder)):
            logging.info("waiting for other jobs to leave a GPU (%d wanted of %d)", count, len(gpus))
        while not leased:
            time.sleep(SECONDS)
            leased = _take(gpus, count, share, folder)
    except OSError as error:
        raise InputError(f"{folder}: GPUs cannot be leased ({error}); expected a folder of this user's") from error
    return leased


def _take(gpus: Sequence[str], count: int, share: int, folder: Path) -> list[str]:
    """Take a slot on each of ``count`` GPUs and return the GPUs; take and return none if fewer have a free slot."""
    looking = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(looking).st_uid != os.getuid():
            raise PermissionError("it belongs to another user")
        fcntl.flock(looking, fcntl.LOCK_EX)  # one job looks at a time, because a look locks all free slots
        slots = {gpu: [_lock(folder / f"{gpu}.{number}") for number in range(share)] for gpu in gpus}
        free = {gpu: [slot for slot in slots[gpu] if slot is not None] for gpu in gpus}
        chosen = sorted((gpu for gpu in gpus if free[gpu]), key=lambda gpu: -len(free[gpu]))[:count]
        taken = [gpu for gpu in gpus if gpu in chosen] if len(chosen) == count else []
        for gpu in gpus:
            for slot in free[gpu][int(gpu in taken) :]:  # the first slot of a GPU that is taken stays open
                os.close(slot)
        return taken
    finally:
        os.close(looking)


def _lock(slot: Path) -> int | None:
    """Lock a slot and return its descriptor; None if another process holds it."""
    lock = os.open(slot, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.utime(lock)  # programs that remove old files from /tmp leave new ones
    return lock
