"""A fault campaign: faults hit the small workflow at random moments, and its results must stay the same.

    python tests/faults/campaign.py --faults 100 --jobs 2

A finished copy loses the results of one stage and of all later ones. Snakemake starts, and a fault happens after a
random part of the jobs. Then Snakemake starts again, at most three times, and each time its messages are followed: a
file is removed, a lock is taken away, room is made. A fault is survived if `submission.csv` has the same bytes as
without it, and nothing is left to do. All others are lost.

The seed and the fault's number decide the fault, so `--only 17` repeats one; the processes at that moment depend on the
machine. Full and read-only disks are small file systems in a mount namespace. If `unshare` cannot make one, these
faults are skipped. The clock is not changed: instead, results get a time in the future.
"""

import argparse
import collections
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from workflow.checkout import LABELS, Checkout, make_checkout

MAX_ROUNDS = 3  # of following messages
MAX_SECONDS = 900  # per call of Snakemake: after these, it hangs
MAX_DELAY = 1.5  # seconds after a job's start, about the length of such a job
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]
BY_ITSELF, BY_MESSAGE, LOST, SKIPPED = "by itself", "after a message", "lost", "skipped"

# The results of each stage, in the order of the data. A fault removes those of one stage and of all later ones.
STAGES = {
    "photos": ["photos/*"],
    "folds": ["photos/train/folds.parquet"],
    "masks": ["masks"],
    "recolored": ["recolored"],
    "epochs": ["manifests"],
    "pixels": ["pixels"],
    "training": ["runs/*/*"],
    "scores": ["ensemble/scores"],
    "selection": ["ensemble/rankings", "ensemble/members", "ensemble/members.parquet"],
    "stack": ["ensemble/stackers", "ensemble/thresholds", "estimate"],
    "predictions": ["predictions/*/test_*"],
    "votes": ["predictions/*/*.parquet"],
    "decisions": ["submission.csv", "summary.txt"],
}
# Every kind of artefact, and the stage that reads it next.
ARTEFACTS = {
    "manifest": ("photos/*/manifest.parquet", "pixels"),
    "folds": ("photos/train/folds.parquet", "epochs"),
    "masks": ("masks/*.parquet", "recolored"),
    "recoloured photos": ("recolored/[0-9].parquet", "pixels"),
    "attempts": ("recolored/**/*.parquet", "epochs"),
    "epochs' photos": ("manifests/**/*.parquet", "training"),
    "pixels": ("pixels/*/*/pixels.bin", "training"),
    "index of pixels": ("pixels/*/*/index.parquet", "training"),
    "state of a training": ("runs/*/*/unfinished/last.ckpt", "training"),
    "weights": ("runs/*/*/weights/*.safetensors", "predictions"),
    "history": ("runs/*/*/history.parquet", "predictions"),
    "out-of-fold scores": ("runs/*/*/validation.parquet", "scores"),
    "candidates": ("ensemble/scores/*.parquet", "selection"),
    "members": ("ensemble/members*/*.parquet", "stack"),
    "stackers": ("ensemble/stackers/*.parquet", "votes"),
    "thresholds": ("ensemble/thresholds/*.parquet", "votes"),
    "predictions": ("predictions/test/*/*.parquet", "votes"),
    "votes": ("predictions/test/votes.parquet", "decisions"),
}
DAMAGES = ("a flipped bit", "cut short", "emptied")
HAPPENINGS = (
    "SIGKILL of a job",
    "SIGKILL of Snakemake alone",
    "SIGKILL of everything",
    "SIGTERM",
    "Ctrl-C",
    "full disk",
    "results read-only for a while",
    "photo changed, then put back",
    "photo changed and left",
    "clock set back",
    "two Snakemakes",
)
KINDS = [kind for pair in zip(HAPPENINGS, list(ARTEFACTS)[:11], strict=True) for kind in pair] + list(ARTEFACTS)[11:]


class Outcome(NamedTuple):
    """The outcome of a fault: its number, its kind, what was done, how it ended, and why."""

    number: int
    kind: str
    done: str
    status: str
    why: str


class LostError(Exception):
    """A fault was not survived; the message explains it."""


class Running:
    """A call of Snakemake in a session of its own, with its progress."""

    def __init__(self, checkout: Checkout, log: Path, *arguments: str) -> None:
        (checkout.folder / "small.yaml").write_text(yaml.safe_dump(checkout.config, sort_keys=False))
        messages = ("--quiet", "host")  # Snakemake's own, one per started job
        command = [sys.executable, "-m", "snakemake", *messages, "--configfile", "small.yaml", *arguments]
        self.process = subprocess.Popen(
            command,
            cwd=checkout.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.lines: list[str] = []
        self.started, self.total = 0, 0
        self.log = log
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        with self.log.open("a") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                self.lines.append(line)
                self.started += bool(re.match(r"(local)?rule \w+:$", line))
                if found := re.match(r"total +(\d+)$", line):
                    self.total = int(found[1])

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Return when a condition holds, or Snakemake has ended."""
        give_up = time.monotonic() + MAX_SECONDS
        while self.process.poll() is None and not reached():
            self._give_up(give_up)
            time.sleep(0.01)

    def wait(self) -> int:
        """Wait for Snakemake's end; return its exit status."""
        self.wait_until(lambda: False)
        return self.process.returncode

    def printed(self) -> str:
        """Return the output after the end. (Its jobs may live on, and hold the pipe open.)"""
        self.reader.join(5)
        return "".join(self.lines)

    def members(self) -> dict[int, int]:
        """Return the living processes of the session, with their parents."""
        parents = {}
        for place in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent, _, session = place.read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue  # it ended meanwhile
            if int(session) == self.process.pid and state != "Z":
                parents[int(place.parent.name)] = int(parent)
        return parents

    def jobs(self) -> list[list[int]]:
        """Return the process tree of each job."""
        parents = self.members()

        def tree(root: int) -> list[int]:
            return [root, *(member for child, parent in parents.items() if parent == root for member in tree(child))]

        return [tree(child) for child, parent in parents.items() if parent == self.process.pid]

    def end_all(self) -> None:
        """Kill all processes that are left."""
        kill(*self.members())
        self.process.wait()

    def wait_for_jobs(self) -> None:
        """Return once no process of the session is left."""
        give_up = time.monotonic() + MAX_SECONDS
        while self.members():
            self._give_up(give_up)
            time.sleep(0.1)

    def _give_up(self, moment: float) -> None:
        if time.monotonic() > moment:
            self.end_all()
            raise LostError(f"not ended after {MAX_SECONDS} s")


def kill(*processes: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


class Trial:
    """One fault, from the copy to the verdict."""

    def __init__(self, number: int, seed: int, reference: Path, folder: Path, stage: str | None = None) -> None:
        self.number, self.stage = number, stage
        self.kind = KINDS[number % len(KINDS)]
        self.random = random.Random(f"{seed} {number}")
        self.reference = reference
        shutil.copytree(reference, folder, symlinks=True)
        self.checkout = Checkout(folder)
        self.checkout.config = yaml.safe_load((folder / "small.yaml").read_text())
        self.out = folder / "out"
        self.log = folder / "campaign.log"
        self.runs: list[Running] = []
        self.done: list[str] = []
        self.changed: tuple[Path, bytes] | None = None

    def run(self) -> Outcome:
        """Try the fault and return its outcome."""
        try:
            status, why = self._try()
        except LostError as error:
            status, why = LOST, str(error)
        finally:
            for running in self.runs:
                running.end_all()
            if self.kind in MOUNTING:
                subprocess.run(["umount", "--lazy", self.out], check=False, capture_output=True)
        return Outcome(self.number, self.kind, ", ".join(self.done), status, why)

    def _try(self) -> tuple[str, str]:
        happen = ACTIONS.get(self.kind)
        if happen:
            happen(self)
        else:
            self.damage_artefact()
        followed = self.come_back()
        if self.changed and self.changed[0].read_bytes() != self.changed[1]:
            self.put_back()  # it was not in the way, or its pixels are the same
            followed += self.come_back()
        for running in self.runs:
            running.wait_for_jobs()
        if (self.out / "submission.csv").read_bytes() != (self.reference / "out" / "submission.csv").read_bytes():
            raise LostError("another submission.csv")
        last = self.start("--dry-run")
        last.wait()
        if "Nothing to be done" not in last.printed():
            rules = re.findall(r"^(?:local)?rule (\w+):$", last.printed(), re.MULTILINE)
            raise LostError(f"still to be done: {', '.join(sorted(set(rules)))}")
        return (BY_MESSAGE if followed else BY_ITSELF), "; ".join(followed)

    # ---- before

    def remove_from(self, stage: str) -> None:
        """Remove the results of a stage and of all later ones; but only some networks, for trainings take longest."""
        names = list(STAGES)
        for name in names[names.index(stage) :]:
            paths = [path for pattern in STAGES[name] for path in sorted(self.out.glob(pattern))]
            if name == stage == "training":
                paths = self.random.sample(paths, self.random.randint(1, 2))
            for path in paths:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.done.append(f"from {stage}")

    def any_stage(self, first: str = "photos") -> str:
        """Draw a stage, unless one was given; half of the draws are the training."""
        if self.stage:
            return self.stage
        names = list(STAGES)
        names = names[names.index(first) :]
        return "training" if "training" in names and self.random.random() < 0.5 else self.random.choice(names)

    def start(self, *arguments: str) -> Running:
        """Start Snakemake, without the report."""
        running = Running(self.checkout, self.log, *(arguments or ("--cores", "2")), "--", "decide")
        self.runs.append(running)
        return running

    def start_and_wait(self, stage: str) -> Running:
        """Remove from a stage on, start, and return at the moment of the fault."""
        self.remove_from(stage)
        running = self.start()
        self.wait_for_moment(running)
        return running

    def wait_for_moment(self, running: Running) -> None:
        """Return a little after a random part of the jobs has started."""
        part, delay = self.random.random(), self.random.uniform(0, MAX_DELAY)
        running.wait_until(lambda: running.total and running.started >= max(1, math.ceil(part * running.total)))
        time.sleep(delay)
        self.done.append(f"after the start of job {running.started} of {running.total}")

    # ---- after

    def come_back(self) -> list[str]:
        """Start Snakemake until it succeeds, and follow its messages; return what was done."""
        followed = []
        for _ in range(1 + MAX_ROUNDS):
            running = self.start()
            if running.wait() == 0:
                return followed
            asked = list(self.asked_for(running.printed()))
            if not asked:
                raise LostError(f"no message to follow: {last_lines(running.printed())}")
            followed += [text for text, _ in asked]
            for _, action in asked:
                action()
        raise LostError(f"no success after {MAX_ROUNDS} rounds: {'; '.join(followed)}")

    def asked_for(self, printed: str) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield what the messages ask for, as text and as a function."""
        for name in sorted(set(re.findall(r"(\S+): damaged \(.*\)\. Delete it and run again", printed))):
            yield f"removed {name}", lambda name=name: (self.checkout.folder / name).unlink(missing_ok=True)
        for name in sorted(set(re.findall(r"[Dd]elete the folder (\S+) and run again", printed))):
            yield f"removed {name}", lambda name=name: shutil.rmtree(self.checkout.folder / name, ignore_errors=True)
        if "--unlock" in printed:
            yield "unlocked", lambda: self.start("--unlock").wait()
        if "the disk is full" in printed and self.kind == "full disk":
            yield "made room", lambda: remount(self.out, "size=1g")
        if "Read-only file system" in printed and self.kind == "results read-only for a while":
            yield "", lambda: None
        if self.changed and re.search(rf"(error|Error).*\n?.*{re.escape(self.changed[0].name)}", printed):
            yield f"put {self.changed[0].name} back", self.put_back

    def put_back(self) -> None:
        """Put a photo back that was changed."""
        path, data = self.changed
        path.write_bytes(data)

    # ---- what happens

    def kill_a_job(self) -> None:
        running = self.start_and_wait(self.any_stage())
        running.wait_until(running.jobs)
        if jobs := running.jobs():
            kill(*self.random.choice(jobs))
        running.wait()

    def kill_snakemake(self) -> None:
        running = self.start_and_wait(self.any_stage())
        running.process.kill()
        running.process.wait()
        self.done.append(f"{len(running.members())} processes live on")

    def kill_everything(self) -> None:
        running = self.start_and_wait(self.any_stage())
        running.process.kill()  # first, so that it does not see its jobs die
        running.end_all()

    def terminate(self) -> None:
        running = self.start_and_wait(self.any_stage())
        running.process.terminate()
        running.wait()

    def interrupt(self) -> None:
        running = self.start_and_wait(self.any_stage())
        for process in running.members():  # as a terminal does: all that is in the foreground
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGINT)
        running.wait()

    def fill_disk(self) -> None:
        whole = used(self.out)
        self.remove_from(self.any_stage())
        left = used(self.out)
        size = left + round(self.random.random() * (whole - left))
        self.move_to_mount(f"size={size}")
        self.done.append(f"room for {size - left} of {whole - left} bytes")
        self.start().wait()

    def make_read_only(self) -> None:
        self.move_to_mount("size=1g")
        running = self.start_and_wait(self.any_stage())
        running.wait_until(lambda: remount(self.out, "ro"))
        time.sleep(self.random.uniform(0.5, 3))
        remount(self.out, "rw")
        running.wait()

    def move_to_mount(self, options: str) -> None:
        """Move the results to a small file system, which ends with this process."""
        aside = self.out.with_name("aside")
        self.out.rename(aside)
        self.out.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.out], check=True)
        shutil.copytree(aside, self.out, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(aside)

    def change_photo(self) -> Running:
        stage = self.any_stage("masks")
        self.remove_from(stage)
        running = self.start()
        if self.random.random() < 0.5:
            self.wait_for_moment(running)
        path = self.random.choice(sorted((self.checkout.folder / "photos").glob("t*/*.png")))
        data = path.read_bytes()
        self.changed = path, data
        place = self.random.randrange(len(data))
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << self.random.randrange(8)]) + data[place + 1 :])
        self.done.append(f"{path.name} changed")
        return running

    def change_photo_for_a_while(self) -> None:
        running = self.change_photo()
        time.sleep(self.random.uniform(0.5, 5))
        self.put_back()
        running.wait()

    def change_photo_for_good(self) -> None:
        self.change_photo().wait()

    def set_clock_back(self) -> None:
        """Give all files a time in the future, as after a clock was set back by an hour."""
        running = self.start_and_wait(self.any_stage())
        moment = time.time() + 3600
        for path in [*self.out.rglob("*"), *(self.checkout.folder / "photos").rglob("*")]:
            with suppress(FileNotFoundError):
                os.utime(path, (moment, moment), follow_symlinks=False)
        running.wait()

    def start_two(self) -> None:
        first = self.start_and_wait(self.any_stage())
        second = self.start()
        second.wait()
        self.done.append(f"the second ended with {second.process.returncode}")
        first.wait()

    def damage_artefact(self) -> None:
        pattern, stage = ARTEFACTS[self.kind]
        way = DAMAGES[(self.number // len(KINDS)) % len(DAMAGES)]
        if stage == "training" and "unfinished" in pattern:
            self.remove_from(stage)
            running = self.start()
            running.wait_until(lambda: any(self.out.glob(pattern)))
            running.process.kill()
            running.end_all()
        else:
            self.remove_from(stage)
            running = None
            if self.random.random() < 0.3:
                running = self.start()
                self.wait_for_moment(running)
        paths = sorted(self.out.glob(pattern))
        if not paths:
            self.done.append("nothing there to damage")
            return
        path = self.random.choice(paths)
        try:
            self.damage(path, way)
        except FileNotFoundError:
            self.done.append("gone before it could be damaged")
        if running and running.process.returncode is None:
            running.wait()

    def damage(self, path: Path, way: str) -> None:
        """Damage a file; in half of the draws its time stamp stays, as when a disk does it."""
        before = path.stat()
        size = before.st_size
        place = self.random.randrange(size)
        with path.open("r+b") as file:
            if way == "a flipped bit":
                file.seek(place)
                byte = file.read(1)[0]
                file.seek(place)
                file.write(bytes([byte ^ 1 << self.random.randrange(8)]))
            else:
                file.truncate(place if way == "cut short" else 0)
        silently = self.random.random() < 0.5
        if silently:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.done.append(f"{path.relative_to(self.out)}: {way} at {place} of {size}{', silently' if silently else ''}")


ACTIONS: dict[str, Callable[[Trial], None]] = dict(
    zip(
        HAPPENINGS,
        (
            Trial.kill_a_job,
            Trial.kill_snakemake,
            Trial.kill_everything,
            Trial.terminate,
            Trial.interrupt,
            Trial.fill_disk,
            Trial.make_read_only,
            Trial.change_photo_for_a_while,
            Trial.change_photo_for_good,
            Trial.set_clock_back,
            Trial.start_two,
        ),
        strict=True,
    )
)
MOUNTING = ("full disk", "results read-only for a while")


def used(folder: Path) -> int:
    """Return the bytes of a folder on a file system of 4096-byte pages, with a page per entry."""
    return sum(4096 * (1 + -(-path.lstat().st_size // 4096) * path.is_file()) for path in folder.rglob("*"))


def remount(place: Path, options: str) -> bool:
    """Change the options of a mount; return whether that was possible (read-only: only while no process writes)."""
    command = ["mount", "-o", f"remount,{options}", place]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def last_lines(printed: str) -> str:
    """Return the last lines with an error, or the last lines."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"error|exception", line, re.IGNORECASE)]
    return " | ".join((errors or lines)[-6:])[:600]


def make_reference(folder: Path) -> Path:
    """Compute the small workflow with one run and two labels; return its folder."""
    checkout = make_checkout(folder)
    checkout.config["runs"] = checkout.config["runs"][1:]  # the one with recoloured photos
    checkout.config["labels"] = LABELS[:2]
    table = checkout.folder / "photos" / "train.csv"
    table.write_text("".join(f"{row.rpartition(',')[0]}\n" for row in table.read_text().splitlines()))
    checkout.run()
    return checkout.folder


def try_fault(number: int, seed: int, reference: Path, keep: Path | None) -> Outcome:
    """Try one fault in a new process, with a mount namespace if the fault needs one."""
    kind = KINDS[number % len(KINDS)]
    inner = [sys.executable, __file__, "--inside", str(number), "--seed", str(seed), "--reference", str(reference)]
    if keep:
        inner += ["--keep", str(keep)]
    if kind in MOUNTING:
        if shutil.which("unshare") is None or subprocess.run([*UNSHARE, "true"], check=False).returncode:
            return Outcome(number, kind, "", SKIPPED, "no mount namespace can be made here")
        inner = [*UNSHARE, *inner]
    done = subprocess.run(inner, stdout=subprocess.PIPE, text=True, check=False)
    try:
        return Outcome(*json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError):
        return Outcome(number, kind, "", LOST, f"the trial itself ended with {done.returncode}")


def try_here(number: int, seed: int, reference: Path, keep: Path | None) -> Outcome:
    """Try one fault in this process."""
    with tempfile.TemporaryDirectory(prefix="fault-", ignore_cleanup_errors=True) as place:
        trial = Path(place) / "trial"
        outcome = Trial(number, seed, reference, trial).run()
        if outcome.status == LOST and keep:
            shutil.copytree(trial, keep / f"{seed}-{number}", symlinks=True, dirs_exist_ok=True)
        return outcome


def table(outcomes: list[Outcome]) -> str:
    """Return a line per kind, and the sum."""
    counts = collections.Counter((outcome.kind, outcome.status) for outcome in outcomes)
    columns = [BY_ITSELF, BY_MESSAGE, LOST, SKIPPED]
    lines = [f"{'kind':32}{'faults':>8}" + "".join(f"{column:>17}" for column in columns)]
    for kind in KINDS:
        numbers = [counts[kind, column] for column in columns]
        if sum(numbers):
            lines.append(f"{kind:32}{sum(numbers):8}" + "".join(f"{number:17}" for number in numbers))
    status = collections.Counter(outcome.status for outcome in outcomes)
    survived = status[BY_ITSELF] + status[BY_MESSAGE]
    skipped = f" skipped {status[SKIPPED]}" if status[SKIPPED] else ""
    return "\n".join([*lines, f"faults {len(outcomes)} survived {survived} lost {status[LOST]}{skipped}"])


def line(outcome: Outcome) -> str:
    why = f" ({outcome.why})" if outcome.why else ""
    return f"fault {outcome.number:3}  {outcome.status:16} {outcome.kind}: {outcome.done}{why}"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--faults", type=int, default=100, help="their number (default 100)")
    options.add_argument("--only", type=int, nargs="+", help="try only the faults with these numbers")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=os.cpu_count(), help="faults at a time")
    options.add_argument("--reference", type=Path, help="a finished small workflow, to save the time to make one")
    options.add_argument("--keep", type=Path, help="folder for the files of lost faults")
    options.add_argument("--inside", type=int, help=argparse.SUPPRESS)  # try this one here, and print it as JSON
    arguments = options.parse_args()
    if arguments.inside is not None:
        print(json.dumps(try_here(arguments.inside, arguments.seed, arguments.reference, arguments.keep)))
        return 0
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="faults-") as place, ThreadPoolExecutor(arguments.jobs) as pool:
        reference = (arguments.reference or make_reference(Path(place) / "reference")).absolute()
        trials = [
            pool.submit(try_fault, number, arguments.seed, reference, arguments.keep)
            for number in arguments.only or range(arguments.faults)
        ]
        for trial in as_completed(trials):
            outcomes.append(trial.result())
            print(line(outcomes[-1]), flush=True)
    print(table(outcomes))
    return int(any(outcome.status == LOST for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
