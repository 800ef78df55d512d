"""A Slurm of one node with two pretend GPUs, in a folder of its own.

Its key, ports and configuration are its own, so it does not touch a Slurm of this host. It needs root to make device
files.
"""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

GPUS = 2
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol"]
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])  # where daemons are
SECONDS = 60  # limit for the daemons to start or to end

CONFIGURATION = """
ClusterName=pretend
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
MinJobAge=300
SlurmdParameters=config_overrides
TaskProlog={folder}/task_prolog
Epilog={folder}/epilog
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:pretend:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""

# Slurm gives each step of a job its GPUs. This notes them, and hides them from the step, because they could be real.
# The node notes the job's end, however it ended.
TASK_PROLOG = """#!/bin/sh
echo "start $SLURM_JOB_ID $(date +%s.%N) $SLURM_JOB_PARTITION ${{CUDA_VISIBLE_DEVICES:--}}" >> {folder}/jobs
echo "export CUDA_VISIBLE_DEVICES="
"""
EPILOG = """#!/bin/sh
echo "end $SLURM_JOB_ID $(date +%s.%N) $SLURM_JOB_PARTITION -" >> {folder}/jobs
"""
# Snakemake's plugin takes all of Slurm's variables from the environment before it calls this.
SRUN = """#!/bin/sh
SLURM_CONF={folder}/slurm.conf exec {srun} "$@"
"""
# There are no accounts of past jobs, but the controller remembers them for minutes. What is asked for ends in a name.
SACCT = """#!/bin/sh
for name; do :; done
exec squeue --format="%i|%T" --states=all --noheader --name "$name"
"""


def missing() -> str:
    """Return why Slurm cannot run here; an empty text if it can."""
    programs = [name for name in PROGRAMS if not shutil.which(name, path=PATH)]
    if programs:
        return f"Slurm is not installed ({', '.join(programs)} not found); `make test-cluster` installs it"
    return "" if os.getuid() == 0 else "only root can bring up a Slurm"


@dataclass
class Job:
    """The node's notes on a job."""

    partition: str
    start: float  # seconds of the epoch
    end: float
    gpus: set[str]


class Slurm:
    """The daemons, and the node's notes on jobs."""

    def __init__(self, folder: Path) -> None:
        """Write the configuration; start nothing. Raise `PermissionError` if device files cannot be made."""
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(folder / "bin"), PATH]),
            "SLURM_CONF": str(folder / "slurm.conf"),
        }
        self.daemons: dict[str, subprocess.Popen] = {}
        for name in ("bin", "state", "spool", "dev", "munge"):
            (folder / name).mkdir(parents=True)
        (folder / "munge" / "key").write_bytes(os.urandom(128))
        (folder / "munge" / "key").chmod(0o400)
        # Slurm refuses plain files. These are the numbers of /dev/null and /dev/zero.
        for number, minor in enumerate((3, 5)):
            os.mknod(folder / "dev" / f"gpu{number}", 0o600 | stat.S_IFCHR, os.makedev(1, minor))
        fields = {
            "folder": folder,
            "host": socket.gethostname().partition(".")[0],
            "ports": free_ports(2),
            "gpus": GPUS,
        }
        for name, text, mode in [
            ("slurm.conf", CONFIGURATION, 0o644),
            ("gres.conf", f"AutoDetect=off\nName=gpu Type=pretend File={folder}/dev/gpu[0-{GPUS - 1}]\n", 0o644),
            ("task_prolog", TASK_PROLOG, 0o755),
            ("epilog", EPILOG, 0o755),
            ("bin/sacct", SACCT, 0o755),
            ("bin/srun", SRUN.replace("{srun}", shutil.which("srun", path=PATH)), 0o755),
        ]:
            (folder / name).write_text(text.format(**fields))
            (folder / name).chmod(mode)

    def start(self, name: str, *arguments: str) -> None:
        """Start a daemon."""
        program = shutil.which(name, path=PATH)
        self.daemons[name] = subprocess.Popen(
            [program, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / f"{name}.out").open("a"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def start_controller(self) -> None:
        """Start the controller and wait until it answers."""
        self.start("slurmctld", "-D")
        self.wait(self.pings)

    def pings(self) -> bool:
        """Return whether the controller answers."""
        return " is UP" in self.output_of("scontrol", "ping")

    def bring_up(self) -> None:
        """Start all daemons and wait until the node is idle."""
        munge = self.folder / "munge"
        self.start(
            "munged",
            "--foreground",
            "--force",
            f"--socket={munge / 'socket'}",
            f"--key-file={munge / 'key'}",
            f"--pid-file={munge / 'pid'}",
            f"--seed-file={munge / 'seed'}",
            f"--log-file={munge / 'log'}",
        )
        self.wait((munge / "socket").exists)
        self.start_controller()
        self.start("slurmd", "-D")
        self.wait(lambda: set(self.output_of("sinfo", "--noheader", "--format=%T").split()) == {"idle"})

    def kill_controller(self) -> None:
        """Kill the controller. It may not have saved the states of jobs in its last five seconds."""
        daemon = self.daemons.pop("slurmctld")
        daemon.kill()
        daemon.wait()

    def kill_job(self, number: int) -> int:
        """Kill the processes of a job behind Slurm's back; return their number."""
        killed = 0
        # There may be a job of this number in another Slurm of this host.
        its_own = {f"SLURM_JOB_ID={number}".encode(), f"SLURM_CONF={self.folder}/slurm.conf".encode()}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # some end meanwhile
                if its_own <= set((process / "environ").read_bytes().split(b"\0")):
                    os.kill(int(process.name), signal.SIGKILL)
                    killed += 1
        return killed

    def shut_down(self) -> None:
        """End all jobs and daemons."""
        with contextlib.suppress(TimeoutError):
            if "slurmd" in self.daemons and not self.pings():
                self.start_controller()
            self.output_of("scancel", "--user=root")
            self.wait(lambda: not self.output_of("squeue", "--noheader"))
        for name in ("slurmd", "slurmctld", "munged"):
            daemon = self.daemons.pop(name, None)
            if daemon:
                daemon.send_signal(signal.SIGTERM)
                try:
                    daemon.wait(SECONDS)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()

    def output_of(self, *command: str) -> str:
        """Return the output of a Slurm command."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout

    def describe(self) -> str:
        """Return the states of jobs and node, and the ends of the logs."""
        jobs = self.output_of("squeue", "--states=all", "--format=%i %T %M %r %k")
        return "\n".join([jobs, self.output_of("scontrol", "show", "node"), *self.logs(".log")])

    def logs(self, suffix: str) -> list[str]:
        """Return the ends of the daemons' files of one kind."""
        return [f"{path}:\n{path.read_text()[-2000:]}" for path in sorted(self.folder.glob(f"*{suffix}"))]

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Wait for a condition; raise `TimeoutError` with the daemons' output if it never holds."""
        until = time.monotonic() + SECONDS
        while not is_so():
            if time.monotonic() > until:
                raise TimeoutError("\n".join(self.logs(".out")))
            time.sleep(0.2)

    def jobs(self) -> dict[int, Job]:
        """Return the node's notes on the jobs that have ended, by their numbers."""
        jobs: dict[int, Job] = {}
        for line in (self.folder / "jobs").read_text().splitlines():
            what, number, second, partition, gpus = line.split()
            job = jobs.setdefault(int(number), Job(partition, float(second), 0.0, set()))
            if what == "start" and gpus != "-":
                job.gpus.update(gpus.split(","))
            if what == "end":
                job.end = float(second)
        return {number: job for number, job in jobs.items() if job.end}


def free_ports(count: int) -> list[int]:
    """Return free ports."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]


@contextlib.contextmanager
def running(slurm: Slurm) -> Iterator[None]:
    """Bring up a Slurm, and shut it down in the end."""
    try:
        slurm.bring_up()
        yield
    finally:
        slurm.shut_down()
