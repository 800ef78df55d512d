"""GPU leases: no GPU has more jobs than may share it, and none is lost, however jobs end."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from places import REPOSITORY
from stylevote.errors import InputError
from stylevote.machine import gpus

# Forks 200 jobs, 20 at a time, and kills every third at a random moment. A journal gets times: when a job has its GPUs,
# and before it leaves them or is killed. Between the two, the job certainly has its GPUs.
CAMPAIGN = """
import json, os, random, signal, sys, time
from pathlib import Path
from stylevote.machine import gpus

assert "torch" not in sys.modules  # whose threads a fork would leave behind
folder, share, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
gpus.SECONDS = 0.002
journal = os.open(folder / "journal", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

def write(job, event, value=None):
    line = json.dumps([time.monotonic_ns(), job, event, value]) + "\\n"
    os.write(journal, line.encode())

def work(job, count, seconds):
    write(job, "has", gpus.lease(names, count, share, folder / "locks"))
    time.sleep(seconds)
    write(job, "leaves")

chance = random.Random(1)
waiting, working, ends = list(range(200)), {}, {}
while waiting or working:
    while waiting and len(working) < 20:
        job, count, seconds = waiting.pop(), chance.choice([1, 1, 1, 2, 3]), chance.uniform(0, 0.03)
        process = os.fork()
        if not process:
            signal.alarm(60)  # it has hung
            work(job, count, seconds)
            os._exit(0)
        working[process] = job
        if job % 3 == 0:
            ends[process] = time.monotonic() + chance.uniform(0, 0.1)
    for process in [process for process, end in ends.items() if end < time.monotonic()]:
        write(working[process], "leaves")
        os.kill(process, signal.SIGKILL)
        del ends[process]
    process, status = os.waitpid(-1, os.WNOHANG)
    if process:
        write(working.pop(process), "ended", os.waitstatus_to_exitcode(status))
        ends.pop(process, None)
    else:
        time.sleep(0.001)
"""
# Leases GPUs of this machine, and runs a program that prints which it can see. The program lives on if it is killed.
HOLDER = """
import logging, os, signal, sys
from pathlib import Path
from stylevote.machine import gpus

signal.alarm(60)
gpus.FOLDER, gpus.SECONDS = Path(sys.argv[1]), 0.01
logging.basicConfig(level=logging.INFO, format="%(message)s")
gpus.lease_gpus(int(sys.argv[2]))
os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "echo ${CUDA_VISIBLE_DEVICES-all}; exec cat")
"""


def environment() -> dict[str, str]:
    """Return the environment of a program that imports the library."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow_scripts")}


class Jobs:
    """Starts jobs that keep the GPUs that they lease."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs: list[subprocess.Popen] = []

    def begin(self, count: int = 1) -> subprocess.Popen:
        """Start a job, which may have to wait."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [sys.executable, "-c", HOLDER, self.folder, str(count)]
        self.jobs.append(subprocess.Popen(command, text=True, env=environment(), **pipes))
        return self.jobs[-1]

    def start(self, count: int = 1) -> tuple[subprocess.Popen, str]:
        """Start a job, and wait until it has its GPUs; return it and what CUDA would see."""
        job = self.begin(count)
        return job, job.stdout.readline().strip()


@pytest.fixture
def jobs(tmp_path, pretend) -> Iterator[Jobs]:
    """Start jobs, and let them end when the test ends."""
    jobs = Jobs(tmp_path / "locks")
    yield jobs
    for job in jobs.jobs:
        with job:
            job.stdin.close()


@pytest.mark.parametrize("share", [1, 3])
def test_of_200_jobs_some_killed_no_more_share_a_gpu_than_may(tmp_path, pretend, jobs, monkeypatch, share):
    names = ["GPU-a", "GPU-b", "GPU-c"]
    command = [sys.executable, "-c", CAMPAIGN, tmp_path, str(share), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    events = sorted(json.loads(line) for line in (tmp_path / "journal").read_text().splitlines())
    using, most, left, statuses = {gpu: set() for gpu in names}, Counter(), set(), Counter()
    held = {}
    for _, job, event, value in events:
        if event == "has" and job not in left:
            held[job] = value
            assert len(set(value)) == len(value)
            for gpu in value:
                using[gpu].add(job)
                most[gpu] = max(most[gpu], len(using[gpu]))
        elif event == "leaves":
            left.add(job)
            for gpu in held.get(job, ()):
                using[gpu].discard(job)
        elif event == "ended":
            statuses[value] += 1
    assert most == dict.fromkeys(names, share)
    assert set(statuses) == {0, -9}
    assert statuses.total() == 200
    assert {len(leased) for leased in held.values()} == {1, 2, 3}

    # All slots are there, for as many jobs at once.
    pretend(*names)
    monkeypatch.setenv(gpus.SHARE, str(share))
    assert Counter(jobs.start()[1] for _ in range(3 * share)) == dict.fromkeys(names, share)


def test_a_job_takes_the_gpu_that_fewest_use(pretend, jobs, monkeypatch):
    pretend("GPU-a", "GPU-b", "GPU-c")
    monkeypatch.setenv(gpus.SHARE, "2")
    assert [jobs.start()[1] for _ in range(2)] == ["GPU-a", "GPU-b"]
    several, seen = jobs.start(2)
    assert seen == "GPU-a,GPU-c"  # b is used as much as a, and c is not used
    assert [jobs.start()[1] for _ in range(2)] == ["GPU-b", "GPU-c"]
    several.kill()
    several.wait()
    assert [jobs.start()[1] for _ in range(2)] == ["GPU-a", "GPU-c"]


def test_a_job_logs_once_that_it_waits_and_waits_for_killed_jobs(pretend, jobs):
    pretend("GPU-a", "GPU-b")
    first, seen = jobs.start()
    assert seen == "GPU-a"
    jobs.start()
    waiting = jobs.begin()
    assert waiting.stderr.readline() == "waiting for other jobs to leave a GPU (1 wanted of 2)\n"
    # Long enough for it to look many times; what a job has started has no part in its lease.
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.3)
    first.kill()
    assert waiting.stdout.readline() == "GPU-a\n"
    assert waiting.stderr.readline() == "leased GPU-a\n"


def test_without_a_choice_nothing_is_changed(pretend, jobs, monkeypatch):
    assert jobs.start()[1] == "all"
    assert not jobs.folder.exists()
    pretend("GPU-a")
    assert jobs.start()[1] == "all"
    assert [path.name for path in jobs.folder.iterdir()] == ["GPU-a.0"]
    monkeypatch.setenv(gpus.VISIBLE, "")
    assert jobs.start()[1] == ""


def test_the_gpus_of_a_scheduler_are_leased(pretend, jobs, monkeypatch):
    pretend("GPU-a", "GPU-b", "GPU-c", "GPU-d")
    monkeypatch.setenv(gpus.VISIBLE, "2,3")
    assert [jobs.start()[1] for _ in range(2)] == ["GPU-c", "GPU-d"]
    monkeypatch.setenv(gpus.VISIBLE, "1")
    assert jobs.start()[1] == "1"
    # In a job that is shown its own GPU alone, this one is number 0.
    pretend("GPU-a")
    monkeypatch.setenv(gpus.VISIBLE, "0")
    assert jobs.start()[1] == "0"
    pretend("GPU-b")
    assert jobs.begin().stderr.readline().startswith("waiting")


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, "012"),
        ("", ""),
        ("-1", ""),
        ("NoDevFiles", ""),
        ("1", "1"),
        ("2,0", "20"),
        (" 2 , 0", "20"),
        ("1,-1,2", "1"),
        ("0,3,1", "0"),
        ("0,0", ""),
        ("GPU-2b", "2"),
        ("GPU-2b1f,GPU-0a", "20"),
        ("GPU-1", ""),  # of two
        ("GPU-ff,GPU-0a", ""),
        ("G", ""),
    ],
)
def test_the_visible_gpus_are_those_that_cuda_shows(pretend, monkeypatch, visible, expected):
    uuids = ["GPU-0a17", "GPU-1c5d", "GPU-2b1f"] if visible != "GPU-1" else ["GPU-1a17", "GPU-1c5d"]
    pretend(*uuids)
    if visible is not None:
        monkeypatch.setenv(gpus.VISIBLE, visible)
    assert gpus.visible_gpus() == [uuids[int(number)] for number in expected]


def test_parts_of_gpus_are_leased_by_their_names(pretend, jobs, monkeypatch):
    monkeypatch.setenv(gpus.VISIBLE, "MIG-1,MIG-2")
    assert [jobs.start()[1] for _ in range(2)] == ["MIG-1", "MIG-2"]


@pytest.mark.parametrize("share", ["0", "-1", "two", "1.5", ""])
def test_a_share_that_is_no_number_is_named(pretend, monkeypatch, share):
    pretend("GPU-a")
    monkeypatch.setenv(gpus.SHARE, share)
    with pytest.raises(InputError, match=f"STYLEVOTE_GPU_SHARE .*found '{share}'"):
        gpus.lease_gpus(1)


def test_impossible_leases_are_refused(tmp_path, pretend):
    with pytest.raises(InputError, match=r"3 GPUs are wanted, but 2 are visible \(GPU-a, GPU-b\)"):
        gpus.lease(["GPU-a", "GPU-b"], 3, 1, tmp_path / "locks")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link", "nowhere/locks"):
        with pytest.raises(InputError, match=f"{name}: GPUs cannot be leased .*expected a folder"):
            gpus.lease(["GPU-a"], 1, 1, tmp_path / name)
