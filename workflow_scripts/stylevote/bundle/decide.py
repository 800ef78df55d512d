"""Decisions by a bundle: a folder of photos in, what the workflow would decide of them out."""

import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from torch.utils._python_dispatch import TorchDispatchMode
from tqdm import tqdm

from stylevote.bundle.contents import Bundle, BundledNetwork
from stylevote.cnn.batches import PixelCache
from stylevote.cnn.network import Network
from stylevote.cnn.predict import predict
from stylevote.ensemble.decisions import decision_details
from stylevote.ensemble.vote import photoset_votes, predict_labels
from stylevote.errors import InputError
from stylevote.files.tables import damaged
from stylevote.files.weights import load_weights
from stylevote.machine.device import open_device
from stylevote.machine.failures import explain_shortages
from stylevote.photos.ingest import ingest_photos
from stylevote.photos.pixels import cache_pixels, open_pixels

MORE_MEMORY = "decide on the CPU (--device cpu), or where more memory is free"


def decide(
    bundle: Bundle,
    photos: Path,
    *,
    on_bad_photo: str = "fail",
    threads: int = 1,
    device: str = "auto",
    progress: bool = False,
) -> pd.DataFrame:
    """Decide the photos of a folder, as the workflow decides a photoset without a table.

    Args:
        bundle: what `open_bundle` returned.
        photos: a folder; all photos in it and in the folders below count.
        on_bad_photo: ``fail``, or ``skip`` to leave out what cannot be read.
        threads: processor threads to use.
        device: see `choose_device`.
        progress: whether a bar shows how far it is, on a terminal.

    Returns:
        what `ensemble.decisions.details` does: a row per photo and label, with score, decision, agreement and, where
        the bundle was made with a precision, abstain.

    Raises:
        InputError: photos that cannot be used, each by its name; weights or stackers that do not fit; a machine that
            cannot do it.
    """
    manifest, _ = ingest_photos(photos, None, [], photoset="photos", on_bad_photo=on_bad_photo, threads=threads)
    stackers, networks = bundle.stackers(threads), bundle.networks
    chosen = choose_device(device, threads)
    content, members = bundle.content, bundle.members
    features = {
        label: np.empty((content["folds"], len(manifest), len(pairs)), dtype=np.float32)
        for label, pairs in members.items()
    }
    with tempfile.TemporaryDirectory(prefix="stylevote-") as folder, explain_shortages("deciding", MORE_MEMORY):
        pixels = _open_banks(networks, manifest, photos, Path(folder), device=chosen, threads=threads)
        network, run = None, None
        for one in tqdm(networks, unit="network", disable=not progress or None):
            if one.run != run:
                network, run = make_network(one, chosen), one.run
            load_weights(network, one.path)
            setting, bank = one.setting, pixels[one.setting["size"]]
            rows = torch.arange(len(manifest))
            scores = predict(network, bank, rows, setting["size"], setting["batch"], tta=setting["tta"])
            for k, label in enumerate(one.labels):
                for place, pair in enumerate(members[label]):
                    if pair == (one.run, one.epoch):
                        features[label][one.fold, :, place] = scores[:, k]
    combined = {label: content["features"][label] for label in bundle.labels}
    votes = predict_labels(features, combined, stackers, bundle.thresholds, content["votes"])
    table = photoset_votes(votes, manifest["image_id"].to_numpy())
    return decision_details(table, bundle.thresholds, content["precision_threshold"])


def choose_device(name: str, threads: int) -> torch.device:
    """Return the device to decide on, having limited torch to ``threads`` threads.

    Args:
        name: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one. A GPU is leased until the process ends
            (`stylevote.machine.device.open_device`).
        threads: processor threads to use.

    Raises:
        InputError: it is none of these; a GPU is asked for, and there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device: found {name!r}, expected auto, cpu or cuda")
    device = open_device(threads, gpus=name != "cpu")
    if name == "cuda" and device.type != "cuda":
        raise InputError("--device: found cuda, but no GPU can be used here; expected auto or cpu")
    return device


def _open_banks(
    networks: Sequence[BundledNetwork],
    manifest: pd.DataFrame,
    photos: Path,
    folder: Path,
    *,
    device: torch.device,
    threads: int,
) -> dict[int, PixelCache]:
    """Decode the photos once for every size that the networks take, into files in ``folder``.

    Raises:
        InputError: the disk has no room for them.
    """
    banks, sizes = {}, sorted({one.setting["size"] for one in networks})
    needed, free = 3 * len(manifest) * sum(size**2 for size in sizes), shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder.parent}: {free / 1e9:.1f} GB are free, expected {needed / 1e9:.1f} GB, which the decoded photos"
            " take; make room, or set TMPDIR to a folder on another disk"
        )
    for size in sizes:
        path = folder / f"{size}.bin"
        index = cache_pixels(manifest, photos, size, path, threads)
        banks[size] = PixelCache.open(open_pixels(path, index), index, device)
    return banks


class _NoLargerThan(TorchDispatchMode):
    """While it is entered, no network is made that is larger than the weights in a file.

    A network is made before its weights are loaded, by a description that may ask for any size. In making one, sixteen
    kinds of networks took 1.0 to 1.1 times the numbers that were stored of them, and the photo by which it is seen how
    many features they give.

    Args:
        path: the file of weights.
        size: of that photo, in pixels a side.

    Raises:
        InputError: when made with a damaged file, and by what makes a tensor too many.
    """

    MAKERS = (torch.ops.aten.empty, torch.ops.aten.zeros, torch.ops.aten.ones)

    def __init__(self, path: Path, size: int) -> None:
        super().__init__()
        self.refusal = InputError(f"{path}: not the weights of the network that is described, which is larger")
        try:
            with safe_open(path, "pt") as file:
                stored = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise damaged(path, str(error)) from error
        self.left = 2 * stored + 1_000_000 + 3 * size**2

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Count what is about to be made; torch calls this for each of its functions."""
        if func.overloadpacket in self.MAKERS:
            self.left -= math.prod(args[0])
            if self.left < 0:
                raise self.refusal
        return func(*args, **(kwargs or {}))


def make_network(one: BundledNetwork, device: torch.device) -> Network:
    """Return a network of the kind of ``one``, in evaluation mode, whose weights are still to be loaded.

    Raises:
        InputError: it cannot be made, or is larger than its weights.
    """
    limit = _NoLargerThan(one.path, one.setting["size"])
    try:
        with limit:
            network = Network({**one.setting, "weights": "none"}, len(one.labels))
    except InputError:
        if limit.left < 0:  # what the network itself makes of this error is about settings that its user cannot change
            raise limit.refusal from None
        raise
    return network.to(device, memory_format=torch.channels_last).eval()


def load_network(one: BundledNetwork, device: torch.device) -> Network:
    """Return a network of a bundle with its weights, in evaluation mode; `InputError` where they do not fit."""
    network = make_network(one, device)
    load_weights(network, one.path)
    return network
