"""Of several processes that want a folder, one has it at a time, and the others wait."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from places import REPOSITORY
from stylevote.machine.lock import folder_lock

# Writes down when it is in and when it is out.
PROGRAM = """
import logging, os, sys, time
from pathlib import Path
from stylevote.machine.lock import folder_lock

lock, journal, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
logging.basicConfig(level=logging.INFO, format="%(message)s")

def write(word):
    with journal.open("a") as file:
        file.write(f"{os.getpid()} {word}\\n")

with folder_lock(lock):
    write("in")
    time.sleep(seconds)
    write("out")
"""


@pytest.fixture
def start(tmp_path):
    """Start processes that want the same folder."""
    started = []

    def begin(seconds: float) -> subprocess.Popen:
        command = [sys.executable, "-c", PROGRAM, tmp_path / "work" / ".lock", tmp_path / "journal", str(seconds)]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow_scripts")}
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def lines(journal: Path) -> list[str]:
    return journal.read_text().splitlines() if journal.exists() else []


def wait_for_lines(journal: Path, count: int) -> None:
    give_up = time.monotonic() + 60
    while len(lines(journal)) < count:
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_the_later_process_waits_for_the_earlier_one_and_logs_it(start, tmp_path):
    first = start(1)
    wait_for_lines(tmp_path / "journal", 1)
    second = start(0)
    assert second.wait(60) == 0
    assert first.wait(60) == 0
    assert lines(tmp_path / "journal") == [f"{p.pid} {word}" for p in (first, second) for word in ("in", "out")]
    assert second.stderr.read() == f"waiting for another process that works in {tmp_path / 'work'}\n"
    assert first.stderr.read() == ""


def test_a_killed_process_is_not_waited_for(start, tmp_path):
    first = start(1000)
    wait_for_lines(tmp_path / "journal", 1)
    first.kill()
    first.wait()
    assert start(0).wait(60) == 0


def test_a_process_that_waits_can_be_stopped(start, tmp_path):
    start(1000)
    wait_for_lines(tmp_path / "journal", 1)
    second = start(0)
    second.stderr.readline()
    second.terminate()
    assert second.wait(60) == -15
    assert len(lines(tmp_path / "journal")) == 1


def test_of_many_one_is_in_at_a_time(start, tmp_path):
    processes = [start(0.05) for _ in range(6)]
    assert [process.wait(120) for process in processes] == [0] * 6
    events = [line.split() for line in lines(tmp_path / "journal")]
    assert [word for _, word in events] == ["in", "out"] * 6
    assert [number for number, _ in events[::2]] == [number for number, _ in events[1::2]]


def test_an_error_releases_the_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), folder_lock(tmp_path / "lock"):
        raise ZeroDivisionError
    with folder_lock(tmp_path / "lock"):
        pass


def test_a_disk_without_locks_is_used_without(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with caplog.at_level("INFO"), folder_lock(tmp_path / "lock"):
        pass
    assert "no locks (No locks available)" in caplog.text
