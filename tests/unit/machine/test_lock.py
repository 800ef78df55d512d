"""Of several processes at the same work one is at it at a time, and who comes later does not wait for long."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from places import REPOSITORY
from stylevote.machine.lock import taking_over

# Says when it is in and when it is out; ends at SIGTERM, a little later, or goes on.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from stylevote.machine.lock import taking_over

lock, said, seconds, goes_on = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "goes on"

def say(word):
    with said.open("a") as file:
        file.write(f"{os.getpid()} {word}\\n")

def stop(*_):
    time.sleep(0.2)
    say("out")
    os._exit(128 + signal.SIGTERM)

signal.signal(signal.SIGTERM, signal.SIG_IGN if goes_on else stop)
with taking_over(lock):
    say("in")
    time.sleep(seconds)
    say("out")
"""


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(seconds: float, manner: str = "ends") -> subprocess.Popen:
        command = [sys.executable, "-c", PROGRAM, tmp_path / "work" / ".lock", tmp_path / "said", str(seconds), manner]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow_scripts")}
        started.append(subprocess.Popen([str(part) for part in command], env=environment))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def lines(said: Path) -> list[str]:
    return said.read_text().splitlines() if said.exists() else []


def wait_for_lines(said: Path, count: int) -> None:
    give_up = time.monotonic() + 60
    while len(lines(said)) < count:
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_who_comes_later_ends_who_is_there(start, tmp_path):
    first = start(1000)
    wait_for_lines(tmp_path / "said", 1)
    second = start(0)
    assert second.wait(60) == 0
    assert first.wait(60) == 128 + signal.SIGTERM
    assert lines(tmp_path / "said") == [f"{p.pid} {word}" for p in (first, second) for word in ("in", "out")]
    assert list((tmp_path / "work").iterdir()) == []


def test_nobody_is_waited_for_that_was_killed(start, tmp_path):
    first = start(1000)
    wait_for_lines(tmp_path / "said", 1)
    first.kill()
    first.wait()
    assert start(0).wait(60) == 0
    assert list((tmp_path / "work").iterdir()) == []


def test_of_many_one_is_in_at_a_time(start, tmp_path):
    processes = [start(0.05, "goes on") for _ in range(6)]
    assert [process.wait(120) for process in processes] == [0] * 6
    said = [line.split() for line in lines(tmp_path / "said")]
    assert [word for _, word in said] == ["in", "out"] * 6
    assert [number for number, _ in said[::2]] == [number for number, _ in said[1::2]]


def test_a_number_that_is_another_process_now_is_left_alone(start, tmp_path):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    try:
        first = start(1, "goes on")
        wait_for_lines(tmp_path / "said", 1)
        (tmp_path / "work" / ".lock").write_text(str(bystander.pid))
        assert start(0).wait(60) == 0
        assert first.wait(60) == 0
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_it_is_over_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), taking_over(tmp_path / "lock"):
        raise ZeroDivisionError
    with taking_over(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
