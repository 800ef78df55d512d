"""Where memory or a GPU fails those who decide, one line says what they can change, and nothing of trainings."""

import argparse

import pytest
import torch

import predict_photos
from stylevote.cnn.shortages import shortages_explained
from stylevote.program import InputError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried\nto"),
            r"^a: not enough memory \(CUDA out of .* Tried\); b$",
        ),
        (MemoryError("Unable to allocate 3 GiB"), r"^a: not enough memory \(Unable to allocate 3 GiB\); b$"),
        (RuntimeError("DefaultCPUAllocator: can't allocate"), "^a: not enough memory"),
        (torch.AcceleratorError("CUDA error: unspecified launch failure\nmore"), r"^a: the GPU failed .*\); b$"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "^a: the GPU failed"),
    ],
)
def test_what_is_short_is_said(error, message):
    with pytest.raises(InputError, match=message), shortages_explained("a", "b"):
        raise error


@pytest.mark.parametrize("error", [RuntimeError("shapes cannot be multiplied"), OSError("x"), InputError("x")])
def test_other_failures_stay_what_they_are(error):
    with pytest.raises(type(error)) as caught, shortages_explained("a", "b"):
        raise error
    assert caught.value is error


def test_a_photosets_prediction_says_it_too(monkeypatch):
    def full(_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(predict_photos, "predict_folds", full)
    with pytest.raises(InputError, match=r"^run a: not enough memory .*; give the job more memory, or a GPU that it"):
        predict_photos.main(argparse.Namespace(run="a"))
