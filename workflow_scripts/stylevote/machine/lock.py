"""One process at a time works in a folder: who comes later takes over from who is there.

Where Snakemake is killed, its jobs live on, and the next Snakemake starts the same job again. Both would write the same
files, and remove each other's.
"""

import fcntl
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS = 0.1  # between two looks


@contextmanager
def taking_over(path: Path) -> Iterator[None]:
    """Be the only process that is in such a block with the same ``path``: a file that is there meanwhile.

    A process of this host that is there gets SIGTERM, one of another host does not; either is waited for. Where the
    disk has no locks, nobody is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = _locked(path)
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield
    finally:
        with suppress(OSError):  # of a disk that has become read-only
            path.unlink(missing_ok=True)
        os.close(lock)


def _locked(path: Path) -> int:
    """Return the descriptor of the file, locked."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        _wait_for(lock, path)
        # Who was there before may have removed the file: a lock on that one keeps nobody out.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        os.close(lock)


def _wait_for(lock: int, path: Path) -> None:
    """Lock the file, after whoever has it locked was asked to end."""
    asked = set()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            text = os.pread(lock, 20, 0)
        except OSError as error:
            logging.info("%s: no locks on this disk (%s)", path.parent, error.strerror)
            return
        process = int(text) if text.isdigit() else None
        if process not in asked:
            asked.add(process)
            if process and _has_open(process, lock):
                logging.info("%s: process %d is at the same work, and is asked to end", path.parent, process)
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGTERM)
            elif process:
                logging.info("%s: a process of another host is at the same work: waiting for its end", path.parent)
        time.sleep(SECONDS)


def _has_open(process: int, lock: int) -> bool:
    """Return whether a process of this host and user has the same file open: numbers mean nothing elsewhere."""
    wanted = os.fstat(lock)
    with suppress(OSError):
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                if os.path.samestat(descriptor.stat(), wanted):
                    return True
    return False
