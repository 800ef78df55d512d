"""What a machine cannot do ends in one line that says what to change."""

import errno
import hashlib
from functools import partial

import pandas as pd
import pytest
import torch
from safetensors import SafetensorError

from stylevote.errors import InputError
from stylevote.files.tables import write_table
from stylevote.machine.failures import explain_shortages, explain_training_errors
from train import predict_photos


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x"), "a: the disk is full .*make room, or set `results`"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "x"), "the disk is full"),
        (SafetensorError("Error: I/O error: No space left on device (os error 28)"), "the disk is full"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to"), "run a: not enough memory .*`size` or `batch`"),
        (MemoryError("Unable to allocate 3 GiB"), "not enough memory"),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors"), "not enough memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:1] . DefaultCPUAllocator: can't allocate"), "not enough memory"),
        (torch.AcceleratorError("CUDA error: a failure\nmore"), r"run a: the GPU failed \(CUDA error: a failure\);"),
        (RuntimeError("CUDA error: the launch timed out"), "the GPU failed .*continues after its last finished epoch"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "the GPU failed"),
    ],
)
def test_a_failure_of_the_machine_is_explained(error, message):
    with pytest.raises(InputError, match=message) as caught, explain_training_errors("run a"):
        raise error
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("explain", [explain_training_errors, partial(explain_shortages, remedy="b")])
@pytest.mark.parametrize(
    "error",
    [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), FileNotFoundError(errno.ENOENT, "x"), InputError("x")],
)
def test_other_failures_stay_what_they_are(explain, error):
    with pytest.raises(type(error)) as caught, explain("run a"):
        raise error
    assert caught.value is error


def test_torch_writing_to_a_full_disk_is_recognised(tmp_path):
    # A link: nothing that goes wrong here may touch the device itself.
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(InputError, match="the disk is full"), explain_training_errors("run a"):
        torch.save({"weights": torch.zeros(1_000_000)}, tmp_path / "full")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory.\nTried"), r"^a: not enough memory \(CUDA out of memory.\); b$"),
        (MemoryError("Unable to allocate 3 GiB"), r"^a: not enough memory \(Unable to allocate 3 GiB\); b$"),
        (RuntimeError("DefaultCPUAllocator: can't allocate"), "^a: not enough memory"),
        (torch.AcceleratorError("CUDA error: unspecified launch failure\nmore"), r"^a: the GPU failed .*\); b$"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "^a: the GPU failed"),
    ],
)
def test_what_is_short_where_photos_are_decided_is_said_without_a_word_of_trainings(error, message):
    with pytest.raises(InputError, match=message), explain_shortages("a", "b"):
        raise error


def test_a_photosets_prediction_says_it_too(monkeypatch, tmp_path):
    def full(_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    index = pd.DataFrame({"image_id": ["a.jpg"], "sha256": ["0"]})
    write_table(index, tmp_path / "index.parquet")
    write_table(pd.DataFrame({"run": ["a"], "epoch": [1], "fold": -1}), tmp_path / "wanted.parquet")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "epoch1.safetensors").write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    write_table(pd.DataFrame({"epoch": [1], "weights_sha256": [sha256]}), tmp_path / "history.parquet")
    monkeypatch.setattr("stylevote.cnn.predict.open_device", full)
    setting = {"backbone": "test_resnet", "backbone_args": {}, "hidden_units": [8], "size": 32, "tta": "none"}
    with pytest.raises(InputError, match=r"^run a: not enough memory .*; give the job more memory, or a GPU of its"):
        predict_photos.main(
            manifest=tmp_path / "index.parquet",
            index=tmp_path / "index.parquet",
            pixels=tmp_path / "pixels.bin",
            wanted=tmp_path / "wanted.parquet",
            history=[tmp_path / "history.parquet"],
            weights=[tmp_path / "weights"],
            predictions=[tmp_path / "predictions.parquet"],
            run="a",
            kept=tmp_path / "kept",
            code="code",
            labels=["red"],
            setting=setting,
        )
