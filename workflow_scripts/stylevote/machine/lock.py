"""Allow one process at a time per folder.

If Snakemake is killed, its jobs live on, and the next call starts the same jobs again. Two trainings in one folder
would remove each other's files.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder_lock(path: Path) -> Iterator[None]:
    """Wait until no other process holds the lock ``path``, and hold it until the block ends.

    The kernel releases the lock when the process ends, however it ends. The file stays: a process that removed it would
    let in two others, one that waits for the old file and one that makes a new one. On a disk without locks, nothing is
    locked. A missing file is made, with its folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logging.info("waiting for another process that works in %s", path.parent)
                fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            logging.info("%s: this disk has no locks (%s)", path.parent, error.strerror)
        yield
