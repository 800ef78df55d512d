"""A workflow on a real Slurm with two pretend GPUs, while a job and the controller are killed."""

import importlib.util
import itertools
import re
import subprocess
import sys
import time

import pytest
import yaml

from cluster.slurm import Slurm, missing, running
from workflow.checkout import RUNS, Checkout, announced, make_checkout

pytestmark = pytest.mark.slow

# Differences from a site's cluster: there is no network between the node and its files, and there are no other users.
HERE = ["--slurm-status-command", "sacct", "--slurm-init-seconds-before-status-checks", "3"]
HERE += ["--seconds-between-status-checks", "3", "--latency-wait", "10"]
ON_THE_CLUSTER = ["--profile", "profiles/slurm", *HERE, "--", "decide"]
# Trainings that last for some seconds.
LONGER = [{**run, "phases": [{"epochs": 90, "lr": 0.01, "train": "all"}]} for run in RUNS]
ON_A_GPU = {"train_cnn", "predict_photos"}
KNOWN = 7  # seconds after which the controller has written down what became of its jobs
DOWN = 40  # seconds without a controller: Snakemake asks for states meanwhile
MAX_SECONDS = 1200  # seconds that the workflow may take


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A Slurm of this host's own, and an environment in which Snakemake finds it."""
    reason = missing()
    if not reason and not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        reason = "snakemake-executor-plugin-slurm is not installed; `make setup` installs it"
    if reason:
        pytest.skip(f"no Slurm: {reason}")
    try:
        slurm = Slurm(tmp_path_factory.mktemp("slurm") / "node")
    except PermissionError as error:
        pytest.skip(f"no Slurm: pretend GPUs are device files, which cannot be made here ({error})")
    with running(slurm), pytest.MonkeyPatch.context() as patch:
        for name in ("PATH", "SLURM_CONF"):
            patch.setenv(name, slurm.environment[name])
        # Neither here nor there a real GPU, which would compute other last digits.
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        yield slurm


@pytest.fixture(scope="module")
def decided_here(slurm, tmp_path_factory) -> Checkout:
    """The small workflow, computed without the cluster."""
    checkout = make_checkout(tmp_path_factory.mktemp("here") / "stylevote")
    checkout.config["runs"] = LONGER
    checkout.run()
    return checkout


@pytest.fixture(scope="module")
def on_the_cluster(slurm, tmp_path_factory) -> Checkout:
    """The same, computed on the cluster, while one training and the controller are killed."""
    checkout = make_checkout(tmp_path_factory.mktemp("there") / "stylevote")
    checkout.config["runs"] = LONGER
    (checkout.folder / "small.yaml").write_text(yaml.safe_dump(checkout.config))
    printed = checkout.folder / "printed.txt"
    with printed.open("w") as file:
        snakemake = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--configfile", "small.yaml", *ON_THE_CLUSTER],
            cwd=checkout.folder,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            checkout.killed = wait_for_two_trainings(slurm, snakemake)
            slurm.kill_controller()
            assert slurm.kill_job(checkout.killed)
            time.sleep(DOWN)
            slurm.start_controller()
            wait_for_the_end(slurm, snakemake)
        finally:
            snakemake.kill()
            snakemake.wait()
    checkout.screen = printed.read_text()
    assert snakemake.returncode == 0, checkout.screen[-6000:]
    (log,) = (checkout.folder / ".snakemake" / "log").glob("*.log")
    checkout.printed = log.read_text()
    return checkout


def wait_for_two_trainings(slurm: Slurm, snakemake: subprocess.Popen) -> int:
    """Wait until two trainings are at work, and the controller has written down all jobs; return the number of one.

    A controller that is killed earlier forgets a job that was just submitted, and Snakemake waits for it for ever.
    """
    until = time.monotonic() + MAX_SECONDS
    known, since = "", time.monotonic()
    while time.monotonic() < until and snakemake.poll() is None:
        listed = slurm.output_of("squeue", "--noheader", "--states=all", "--format=%i %T %k")
        if listed != known:
            known, since = listed, time.monotonic()
        jobs = [line.split(maxsplit=2) for line in listed.splitlines()]
        trainings = [int(number) for number, state, rule in jobs if state == "RUNNING" and "rule_train_cnn" in rule]
        if len(trainings) == 2 and time.monotonic() - since > KNOWN:
            return trainings[0]
        time.sleep(0.2)
    raise AssertionError(f"two trainings were never at work at a time\n{slurm.describe()}")


def wait_for_the_end(slurm: Slurm, snakemake: subprocess.Popen) -> None:
    """Wait until Snakemake ends; release held jobs, as in docs/cluster.md."""
    until = time.monotonic() + MAX_SECONDS
    while snakemake.poll() is None:
        assert time.monotonic() < until, f"Snakemake still waits after {MAX_SECONDS} s\n{slurm.describe()}"
        for job in slurm.output_of("squeue", "--noheader", "--states=PENDING", "--format=%i %r").splitlines():
            if "held" in job.lower():
                slurm.output_of("scontrol", "release", job.split()[0])
        time.sleep(1)


def submitted(printed: str) -> dict[int, str]:
    """Return the rule or group of each job of the cluster, by the job's number."""
    jobs = re.findall(r"SLURM jobid (\d+) \(log: \S*/slurm_logs/(?:rule|group)_([^/]+)/", printed)
    return {int(number): name for number, name in jobs}


def test_the_decisions_are_those_of_a_run_without_the_cluster(decided_here, on_the_cluster):
    for path in ("submission.csv", "summary.txt"):
        here, there = ((checkout.folder / "out" / path).read_bytes() for checkout in (decided_here, on_the_cluster))
        assert there == here, path


def test_the_training_that_was_killed_was_done_again(on_the_cluster):
    trainings = [number for number, name in submitted(on_the_cluster.printed).items() if name == "train_cnn"]
    assert on_the_cluster.killed in trainings
    assert f"SLURM-job '{on_the_cluster.killed}' failed" in on_the_cluster.printed
    assert len(trainings) > 6
    assert len(list(on_the_cluster.folder.glob("out/runs/*/fold*/history.parquet"))) == 6


def test_each_job_that_wants_a_gpu_has_one_to_itself(slurm, on_the_cluster):
    names = submitted(on_the_cluster.printed)
    jobs = {number: job for number, job in slurm.jobs().items() if number in names}
    assert jobs.keys() == names.keys()
    assert {names[number] for number, job in jobs.items() if job.partition == "gpu"} >= ON_A_GPU
    # A controller that was just started may start a job before it knows of the node's GPUs. That job fails.
    failed = {int(number) for number in re.findall(r"SLURM-job '(\d+)' failed", on_the_cluster.printed)}
    for number, job in jobs.items():
        if number in failed:
            assert len(job.gpus) <= 1, names[number]
        else:
            assert len(job.gpus) == (1 if names[number] in ON_A_GPU else 0), names[number]
    at_once = 0
    for one, other in itertools.combinations((job for job in jobs.values() if job.gpus), 2):
        if one.start < other.end and other.start < one.end:
            assert one.gpus != other.gpus
            at_once += 1
    assert at_once
    assert set.union(*(job.gpus for job in jobs.values())) == {"0", "1"}


def test_the_screen_has_a_line_a_job_and_the_summary(on_the_cluster):
    lines = on_the_cluster.screen.splitlines()
    assert sum(bool(re.search(r"^ *\d+/\d+  train_cnn test_\S+, fold \d  ", line)) for line in lines) == 6
    assert sum(line.startswith("tried again: train_cnn ") for line in lines) >= 1  # the training that was killed
    assert (on_the_cluster.folder / "out" / "summary.txt").read_text() in on_the_cluster.screen
    assert "has been submitted" not in on_the_cluster.screen
    assert max(map(len, lines)) < 400


def test_small_jobs_of_all_labels_are_few_jobs_of_the_cluster(on_the_cluster):
    names = [re.sub("_.*", "", name.removeprefix("ensemble_")) for name in submitted(on_the_cluster.printed).values()]
    assert names.count("rankings") == names.count("members") == names.count("stackers") == 1
    assert names.count("estimates") == 2  # of two labels and of one
    assert names.count("decisions") == 2  # the estimate, which waits for no vote, and all that follows votes


def test_nothing_is_computed_again_there_or_here(slurm, on_the_cluster):
    there = on_the_cluster.snakemake("--dry-run", *ON_THE_CLUSTER)
    assert announced(there.stdout) == {}
    assert on_the_cluster.plan() == {}


def test_a_run_from_here_is_finished_there_without_a_job(slurm, decided_here):
    assert announced(decided_here.snakemake("--dry-run", *ON_THE_CLUSTER).stdout) == {}
