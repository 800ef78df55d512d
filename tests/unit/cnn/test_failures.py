"""What a machine cannot do ends in one line that says what to change."""

import errno

import pytest
import torch
from safetensors import SafetensorError

from stylevote.cnn.failures import failures_explained
from stylevote.program import InputError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "x"),
            r"run a: the disk is full .*make room, or set `results`",
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "x"), "the disk is full"),
        (
            SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
            "the disk is full",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
            r"run a: not enough memory .*`size` or `batch`",
        ),
        (MemoryError("Unable to allocate 3 GiB"), "not enough memory"),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors"), "not enough memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:1] . DefaultCPUAllocator: can't allocate"), "not enough memory"),
        (
            torch.AcceleratorError("CUDA error: unspecified launch failure\nmore"),
            r"run a: the GPU failed \(CUDA error: u.*",
        ),
        (RuntimeError("CUDA error: the launch timed out"), "the GPU failed .*goes on after its last finished epoch"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "the GPU failed"),
    ],
)
def test_a_failure_of_the_machine_is_explained(error, message):
    with pytest.raises(InputError, match=message) as caught, failures_explained("run a"):
        raise error
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), FileNotFoundError(errno.ENOENT, "x"), InputError("x")],
)
def test_other_failures_stay_what_they_are(error):
    with pytest.raises(type(error)) as caught, failures_explained("run a"):
        raise error
    assert caught.value is error


def test_torch_writing_to_a_full_disk_is_recognised(tmp_path):
    # A link: nothing that goes wrong here may touch the device itself.
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(InputError, match="the disk is full"), failures_explained("run a"):
        torch.save({"weights": torch.zeros(1_000_000)}, tmp_path / "full")
