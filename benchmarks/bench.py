"""What all benchmarks share: the library's path, the parser of a command line, and what a command costs."""

import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "workflow_scripts"
sys.path.insert(0, str(LIBRARY))


def make_parser(text: str | None) -> ArgumentParser:
    """Return a parser of a command line, whose help begins with a program's docstring."""
    return ArgumentParser(description=text, formatter_class=RawDescriptionHelpFormatter)


class Cost(NamedTuple):
    """What a command printed, its seconds by the clock and of the processor, and its peak of memory in 10^6 bytes."""

    printed: str
    seconds: float
    processor: float
    megabytes: float


def run(command: Sequence[str], folder: Path = ROOT, **environment: str) -> Cost:
    """Run a command in a folder, with further variables of the environment; end the program if it fails."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read()
    if process.returncode:
        sys.exit(printed[-3000:])
    return Cost(printed, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)
