"""Leases of GPUs: the jobs of one user on one host share its GPUs out among themselves.

A lease is a lock that the kernel drops when the process ends, however it ends. A GPU has as many locks, its slots, as
jobs may share it.
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
SHARE = "STYLEVOTE_GPU_SHARE"  # how many jobs may share a GPU, 1 if it is not set
# The same for all jobs, as `TMPDIR` may not be, and never on a network disk, as the results may be.
FOLDER = Path(f"/tmp/stylevote-gpus-{os.getuid()}")
SECONDS = 1.0  # between two looks for free slots


@cache
def lease_gpus(count: int) -> None:
    """Lease so many of the visible GPUs, until this process ends, and let it and its children see no others.

    Those that `CUDA_VISIBLE_DEVICES` names are visible, as a scheduler has set it; without it, all are. Where there is
    no GPU, or ``nvidia-smi`` does not tell of one, nothing is leased. It must be called before CUDA is initialized,
    which reads the variable once. To call it again changes nothing.

    Args:
        count: GPUs wanted.

    Raises:
        InputError: there are GPUs, but fewer; `STYLEVOTE_GPU_SHARE` is not a number; the locks cannot be made.
    """
    gpus = visible_gpus()
    if not gpus:
        return
    share = os.environ.get(SHARE, "1")
    if not re.fullmatch("[1-9][0-9]*", share):
        raise InputError(f"{SHARE} (the resource `gpu_share`): found {share!r}, expected how many jobs share a GPU")
    leased = lease(gpus, count, int(share), FOLDER)
    logging.info("leased %s", ", ".join(leased))
    if len(leased) < len(gpus):
        os.environ[VISIBLE] = ",".join(leased)


def visible_gpus() -> list[str]:
    """Return the names of the GPUs, or parts of GPUs (MIG), that CUDA would let this process see.

    A number means one GPU in one job and another in the next where a scheduler shows each job its own GPUs alone. So
    they go by their UUIDs. Numbers in `CUDA_VISIBLE_DEVICES` are those of ``nvidia-smi``, in the order of the PCI bus.
    """
    installed = _installed_gpus()
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
            break  # as in CUDA, which looks no further
        gpus += named
    return gpus if len(set(gpus)) == len(gpus) else []  # in CUDA, too


def _installed_gpus() -> dict[str, str]:
    """Return each GPU's UUID by its number, as the driver tells them to this process."""
    command = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return {}
    return dict(re.findall(r"^(\d+), (GPU-\S+)$", listed, re.MULTILINE))


def lease(gpus: Sequence[str], count: int, share: int, folder: Path) -> list[str]:
    """Take a slot on each of ``count`` GPUs, those with most free slots first; wait until there are so many.

    The slots are this process's until it ends. A program that it starts does not inherit them, a process forked from it
    does. Nobody holds slots while waiting for more.

    Args:
        gpus: names, those to be preferred among equals first.
        count: GPUs wanted.
        share: slots of a GPU. All jobs must say the same: each looks only at as many slots as it knows of.
        folder: of the locks, on a disk of this host; it is made, for this user alone.

    Returns:
        The names of the GPUs, in the order given.

    Raises:
        InputError: there are fewer GPUs; the folder is not this user's; a file cannot be made or locked there.
    """
    if len(gpus) < count:
        raise InputError(f"{count} GPUs are wanted, but {len(gpus)} can be seen ({', '.join(gpus)})")
    waited = False
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        while not (leased := _take(gpus, count, share, folder)):
            if not waited:
                logging.info("waiting for other jobs to leave a GPU (%d wanted of %d)", count, len(gpus))
                waited = True
            time.sleep(SECONDS)
    except OSError as error:
        raise InputError(
            f"{folder}: GPUs cannot be shared out there ({error}); expected a folder of this user's on this host"
        ) from error
    return leased


def _take(gpus: Sequence[str], count: int, share: int, folder: Path) -> list[str]:
    """Take a slot on each of ``count`` GPUs and return these, if so many have a free one; else take and return none."""
    looking = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(looking).st_uid != os.getuid():
            raise PermissionError("it is another user's")
        fcntl.flock(looking, fcntl.LOCK_EX)  # one job looks at a time: what it finds locked is in use
        free = {gpu: _free_slots([folder / f"{gpu}.{number}" for number in range(share)]) for gpu in gpus}
        chosen = sorted((gpu for gpu in gpus if free[gpu]), key=lambda gpu: -len(free[gpu]))[:count]
        if len(chosen) < count:
            return []
        for gpu in chosen:
            # It stays open. It looks used, so that what cleans /tmp of old files lets it be for days.
            os.utime(_lock(free[gpu][0]))
        return [gpu for gpu in gpus if gpu in chosen]
    finally:
        os.close(looking)


def _free_slots(slots: Sequence[Path]) -> list[Path]:
    """Return those of the slots that nobody holds."""
    free = []
    for slot in slots:
        lock = _lock(slot)
        if lock is not None:
            os.close(lock)
            free.append(slot)
    return free


def _lock(slot: Path) -> int | None:
    """Lock a slot and return its descriptor, which is to be kept open; None where another process holds it."""
    lock = os.open(slot, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
