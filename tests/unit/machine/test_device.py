"""The device of a network: a job leases its GPU before CUDA is initialized."""

import logging
import os

import pytest
import torch

from stylevote.machine import gpus, processes
from stylevote.machine.device import open_device

GPUS = ["GPU-a", "GPU-b", "GPU-c"]


@pytest.fixture
def folder(tmp_path, monkeypatch, pretend):
    """Three GPUs that are not there, and the folder of their leases."""
    pretend(*GPUS)
    monkeypatch.setenv(gpus.VISIBLE, ",".join(GPUS))  # so that it is as it was after the test
    monkeypatch.setattr(gpus, "FOLDER", tmp_path / "locks")
    monkeypatch.setattr(gpus, "SECONDS", 0.01)
    return tmp_path / "locks"


@pytest.fixture
def seen(monkeypatch) -> list[str]:
    """The GPUs that CUDA would see at each question; it finds none."""
    seen: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen.append(os.environ[gpus.VISIBLE]))
    return seen


def test_cuda_sees_the_leased_gpu_alone(folder, seen):
    assert gpus.lease(GPUS, 1, 1, folder) == ["GPU-a"]  # as if by another job
    assert open_device(1) == torch.device("cpu")
    assert open_device(1) == torch.device("cpu")
    assert seen == ["GPU-b", "GPU-b"]
    assert gpus.lease(GPUS, 1, 1, folder) == ["GPU-c"]


def test_a_process_of_torchrun_has_the_gpus_of_its_job(folder, seen, monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "test", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    open_device(1)
    assert seen == [",".join(GPUS)]
    assert not folder.exists()


def test_processes_that_share_a_job_start_with_a_gpu_each(folder, monkeypatch):
    started: list[str] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(os.environ[gpus.VISIBLE].split(",")))
    monkeypatch.setattr(processes, "elastic_launch", lambda *_: lambda *_: started.append(os.environ[gpus.VISIBLE]))
    assert gpus.lease(["GPU-b"], 1, 1, folder) == ["GPU-b"]  # as if by another job
    try:
        processes.start_processes(2)
    finally:
        logging.disable(logging.NOTSET)
    assert started == ["GPU-a,GPU-c"]
