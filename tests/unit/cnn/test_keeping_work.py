"""The training program, killed again and again, ends with what it would have ended with."""

import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import warm
from places import REPOSITORY
from stylevote.files.tables import read_table, write_table

SCRIPTS = REPOSITORY / "workflow_scripts"
PROGRAM = SCRIPTS / "train" / "train_cnn.py"
EPOCHS = 4
OUTPUTS = [
    ".training",
    "history.parquet",
    "unfinished",
    "validation.parquet",
    "weights",
]  # what is in the folder in the end
MAX_SECONDS = 120  # for an epoch of a few photos: after these, the job hangs
# A start from scratch imports for seconds: this program imports once, and each job is a process forked from it. A
# process that has ended is waited for only when the test says so: until then nothing else can get its number.
STARTER = """
import json, os, sys
sys.path[0:0] = sys.argv[1:]
import warm
from train import train_cnn
for line in sys.stdin:
    job = json.loads(line)
    process = os.fork()
    if not process:
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        warm.become([train_cnn.__file__, *job["arguments"]])
    print(process, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


class Starter:
    """Starts jobs, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        command = [sys.executable, "-c", STARTER, SCRIPTS, REPOSITORY / "tests"]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, arguments: list[str]) -> int:
        """Start a job and return the number of its process."""
        self.log.write_text("")  # what is read there is never of the job before
        return int(self._ask(json.dumps({"log": str(self.log), "arguments": arguments})))

    def let_finish(self, epochs: int, folder: Path) -> None:
        """Return once the job has finished so many epochs, or all of its work in ``folder``."""
        give_up = time.monotonic() + MAX_SECONDS
        while len(re.findall("^epoch ", self.log.read_text(), re.MULTILINE)) < epochs:
            if (folder / "history.parquet").exists():
                return
            assert time.monotonic() < give_up, self.log.read_text()
            time.sleep(0.005)

    def wait(self) -> tuple[int, str]:
        """Wait for the job's end; return its exit status, negative for a signal's, and its log."""
        return int(self._ask("")), self.log.read_text()

    def _ask(self, line: str) -> str:
        self.server.stdin.write(line + "\n")
        self.server.stdin.flush()
        answered, _, _ = select.select([self.server.stdout], [], [], EPOCHS * MAX_SECONDS)
        assert answered, f"no answer; the job's log: {self.log.read_text()}"
        return self.server.stdout.readline()


@pytest.fixture(scope="module")
def starter(tmp_path_factory):
    starter = Starter(tmp_path_factory.mktemp("starter"))
    yield starter
    starter.server.stdin.close()
    starter.server.wait()


def results(folder: Path) -> dict[str, bytes]:
    """Return what a job wrote; of the history, all but the time that it took."""
    history = read_table(folder / "history.parquet").drop(columns="seconds")
    files = [folder / "validation.parquet", *sorted((folder / "weights").iterdir())]
    return {path.name: path.read_bytes() for path in files} | {"history": history.to_csv().encode()}


def remove_outputs(folder: Path) -> None:
    """Remove what the rule declares, as Snakemake does before it starts a job again."""
    for name in ("history.parquet", "validation.parquet"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "weights", ignore_errors=True)


def finished(log: str) -> int:
    """Return after how many epochs the job went on."""
    found = re.search(rf"continuing after (\d+) of {EPOCHS} epochs", log)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("most", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_ends_as_if_it_had_not_been(tmp_path, starter, arguments, most):
    folder = tmp_path / "whole"
    starter.start(arguments(folder))
    assert starter.wait()[0] == 0
    expected = results(folder)
    assert sorted(path.name for path in folder.iterdir()) == OUTPUTS
    assert len(expected) == EPOCHS + 2

    folder = tmp_path / "timed"
    start = time.monotonic()
    starter.start(arguments(folder))
    starter.let_finish(1, folder)
    first = time.monotonic() - start  # seconds until the first epoch is done
    starter.let_finish(EPOCHS, folder)
    another = (time.monotonic() - start - first) / (EPOCHS - 1)
    assert starter.wait()[0] == 0
    assert results(folder) == expected

    moments, kills, chains, went_on = random.Random(7), 0, 0, 0
    while kills < most or went_on < most // 4:  # work is to be taken up, and not only done again
        folder = tmp_path / f"chain{chains}"
        chains += 1
        kept, status = 0, None
        while status != 0:
            assert kills < 10 * most
            remove_outputs(folder)
            number = [signal.SIGKILL, signal.SIGTERM][kills % 2]
            process = starter.start(arguments(folder))
            if kept < EPOCHS:  # afterwards there is nothing left to do but to put it into its place
                # How far it came counts, and not how fast the machine is: none, one or two epochs, and part of another.
                epochs = moments.choice([0, 1, 1, 2])
                starter.let_finish(epochs, folder)
                time.sleep(moments.uniform(0, another if epochs else first))
                os.kill(process, number)
            status, log = starter.wait()
            went_on += finished(log) > 0
            assert kept == 0 or "epoch 0 of" not in log  # what was kept is not lost again
            kept = max(kept, finished(log))
            kills += status != 0
            assert "Traceback" not in log
            if status == 128 + signal.SIGTERM:
                said = f"stopped by SIGTERM: the next start continues after (\\d) of {EPOCHS} epochs"
                kept = int(re.fullmatch(said, log.splitlines()[-1])[1])
            elif status == -signal.SIGTERM:  # it was not yet ready to train
                assert "epoch 0 of" not in log
            else:
                assert status in (0, -signal.SIGKILL)
        assert results(folder) == expected


def test_a_finished_training_of_which_nobody_learned_is_not_repeated(tmp_path, starter, arguments):
    folder = tmp_path / "run"
    starter.start(arguments(folder))
    assert starter.wait()[0] == 0
    expected = results(folder)
    kept = sum(path.stat().st_size for path in (folder / "unfinished").glob("*.ckpt"))
    assert kept < sum(path.stat().st_size for path in (folder / "weights").iterdir()) / 10
    remove_outputs(folder)
    starter.start(arguments(folder))
    status, log = starter.wait()
    assert status == 0
    assert finished(log) == EPOCHS
    assert "epoch 0 of" not in log
    assert results(folder) == expected


def test_a_disk_without_links_has_no_second_copy_of_the_weights(tmp_path, starter, arguments):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    with tempfile.TemporaryDirectory(dir=other) as place:
        options = arguments(tmp_path / "run")
        options[options.index("--weights") + 1] = f"{place}/weights"
        starter.start(options)
        assert starter.wait()[0] == 0
        assert len(list(Path(place, "weights").iterdir())) == EPOCHS
    assert not (tmp_path / "run" / "unfinished").exists()


def test_of_two_jobs_on_one_folder_the_later_waits_and_repeats_nothing(tmp_path, starter, arguments):
    folder = tmp_path / "run"
    starter.start(arguments(folder))
    starter.let_finish(1, folder)
    command, environment = [warm.python(), PROGRAM, *arguments(folder)], os.environ | {"PYTHONPATH": str(SCRIPTS)}
    later = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert later.returncode == 0, later.stderr
    assert starter.wait()[0] == 0
    assert finished(later.stderr) == EPOCHS
    assert "epoch 0 of" not in later.stderr
    assert sorted(path.name for path in folder.iterdir()) == OUTPUTS


def test_an_interrupted_job_says_where_it_goes_on(tmp_path, starter, arguments):
    for attempt in range(10):  # on a busy machine the signal may come after the last epoch
        folder = tmp_path / f"run{attempt}"
        process = starter.start(arguments(folder))
        while not (folder / "unfinished" / "last.ckpt").exists() and not (folder / "history.parquet").exists():
            time.sleep(0.01)
        os.kill(process, signal.SIGINT)
        status, log = starter.wait()
        if status:
            break
    assert status == 128 + signal.SIGINT
    (folder / "unfinished" / "weights" / ".tmpAbCdEf").write_bytes(b"half of an epoch")
    said = re.search(rf"stopped by SIGINT: the next start continues after (\d) of {EPOCHS} epochs\n$", log)
    starter.start(arguments(folder))
    status, log = starter.wait()
    assert status == 0
    assert finished(log) == int(said[1]) > 0
    weights = sorted(path.name for path in (folder / "weights").iterdir())
    assert weights == [f"epoch{epoch}.safetensors" for epoch in range(EPOCHS)]


def write_targets(path: Path, shift: float, photos: int = 28) -> None:
    """Write scores for the photos to train on, or for fewer."""
    scores = np.linspace(0, 0.5, photos, dtype=np.float32) + np.float32(shift)
    ids = [f"photo{number:02}" for number in range(photos)]
    write_table(pd.DataFrame({"image_id": ids, "odd": scores, "even": 1 - scores}), path)


def test_a_stopped_training_goes_on_with_the_same_scores_to_learn_and_with_no_others(tmp_path, starter, arguments):
    write_targets(tmp_path / "scores.parquet", 0)
    write_targets(tmp_path / "others.parquet", 0.01)
    for attempt in range(10):  # on a busy machine the signal may come after the last epoch
        folder = tmp_path / f"run{attempt}"
        process = starter.start([*arguments(folder), "--targets", str(tmp_path / "scores.parquet")])
        starter.let_finish(2, folder)  # the first one lies on the disk then
        os.kill(process, signal.SIGTERM)
        if starter.wait()[0]:
            break
    for name, went_on in (("scores", True), ("others", False)):
        copy = tmp_path / name
        shutil.copytree(folder, copy)
        starter.start([*arguments(copy), "--targets", str(tmp_path / f"{name}.parquet")])
        status, log = starter.wait()
        assert status == 0
        assert (finished(log) > 0) == went_on
        assert ("belongs to another setting or other data: training starts from the beginning" in log) != went_on


def test_scores_of_other_photos_are_not_learned(tmp_path, starter, arguments):
    write_targets(tmp_path / "fewer.parquet", 0, photos=27)
    starter.start([*arguments(tmp_path / "run"), "--targets", str(tmp_path / "fewer.parquet")])
    status, log = starter.wait()
    assert status == 1
    assert "fewer.parquet: its 27 photos are not the 28 expected" in log
