"""Hostile input, thousands of cases: every reader of what users bring ends in success or in one plain sentence.

Anything else is a failure: another exception, more than 30 s of the processor, more than 2 GB of memory, a program
started, a connection opened, a file written where none belongs. Each reader has a process of its own, which a case that
never ends, or breaks the interpreter, takes with it; that, too, is a failure.

    python tests/fuzz/campaign.py --cases 10000 [--seed 1] [--readers photos masks]
"""

import argparse
import faulthandler
import json
import os
import pickle
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import hypothesis

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "workflow_scripts")]

# Shares of the cases: much for what meets damaged bytes, little for what takes long.
READERS = {
    "photos": 36,
    "label_tables": 18,
    "configurations": 16,
    "predictions": 10,
    "masks": 9,
    "weights": 8,
    "folders": 3,
    "new": 6,
    "bundles": 3,
}
MAX_SECONDS = 30  # of the processor. A million rows take 5 s, or 15 s on a busy machine
HUNG_SECONDS = 300  # of the clock: what waits takes no time of the processor
MAX_BYTES = 2 * 1024**3
SPARE_BYTES = (
    8 * 1024**3
)  # of addresses above those in use: an allocation beyond is refused, so that no machine suffers
# What no reader has any business with.
FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "socket.connect")
# Changes of folders, with how many of their arguments are paths.
CHANGES = {"os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.rename": 2, "os.truncate": 1, "os.chmod": 1, "os.chown": 1}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
SHOWN = 400  # characters of a case
CASE = "case.pickle"  # the one under way


@dataclass
class Tally:
    """What came of a reader's cases; ``failures``: for each kind of failure, the shortest case with it."""

    cases: int = 0
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    slowest: float = 0.0  # seconds of the processor
    peak: int = 0  # bytes of the process, with all libraries
    failures: dict[str, str] = field(default_factory=dict)

    def fail(self, problem: str, case: Any) -> None:
        """Count a failure."""
        self.failed += 1
        self.failures[problem] = min(repr(case), self.failures.get(problem, repr(case)), key=len)


class Watch:
    """Keeps this process, readers and tests alike, from what it has no business with, and notes it.

    Python reports these calls before it makes them. Calls of libraries in other languages are not seen.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.seen: list[str] = []
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple) -> None:
        if event in FORBIDDEN:
            self._stop(event)
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
            self._check(event, arguments[0])
        elif event in CHANGES:
            for path in arguments[: CHANGES[event]]:
                self._check(event, path)

    def _check(self, event: str, path: Any) -> None:
        if isinstance(path, (str, bytes, os.PathLike)):
            real = os.path.realpath(os.fsdecode(path))
            if real not in (os.devnull, self.folder) and not real.startswith(f"{self.folder}{os.sep}"):
                self._stop(f"{event} {real!r}")

    def _stop(self, what: str) -> None:
        self.seen.append(what)
        raise PermissionError(what)


def try_case(read: Callable[[Any], None], case: Any) -> tuple[str, str]:
    """Return ``accepted``, ``refused`` or ``failed``, and how it failed."""
    from stylevote.errors import InputError

    try:
        read(case)
    except InputError as error:
        lines = str(error).splitlines()
        if all(line.isprintable() for line in lines):
            return "refused", ""
        return "failed", f"the message holds what does not print: {str(error)[:SHOWN]!r}"
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return "failed", f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
    return "accepted", ""


def run_reader(name: str, cases: int, seed: int, folder: Path) -> Tally:
    """Try one reader in this process.

    Its module holds ``prepare(folder)``, which makes what is needed in the folder, and returns known traps, a strategy
    of further cases, and the function to try each with: it returns (the case is accepted) or raises `InputError`.
    """
    reader = import_module(f"fuzz.readers.{name}")
    tempfile.gettempdir()  # which Python finds once, by writing there: a library may ask for it in the course of a case
    watch = Watch(folder)
    traps, strategy, read = reader.prepare(folder)
    tally = Tally()
    _bound_memory()
    before = _peak()

    def attempt(case: Any) -> None:
        nonlocal before
        (folder / CASE).write_bytes(pickle.dumps(case))
        faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
        began = time.process_time()
        outcome, problem = try_case(read, case)
        took = time.process_time() - began
        faulthandler.cancel_dump_traceback_later()
        tally.cases += 1
        tally.slowest, tally.peak = max(tally.slowest, took), _peak()
        if watch.seen:
            problem = f"it would do what it may not: {watch.seen[0]}"
            watch.seen.clear()
        elif not problem and took > MAX_SECONDS:
            problem = f"more than {MAX_SECONDS} s of the processor"
        elif not problem and tally.peak > max(before, MAX_BYTES):
            problem = "more than 2 GB of memory"
        before = tally.peak
        if problem:
            tally.fail(problem, case)
        elif outcome == "accepted":
            tally.accepted += 1
        else:
            tally.refused += 1

    for trap in traps:
        attempt(trap)

    @hypothesis.settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.seed(seed)
    @hypothesis.given(strategy)
    def draw(case: Any) -> None:
        attempt(case)

    draw()
    return tally


def _peak() -> int:
    """Return the most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _bound_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def run_apart(name: str, cases: int, seed: int) -> Tally:
    """Try one reader in a process of its own."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        environment = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, __file__, "--inside", str(folder), "--readers", name]
        command += ["--cases", str(cases), "--seed", str(seed)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return Tally(**json.loads(done.stdout.splitlines()[-1]))
        tally = Tally(cases=1)
        case = pickle.loads((folder / CASE).read_bytes()) if (folder / CASE).exists() else None
        tally.fail(f"the process ended with status {done.returncode}: {done.stderr[-2000:]}", case)
        return tally


def campaign(cases: int, seed: int, readers: dict[str, int]) -> dict[str, Tally]:
    """Share the cases among the readers, try them, and print a line for each."""
    print(f"seed {seed}")
    print(
        f"{'reader':16}{'cases':>8}{'accepted':>10}{'refused':>9}{'failed':>8}{'slowest':>10}{'memory':>10}", flush=True
    )
    tallies = {}
    for name, share in readers.items():
        tallies[name] = run_apart(name, max(1, round(cases * share / sum(readers.values()))), seed)
        _print_line(name, tallies[name])
    total = Tally()
    for tally in tallies.values():
        for key in ("cases", "accepted", "refused", "failed"):
            setattr(total, key, getattr(total, key) + getattr(tally, key))
        total.slowest, total.peak = max(total.slowest, tally.slowest), max(total.peak, tally.peak)
    _print_line("all", total)
    for name, tally in tallies.items():
        for problem, case in tally.failures.items():
            print(f"\n{name}: {problem}\n  {case[:SHOWN]}")
    return tallies


def _print_line(name: str, tally: Tally) -> None:
    counts = f"{tally.cases:8}{tally.accepted:10}{tally.refused:9}{tally.failed:8}"
    print(f"{name:16}{counts}{tally.slowest:8.2f} s{tally.peak / 2**20:7.0f} MB", flush=True)


def main() -> None:
    """Run the campaign; exit status 1 if anything failed."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cases", type=int, default=10_500, help="in all (default 10500)")
    arguments.add_argument("--seed", type=int, default=random.randrange(10**6), help="another one draws other cases")
    arguments.add_argument("--readers", nargs="*", choices=READERS, default=list(READERS), help="only these")
    arguments.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.inside:
        print(json.dumps(asdict(run_reader(options.readers[0], options.cases, options.seed, options.inside))))
        return
    tallies = campaign(options.cases, options.seed, {name: READERS[name] for name in options.readers})
    sys.exit(any(tally.failed for tally in tallies.values()))


if __name__ == "__main__":
    main()
