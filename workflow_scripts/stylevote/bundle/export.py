"""Single networks of a bundle as ONNX files, each checked against the network before it is written."""

import json
import logging
import os
from collections.abc import Collection
from pathlib import Path

import torch

from stylevote.bundle.contents import Bundle, BundledNetwork
from stylevote.bundle.decide import load_network
from stylevote.cnn.network import Network
from stylevote.errors import InputError
from stylevote.files.tables import replacing
from stylevote.wording import describe_path

try:
    import onnx
    import onnxruntime
    import onnxscript  # noqa: F401 (torch's exporter is made with it)
except ImportError as error:
    raise InputError("ONNX files need further packages: pip install '.[onnx]' in Stylevote's folder") from error

for name in ("onnx_ir", "onnxscript"):  # they tell of every step
    logging.getLogger(name).setLevel(logging.WARNING)

INPUT, OUTPUT = "photos", "logits"
TOLERANCE = 1e-3  # of a logit, and in proportion where it is above 1: of a score, a fourth of it at most


def export_networks(bundle: Bundle, folder: Path, runs: Collection[str] | None = None, threads: int = 1) -> list[Path]:
    """Write networks of a bundle as ONNX files: ``{run}-fold{fold}-epoch{epoch}.onnx``.

    Args:
        bundle: what `stylevote.bundle.contents.open_bundle` returned.
        folder: where to; it is made.
        runs: those whose networks are wanted; None for all.
        threads: processor threads to use.

    Returns:
        the files.

    Raises:
        InputError: the bundle has no such run, the folder is something else, or a network cannot be had in this form.
    """
    known = sorted({one.run for one in bundle.networks})
    if unknown := sorted(set(runs or ()) - set(known)):
        raise InputError(f"--runs: found {unknown[0]!r}, expected runs of the bundle: {', '.join(known)}")
    if (found := describe_path(folder)) not in ("a folder", "nothing"):
        raise InputError(f"{folder}: expected a folder, or none, found {found}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder}: cannot be written to")
    torch.set_num_threads(threads)
    paths = []
    for one in bundle.networks:
        if runs is None or one.run in runs:
            model = onnx_model(load_network(one, torch.device("cpu")), one)
            difference = check_model(model, one, threads)
            paths.append(folder / f"{one.run}-fold{one.fold}-epoch{one.epoch}.onnx")
            with replacing(paths[-1]) as partial:
                onnx.save(model, partial)
            logging.info("%s: differs from the network by %.1g at most", paths[-1], difference)
    return paths


def onnx_model(network: Network, one: BundledNetwork) -> onnx.ModelProto:
    """Return a network as ONNX; `InputError` where torch cannot write it so.

    The input is float32 RGB in 0..1 of shape (photos, 3, size, size), for any number of photos; what the network takes
    off it and divides it by is part of the model. The output is logits, (photos, labels). The metadata say all that.
    """
    size = one.setting["size"]
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
    except Exception as error:  # tracing meets whatever a backbone does, and has no error of its own for it
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{_name(one)}: cannot be written as ONNX ({reason})") from error
    model = program.model_proto
    onnx.helper.set_model_props(model, {name: _text(value) for name, value in _metadata(network, one).items()})
    return model


def check_model(model: onnx.ModelProto, one: BundledNetwork, threads: int = 1) -> float:
    """Return by how much the logits of an ONNX model differ from those of the bundle's network, on random photos.

    Another number of photos than the model was made with is tried, too.

    Raises:
        InputError: the model is not valid, or differs by more than `TOLERANCE`.
    """
    network, size = load_network(one, torch.device("cpu")), one.setting["size"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # each of the two packages has errors of its own
        raise InputError(f"{_name(one)}: torch made no valid ONNX of it ({error})") from error
    largest, random = 0.0, torch.Generator().manual_seed(0)
    for count in (1, 3):
        photos = torch.rand(count, 3, size, size, generator=random)
        with torch.inference_mode():
            expected = network(photos)
        found = torch.from_numpy(session.run([OUTPUT], {INPUT: photos.numpy()})[0])
        differences = (found - expected).abs()
        if found.shape != expected.shape or not (differences <= TOLERANCE * expected.abs().clamp(min=1)).all():
            raise InputError(f"{_name(one)}: as ONNX it gives other logits, by up to {float(differences.max()):.2g}")
        largest = max(largest, float(differences.max()))
    return largest


def _metadata(network: Network, one: BundledNetwork) -> dict[str, str | int | list[str] | list[float]]:
    return {
        "input": "RGB in 0..1, float32, shape (photos, 3, size, size): the whole photo, resized to a square",
        "output": "logits, one per label; its score is 1 / (1 + exp(-logit))",
        "size": one.setting["size"],
        "normalization": "within the model: (photos - mean) / std",
        "mean": network.mean.flatten().tolist(),
        "std": network.std.flatten().tolist(),
        "tta": f"{one.setting['tta']}: the views whose scores the ensemble averages; the model sees one",
        "labels": one.labels,
        "run": one.run,
        "fold": one.fold,
        "epoch": one.epoch,
    }


def _text(value: str | int | list[str] | list[float]) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _name(one: BundledNetwork) -> str:
    return f"{one.run}, fold {one.fold}, epoch {one.epoch}"
