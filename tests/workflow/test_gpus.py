"""A host with GPUs and its profile: a job leases a GPU, and the results are the same."""

import os
import uuid

import pytest

from stylevote.config.resolve import resolve
from stylevote.machine import gpus as gpu_leases
from workflow.checkout import RUNS

pytestmark = pytest.mark.slow


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """Two pretend GPUs, which `nvidia-smi` lists and no other process uses."""
    gpus = [f"GPU-{uuid.uuid4()}" for _ in range(2)]
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '0, {gpus[0]}\n1, {gpus[1]}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.delenv(gpu_leases.VISIBLE, raising=False)
    yield gpus
    for path in gpu_leases.FOLDER.glob("GPU-*"):
        if path.stem in gpus:
            path.unlink()


def test_a_job_of_the_gpu_profile_leases_a_gpu(fresh, gpus):
    fresh.config["runs"] = RUNS[:1]
    (run,) = resolve(fresh.config).runs
    target = f"out/runs/{run}/fold0/history.parquet"
    profile = ["--profile", "profiles/gpu", "--cores", "2"]
    refused = fresh.snakemake(*profile, "--resources", "gpu=1", "gpu_share=0", "--", target, check=False)
    assert "error: STYLEVOTE_GPU_SHARE (the resource `gpu_share`): found '0'" in refused.stdout

    # Another job has the first one.
    assert gpu_leases.lease(gpus[:1], 1, 1, gpu_leases.FOLDER) == gpus[:1]
    fresh.snakemake(*profile, "--", target)
    assert f"leased {gpus[1]}\n" in (fresh.folder / f"out/logs/train_cnn/{run}/fold0.log").read_text()

    # Another device recomputes nothing.
    assert fresh.plan(target) == {}
