"""Time stamps after a clock was set back."""

import os
import time
from contextlib import suppress
from pathlib import Path

SLACK = 60  # seconds that a file server's clock may be ahead


def bring_to_present(folder: Path) -> int:
    """Give files below ``folder`` whose time is still to come the present time; return how many they are.

    Snakemake ends a job whose results are older than what they were made of, and would do so until the clock has caught
    up. Whether something is to be made again is told from contents, and not from these times. Links are not followed.
    """
    now, count = time.time(), 0
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with suppress(OSError):  # gone meanwhile, or a disk that is read-only
                if path.lstat().st_mtime > now + SLACK:
                    os.utime(path, (now, now), follow_symlinks=False)
                    count += 1
    return count
