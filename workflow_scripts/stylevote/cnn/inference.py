"""Faster forward passes on a CPU, for many photos by one network: ONNX Runtime in the place of PyTorch's modules."""

import io
import logging
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

TOLERANCE = 1e-3  # of an output, or of the mean output if that is larger: twice the rounding to half precision
OPSET = 20  # of ONNX: the newest that torch's exporter by tracing writes


def fast_forward(module: nn.Module, device: torch.device, size: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function that computes what a network does, on a CPU in less time (`benchmarks/inference.py`).

    On a CPU, ONNX Runtime computes each photo by itself, in one thread; torch's number of threads is the number of
    photos at the same time. So outputs depend neither on other photos of the batch nor on the number of threads. The
    preparation takes about a second, and memory for a second copy of the weights.

    A network that torch cannot export, or whose exported form has other outputs, computes itself. It then also gets one
    photo at a time.

    Args:
        module: from photos (photos, 3, size, size), float32, to a tensor (photos, outputs), float32. It must be in
            evaluation mode, on the device. Later changes of its weights have no effect.
        device: of the photos and outputs. On a GPU, the network itself is returned.
        size: of the photos, in pixels per side.
    """
    if device.type != "cpu":
        return module
    run = _session(module, size) or module
    return _PhotoByPhoto(run)


class _PhotoByPhoto:
    """Applies a function of one photo to each photo of a batch."""

    def __init__(self, run: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.run = run

    @torch.inference_mode()
    def __call__(self, photos: torch.Tensor) -> torch.Tensor:
        """Return outputs of shape (photos, outputs)."""
        singles = photos.split(1)
        if isinstance(self.run, nn.Module):
            return torch.cat([self.run(photo) for photo in singles])
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            return torch.cat(list(pool.map(self.run, singles)))


def _session(module: nn.Module, size: int) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return a function of one photo by ONNX Runtime; None if the network cannot be exported or has other outputs."""
    import onnxruntime  # noqa: PLC0415 (a GPU does without it)

    traced, photo = torch.rand(2, 1, 3, size, size, generator=torch.Generator().manual_seed(0))
    file = io.BytesIO()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, about every shape that a network looks at
            expected = module(photo)
            # By tracing: the newer exporter takes ten times as long.
            torch.onnx.export(module, (traced,), file, input_names=["photos"], dynamo=False, opset_version=OPSET)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])

        def run(photo: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(session.run(None, {"photos": np.ascontiguousarray(photo.numpy())})[0])

        sizes = expected.abs()
        difference = ((run(photo) - expected).abs() / sizes.clamp(min=sizes.mean().item())).max().item()
    except MemoryError:
        raise
    except Exception as error:  # both packages have their own errors, and tracing a network raises nearly anything
        logging.info("PyTorch computes: the network cannot be exported as ONNX (%s)", str(error).strip().split("\n")[0])
        return None
    if not difference <= TOLERANCE:
        logging.info("PyTorch computes: the network differs by %.2g if it is exported as ONNX", difference)
        return None
    return run
