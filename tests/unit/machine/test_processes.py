"""Several processes for one job: they train what one would train, end together, and go on together."""

import dataclasses
import json
import os
import pickle
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest
import torch

from places import REPOSITORY
from stylevote.cnn.network import Network
from stylevote.cnn.predict import predict
from stylevote.cnn.train import Training
from stylevote.errors import InputError
from stylevote.files.tables import read_table
from stylevote.files.weights import load_weights
from stylevote.machine.device import check_gpus

pytest_plugins = ["unit.cnn.conftest"]  # photos, and a setting
SCRIPTS = REPOSITORY / "workflow_scripts"
EPOCHS = 4
MAX_SECONDS = 300  # for a test: after these, a job hangs
# Imports, which takes seconds, once. A job is a process forked from it, which forks two in its turn and gives them what
# torchrun would: their numbers, and a store. A job's log is a named pipe: it ends when the last of the two has ended.
STARTER = """
import json, os, socket, sys
sys.path[0:0] = sys.argv[1:]
import warm
from train import train_cnn
from torch.distributed import TCPStore

for line in sys.stdin:
    job = json.loads(line)
    parent = os.fork()
    if not parent:
        with socket.create_server(("localhost", 0)) as server:
            port = server.getsockname()[1]
        log = os.open(job["log"], os.O_WRONLY)
        place = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        os.environ.update(place, TORCHELASTIC_RUN_ID="test", TORCHELASTIC_USE_AGENT_STORE="True", **job["environment"])
        for rank in "01":
            if not os.fork():
                os.environ.update(RANK=rank, LOCAL_RANK=rank)
                os.dup2(log, 1)
                os.dup2(log, 2)
                os.close(log)
                warm.become(job["arguments"])
        os.close(log)
        store = TCPStore("localhost", port, is_master=True, wait_for_workers=False)
        os._exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)))
    print(parent, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(parent, 0)[1]), flush=True)
"""
# The training program. Once the epoch PAUSE is trained, and before it counts as finished, it says so and waits.
PAUSING = """
import logging, os, sys, threading
from pathlib import Path

def pause(record):
    if record.getMessage().startswith(f"epoch {os.environ.get('PAUSE')} of"):
        os.write(2, b"waiting\\n")
        threading.Event().wait()
    return True

logging.getLogger().addFilter(pause)
program = Path(sys.path[0], "train", "train_cnn.py")
exec(program.read_text(), {"__name__": "__main__", "__file__": str(program)})
"""
# Trains what lies in a file, and leaves what it comes to. At last, one finds an epoch that the other knows nothing of.
STEPS = """
import pickle
from pathlib import Path
import torch
from stylevote.cli import run
from stylevote.machine.processes import joined
from stylevote.cnn.train import Training
from stylevote.machine.device import open_device

def main(folder: Path) -> None:
    device = open_device(6)
    with joined(device) as processes:
        def train(setting, data, name):
            work = folder / name
            training = Training("two", setting, 0, data, folder=work, device=device, key="", processes=processes)
            history, scores = training.run()
            gradients = torch.cat([parameter.grad.flatten() for parameter in training.network.parameters()])
            return gradients, history["train_loss"][0], scores, training.network.backbone.state_dict()

        jobs = pickle.loads((folder / "jobs").read_bytes())
        results = [train(*job, f"job{number}") for number, job in enumerate(jobs)]
        torch.save([torch.get_num_threads(), results], folder / f"results{processes.rank}")
        train(*jobs[0], ["job0", "elsewhere"][processes.rank])

run(main)
"""


class Starter:
    """Starts jobs of two processes, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        os.mkfifo(self.log)
        command = [sys.executable, "-c", STARTER, SCRIPTS, REPOSITORY / "tests"]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, *arguments: str | Path, **environment: str) -> tuple[int, TextIO]:
        """Start a job; return the number of the process that stands for torchrun, and the log."""
        job = {"log": str(self.log), "arguments": [str(part) for part in arguments], "environment": environment}
        parent = int(self._ask(json.dumps(job)))
        return parent, self.log.open()

    def run(self, *arguments: str | Path) -> tuple[int, str]:
        """Do a job; return its exit status and its log."""
        _, log = self.start(*arguments)
        with log:
            text = log.read()
        return self.wait(), text

    def wait(self) -> int:
        """Return the exit status of a job whose log has ended, negative for a signal's."""
        return int(self._ask(""))

    def _ask(self, line: str) -> str:
        self.server.stdin.write(line + "\n")
        self.server.stdin.flush()
        return self.server.stdout.readline()


@pytest.fixture(autouse=True)
def limited():
    """Let a test fail that waits for ever."""

    def stop(*_):
        raise TimeoutError(f"nothing has ended in {MAX_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MAX_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def starter(tmp_path_factory):
    starter = Starter(tmp_path_factory.mktemp("starter"))
    yield starter
    starter.server.stdin.close()
    starter.server.wait()


def one_step(setting, data, photos, **more):
    """Change a setting and photos to a single step with so many photos."""
    phases = [{**setting["phases"][0], "epochs": 1, "train": "all"}]
    setting = {**setting, "batch": photos, "phases": phases, **more}
    return setting, dataclasses.replace(data, epochs=[data.epochs[0][:photos]])


def in_one_process(setting, data, folder, parts):
    """Return what a single process comes to: the gradients, the loss and the scores."""
    training = Training("one", setting, 0, data, folder=folder, device=torch.device("cpu"), key="")
    training.parts = parts
    history, scores = training.run()
    return gradients(training), history["train_loss"][0], scores


def gradients(training):
    """Return all gradients of the last step, one after the other."""
    return torch.cat([parameter.grad.flatten() for parameter in training.network.parameters()])


def test_two_processes_make_the_step_of_one(tmp_path, setting, data, starter):
    plain = {"backbone": "test_convnext", "hidden_units": []}  # without BatchNorm, so that parts do not matter
    jobs = [
        one_step(setting, data, 27, **plain, gradient_clip=0.01, augment={"auto": "trivial", "cutmix": 1}),  # 14 and 13
        one_step(setting, data, 3, **plain),  # too few to be shared
        one_step(setting, data, 27),
    ]
    # The backbone's BatchNorm is trained, and then frozen with the statistics that it has.
    phases = [{**jobs[2][0]["phases"][0], "train": train} for train in ("all", "head")]
    frozen = ({**jobs[2][0], "phases": phases}, dataclasses.replace(data, epochs=2 * jobs[2][1].epochs))
    (tmp_path / "jobs").write_bytes(pickle.dumps([*jobs, frozen]))
    (tmp_path / "steps.py").write_text(STEPS)
    status, log = starter.run(tmp_path / "steps.py", "--folder", tmp_path)
    # What is wrong for both is said once.
    assert status == 1, log
    assert log.count("error: ") == 1
    assert re.search(r"^error: run two: .*(job0|elsewhere) is not the same for all processes", log, re.MULTILINE)
    assert "Traceback" not in log
    assert len(re.findall("^epoch ", log, re.MULTILINE)) == len(jobs) + 2

    # Where there is BatchNorm, it is as in one process that computes the batch in two parts.
    parts = (1, 1, 2)
    expected = [in_one_process(*job, tmp_path / f"one{number}", parts[number]) for number, job in enumerate(jobs)]
    threads, results = zip(*(torch.load(tmp_path / f"results{rank}", weights_only=False) for rank in "01"), strict=True)
    assert threads == (3, 3)  # of six
    first, second = (result.pop()[3] for result in results)
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    for one, first, second in zip(expected, *results, strict=True):
        assert torch.equal(first[0], second[0])
        assert (first[0] - one[0]).norm() < 1e-4 * one[0].norm()
        assert first[1] == second[1] == pytest.approx(one[1], rel=1e-5)
        assert np.array_equal(first[2], second[2])
        assert first[2].shape == one[2].shape


def outputs(folder: Path) -> dict[str, bytes]:
    """Return what a job wrote; of the history, all but the time that it took."""
    # Processes that torchrun started take no lock, whose file stays.
    names = {path.name for path in folder.iterdir()} - {".training"}
    assert sorted(names) == ["history.parquet", "unfinished", "validation.parquet", "weights"]
    history = read_table(folder / "history.parquet").drop(columns="seconds")
    files = [folder / "validation.parquet", *sorted((folder / "weights").iterdir())]
    return {path.name: path.read_bytes() for path in files} | {"history": history.to_csv().encode()}


@pytest.mark.slow
def test_a_stopped_job_ends_as_if_it_had_not_been(tmp_path, setting, cache, starter, arguments):
    program = tmp_path / "program.py"
    program.write_text(f"import sys\nsys.path.insert(0, {str(SCRIPTS)!r})\n{PAUSING}")
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    status, log = starter.run(program, *arguments(whole))
    assert status == 0, log
    assert re.findall(r"^epoch (\d)", log, re.MULTILINE) == ["0", "1", "2", "3"]
    expected = outputs(whole)
    assert len(expected) == EPOCHS + 2

    # Every held-out photo once an epoch, in the manifest's order, by the weights that are stored.
    validation = read_table(whole / "validation.parquet")
    held_out = np.arange(28, 40)
    assert validation["image_id"].tolist() == EPOCHS * [f"photo{number}" for number in held_out]
    network = Network(setting, 2).to(memory_format=torch.channels_last)
    load_weights(network, whole / "weights" / "epoch2.safetensors")
    scores = predict(network, cache, torch.from_numpy(held_out), setting["size"], setting["batch"], tta="mirror")
    np.testing.assert_allclose(validation.loc[validation["epoch"] == 2, ["odd", "even"]], scores, atol=1e-5)

    # torchrun's own processes, while one waits for the other, which waits for ever.
    command = [sys.executable, program, *arguments(stopped), "--processes", "2"]
    environment = {**os.environ, "PAUSE": "2"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as job:
        read_until_it_waits(job.stdout)
        job.send_signal(signal.SIGTERM)
        assert job.stdout.read() == f"stopped by SIGTERM: the next start continues after 2 of {EPOCHS} epochs\n"
        assert job.wait() == 128 + signal.SIGTERM

    # What started them is killed: they end, too.
    parent, log = starter.start(program, *arguments(stopped), PAUSE="3")
    with log:
        assert f"continuing after 2 of {EPOCHS} epochs\n" in read_until_it_waits(log)
        os.kill(parent, signal.SIGKILL)
        assert log.read() == f"stopped by SIGTERM: the next start continues after 3 of {EPOCHS} epochs\n"
    assert starter.wait() == -signal.SIGKILL

    status, log = starter.run(program, *arguments(stopped))
    assert status == 0, log
    assert f"continuing after 3 of {EPOCHS} epochs\n" in log
    assert outputs(stopped) == expected


def read_until_it_waits(log: TextIO) -> str:
    """Return what a job says until it waits."""
    text = ""
    for line in log:
        if line == "waiting\n":
            return text
        text += line
    pytest.fail(f"the job has ended: {text}")


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("sys.exit(7)", 7, ""),
        ("os.kill(os.getpid(), 9)", 1, "error: process 1 of the job's 2 was ended by SIGKILL"),
    ],
)
def test_when_one_ends_the_others_do(tmp_path, end, status, said):
    (tmp_path / "program.py").write_text(
        "import os, sys, time\n"
        "if 'RANK' in os.environ:\n"
        f"    {end} if os.environ['RANK'] == '1' else time.sleep(3600)\n"
        f"sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "from stylevote.machine.processes import start_processes\n"
        "from stylevote.cli import run\n"
        "def main() -> None:\n"
        "    start_processes(2)\n"
        "run(main)\n"
    )
    command, on_cpu = [sys.executable, tmp_path / "program.py"], {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=on_cpu)
    assert done.returncode == status
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == bool(said)


def test_each_process_needs_a_gpu_where_there_are_any(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_gpus(2)
    with pytest.raises(InputError, match="3 processes need a GPU each, but 2 are visible"):
        check_gpus(3)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    check_gpus(3)
