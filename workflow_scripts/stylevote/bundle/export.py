"""Export single networks of a bundle as ONNX files, each checked against the network."""

import json
import logging
import os
from collections.abc import Collection
from pathlib import Path

import torch

from stylevote.bundle.contents import Bundle, BundledNetwork
from stylevote.bundle.decide import load_network
from stylevote.cnn.frozen import ProbeNetwork
from stylevote.cnn.network import Network
from stylevote.errors import InputError
from stylevote.files.tables import replacing
from stylevote.wording import describe_path

try:
    import onnx
    import onnxruntime
    import onnxscript  # noqa: F401 (torch's exporter needs it)
except ImportError as error:
    raise InputError("ONNX files need further packages: pip install '.[onnx]' in Stylevote's folder") from error

for name in ("onnx_ir", "onnxscript"):  # they log every step
    logging.getLogger(name).setLevel(logging.WARNING)

INPUT, OUTPUT = "photos", "logits"
TOLERANCE = 1e-3  # of a logit, relative if it is above 1; for a score this is at most a fourth


def export_networks(bundle: Bundle, folder: Path, runs: Collection[str] | None = None, threads: int = 1) -> list[Path]:
    """Write networks of a bundle as ONNX files: ``{run}-fold{fold}-epoch{epoch}.onnx``.

    Args:
        folder: to write to; it is made if it does not exist.
        runs: ids of the runs to export; None for all.

    Returns:
        the files.

    Raises:
        InputError: the bundle has no such run, the folder is none, or a network cannot be exported.
    """
    known = sorted({network.run for network in bundle.networks})
    if unknown := sorted(set(runs or ()) - set(known)):
        raise InputError(f"--runs: found {unknown[0]!r}, expected runs of the bundle: {', '.join(known)}")
    if (found := describe_path(folder)) not in ("a folder", "nothing"):
        raise InputError(f"{folder}: found {found}, expected a folder or nothing")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder}: cannot be written to")
    torch.set_num_threads(threads)
    paths = []
    for bundled in bundle.networks:
        if runs is None or bundled.run in runs:
            model = onnx_model(load_network(bundled, torch.device("cpu")), bundled)
            difference = check_model(model, bundled, threads)
            paths.append(folder / f"{bundled.run}-fold{bundled.fold}-epoch{bundled.epoch}.onnx")
            with replacing(paths[-1]) as partial:
                onnx.save(model, partial)
            logging.info("%s: differs from the network by %.1g at most", paths[-1], difference)
    return paths


def onnx_model(network: Network | ProbeNetwork, bundled: BundledNetwork) -> onnx.ModelProto:
    """Return a network as ONNX; raise `InputError` if torch cannot export it.

    The input is float32 RGB in 0..1 of shape (photos, 3, size, size), for any number of photos. The model normalizes
    it. The output is logits of shape (photos, labels). The model's metadata describe both. A probe is one model from
    photos to logits: backbone, views and head.
    """
    size = bundled.setting["size"]
    try:
        program = torch.onnx.export(
            network.eval(),
            (torch.rand(2, 3, size, size),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("photos")},),
            dynamo=True,
            verbose=False,
        )
    except Exception as error:  # tracing a backbone raises nearly anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{_name(bundled)}: cannot be exported as ONNX ({reason})") from error
    model = program.model_proto
    onnx.helper.set_model_props(model, {name: _text(value) for name, value in _metadata(network, bundled).items()})
    return model


def check_model(model: onnx.ModelProto, bundled: BundledNetwork, threads: int = 1) -> float:
    """Return the largest difference between the logits of an ONNX model and its network, on random photos.

    This also tries another number of photos than the one of the export.

    Raises:
        InputError: the model is not valid, or differs by more than `TOLERANCE`.
    """
    network, size = load_network(bundled, torch.device("cpu")), bundled.setting["size"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # both packages have their own errors
        raise InputError(f"{_name(bundled)}: torch exported no valid ONNX ({error})") from error
    largest, random = 0.0, torch.Generator().manual_seed(0)
    for count in (1, 3):
        photos = torch.rand(count, 3, size, size, generator=random)
        with torch.inference_mode():
            expected = network(photos)
        logits = torch.from_numpy(session.run([OUTPUT], {INPUT: photos.numpy()})[0])
        differences = (logits - expected).abs()
        if logits.shape != expected.shape or not (differences <= TOLERANCE * expected.abs().clamp(min=1)).all():
            raise InputError(f"{_name(bundled)}: the ONNX model gives other logits, by up to {differences.max():.2g}")
        largest = max(largest, differences.max().item())
    return largest


def _metadata(
    network: Network | ProbeNetwork, bundled: BundledNetwork
) -> dict[str, str | int | list[str] | list[float]]:
    tta, probe = bundled.setting["tta"], bundled.setting.get("probe")
    seen = network.features if probe else network
    views = f"{tta}: the views whose scores the ensemble averages; the model sees one"
    if probe:
        scales = ", ".join(f"{scale:g}" for scale in probe["scales"])
        views = f"within the model: the mean of the features of {tta} at {scales} times the size; give the photo once"
    return {
        "input": "RGB in 0..1, float32, shape (photos, 3, size, size): the whole photo, resized to a square",
        "output": "logits, one per label; its score is 1 / (1 + exp(-logit))",
        "size": bundled.setting["size"],
        "normalization": "within the model: (photos - mean) / std",
        "mean": seen.mean.flatten().tolist(),
        "std": seen.std.flatten().tolist(),
        "tta": views,
        "labels": bundled.labels,
        "run": bundled.run,
        "fold": bundled.fold,
        "epoch": bundled.epoch,
    }


def _text(value: str | int | list[str] | list[float]) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _name(bundled: BundledNetwork) -> str:
    return f"{bundled.run}, fold {bundled.fold}, epoch {bundled.epoch}"
