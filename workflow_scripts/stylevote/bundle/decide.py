"""Decide a folder of photos with a bundle, as the workflow would decide them."""

import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from tqdm import tqdm

from stylevote.bundle.contents import Bundle, BundledNetwork
from stylevote.cnn.batches import PixelCache
from stylevote.cnn.frozen import FrozenBackbone, ProbeNetwork, extract_features, make_network
from stylevote.cnn.network import Network, make_head
from stylevote.cnn.predict import predict
from stylevote.cnn.settings import NetworkSetting
from stylevote.ensemble.decisions import decision_details
from stylevote.ensemble.vote import combine_folds_by_label, photoset_votes
from stylevote.errors import InputError
from stylevote.files.tables import damaged
from stylevote.files.weights import load_weights
from stylevote.machine.device import open_device
from stylevote.machine.failures import explain_shortages
from stylevote.photos.findings import write_left_out
from stylevote.photos.ingest import ingest_photos
from stylevote.photos.pixels import cache_pixels, open_pixels
from stylevote.probe.features import FORMAT, Features
from stylevote.probe.scores import probabilities

MORE_MEMORY = "decide on the CPU (--device cpu), or on a machine with more free memory"


def decide(
    bundle: Bundle,
    photos: Path,
    *,
    on_bad_photo: str = "fail",
    cut_photos: str = "bad",
    left_out: Path | None = None,
    threads: int = 1,
    device: str = "auto",
    progress: bool = False,
) -> pd.DataFrame:
    """Decide the photos of a folder, as the workflow decides a photoset without a table.

    Args:
        photos: a folder; its photos and those of its subfolders are decided.
        on_bad_photo: ``fail``, or ``skip`` to leave out unreadable photos.
        cut_photos: ``bad``, or ``take`` to use JPEGs that lack their last bytes.
        left_out: CSV to write if files were left out; if none were, an older one becomes empty.
        device: see `choose_device`.
        progress: whether to show a progress bar, on a terminal.

    Returns:
        a table as of `decision_details`: a row per photo and label, with score, threshold, decision, agreement and, if
        the bundle was made with a precision, abstain.

    Raises:
        InputError: photos cannot be used, each by its name; weights or stackers do not fit; the machine lacks memory,
            disk or the device.
    """
    manifest, quarantine, _ = ingest_photos(
        photos,
        None,
        [],
        photoset="photos",
        on_bad_photo=on_bad_photo,
        max_difference=0,
        ranges=bundle.content.ranges,
        cut_photos=cut_photos,
        threads=threads,
    )
    if left_out and (len(quarantine) or left_out.exists()):
        write_left_out({"photos": quarantine}, left_out)
    stackers, networks = bundle.stackers(threads), bundle.networks
    torch_device = choose_device(device, threads)
    content = bundle.content
    scores = {
        label: np.empty((content.folds, len(manifest), len(bundle.members(label))), dtype=np.float32)
        for label in bundle.labels
    }
    with tempfile.TemporaryDirectory(prefix="stylevote-") as folder, explain_shortages("deciding", MORE_MEMORY):
        caches = _open_caches(networks, manifest, photos, Path(folder), device=torch_device, threads=threads)
        scored = _score(networks, caches, torch.arange(len(manifest)), torch_device)
        for bundled, probabilities in tqdm(scored, total=len(networks), unit="network", disable=not progress or None):
            for k, label in enumerate(bundled.labels):
                for position, member in enumerate(bundle.members(label, bundled.fold)):
                    if member == (bundled.run, bundled.epoch):
                        scores[label][bundled.fold, :, position] = probabilities[:, k]
    features = {label: content.features[label] for label in bundle.labels}
    tables = combine_folds_by_label(scores, features, stackers, content.thresholds, content.votes.aggregation)
    table = photoset_votes(tables, content.thresholds, content.votes, manifest["image_id"].to_numpy())
    return decision_details(table, bundle.thresholds, content.precision_threshold)


def choose_device(name: str, threads: int) -> torch.device:
    """Return the device to decide on, having limited torch to ``threads`` threads.

    Args:
        name: ``cpu``, ``cuda``, or ``auto`` for a GPU if there is one. A GPU is leased until the process ends
            (`stylevote.machine.device.open_device`).

    Raises:
        InputError: the name is none of these, or there is no GPU for ``cuda``.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device: found {name!r}, expected auto, cpu or cuda")
    device = open_device(threads, gpus=name != "cpu")
    if name == "cuda" and device.type != "cuda":
        raise InputError("--device: found cuda, but no GPU can be used here; expected auto or cpu")
    return device


def _open_caches(
    networks: Sequence[BundledNetwork],
    manifest: pd.DataFrame,
    photos: Path,
    folder: Path,
    *,
    device: torch.device,
    threads: int,
) -> dict[int, PixelCache]:
    """Decode the photos once for every input size of the networks, into files in ``folder``.

    Raises:
        InputError: the disk lacks room.
    """
    caches, sizes = {}, sorted({network.setting["size"] for network in networks})
    needed, free = 3 * len(manifest) * sum(size**2 for size in sizes), shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder.parent}: {free / 1e9:.1f} GB are free, expected {needed / 1e9:.1f} GB for the decoded photos;"
            " make room, or set TMPDIR to a folder on another disk"
        )
    for size in sizes:
        path = folder / f"{size}.bin"
        index = cache_pixels(manifest, photos, size, path, threads)
        caches[size] = PixelCache.open(open_pixels(path, index), index, device)
    return caches


def _score(
    networks: Sequence[BundledNetwork], caches: dict[int, PixelCache], rows: torch.Tensor, device: torch.device
) -> Iterator[tuple[BundledNetwork, np.ndarray]]:
    """Yield each network with its probabilities for all photos, float32 of shape (photos, labels).

    A network is made once for all folds. A frozen backbone sees the photos once for all probes that share it.
    """
    network, made = None, None
    for bundled in sorted(networks, key=lambda one: str(one.backbone or "")):
        size, batch, tta = (bundled.setting[key] for key in ("size", "batch", "tta"))
        if bundled.backbone:
            if made != bundled.backbone:
                network, made = _load_backbone(bundled.backbone, bundled.setting, device), bundled.backbone
                parts = [part.astype(FORMAT) for part in extract_features(network, caches[size], rows)]
                features = Features([np.concatenate(parts)])
            yield bundled, probabilities(_load_head(bundled, network.width), features, rows.numpy())
            continue
        if made != bundled.run:
            network, made = _empty_network(bundled, device), bundled.run
        load_weights(network, bundled.path)
        yield bundled, predict(network, caches[size], rows, size, batch, tta=tta)


class _SizeLimit(TorchDispatchMode):
    """Limits the size of a network, made inside this context, to the size of the weights in a file.

    A network is made before its weights are loaded, and a description may ask for any size. To make sixteen kinds of
    networks took 1.0 to 1.1 times as many numbers as their weights and the photos that measure their features have.

    Args:
        paths: the files of weights.
        pixels: of those photos.

    Raises:
        InputError: the file is damaged, or a tensor exceeds the limit.
    """

    MAKERS = (torch.ops.aten.empty, torch.ops.aten.zeros, torch.ops.aten.ones)

    def __init__(self, paths: Sequence[Path], pixels: int) -> None:
        super().__init__()
        self.refusal = InputError(f"{paths[-1]}: not the weights of the described network, which is larger")
        self.left = 1_000_000 + 3 * pixels
        for path in paths:
            try:
                with safe_open(path, "pt") as file:
                    shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
            except (OSError, SafetensorError) as error:
                raise damaged(path, str(error)) from error
            self.left += 2 * sum(map(math.prod, shapes))

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Count the numbers of a new tensor; torch calls this for each of its functions."""
        if func.overloadpacket in self.MAKERS:
            self.left -= math.prod(args[0])
            if self.left < 0:
                raise self.refusal
        return func(*args, **(kwargs or {}))


@contextmanager
def _limited(paths: Sequence[Path], setting: NetworkSetting) -> Iterator[None]:
    """Raise `InputError` if a network made in this context is larger than the weights in files."""
    sides = [setting["size"] * scale for scale in (1, *(setting.get("probe") or {}).get("scales", []))]
    limit = _SizeLimit(paths, sum(round(side) ** 2 for side in sides))
    try:
        with limit:
            yield
    except InputError:
        if limit.left < 0:  # the network's own message is about settings that a bundle's user cannot change
            raise limit.refusal from None
        raise


def _empty_network(bundled: BundledNetwork, device: torch.device) -> Network | ProbeNetwork:
    """Return a network without its weights, in evaluation mode.

    Raises:
        InputError: it cannot be made, or is larger than its weights.
    """
    with _limited([*filter(None, [bundled.backbone]), bundled.path], bundled.setting):
        network = make_network(bundled.setting, len(bundled.labels))
    return network.to(device, memory_format=torch.channels_last).eval()


def load_network(bundled: BundledNetwork, device: torch.device) -> Network | ProbeNetwork:
    """Return a network with its weights, in evaluation mode; raise `InputError` if they do not fit."""
    network = _empty_network(bundled, device)
    if bundled.backbone:
        load_weights(network.features, bundled.backbone)
        load_weights(nn.ModuleDict({"head": network.head}), bundled.path)
    else:
        load_weights(network, bundled.path)
    return network


def _load_backbone(backbone: Path, setting: NetworkSetting, device: torch.device) -> FrozenBackbone:
    """Return the backbone of probes; raise `InputError` if its weights do not fit."""
    with _limited([backbone], setting):
        network = FrozenBackbone(setting)
    load_weights(network, backbone)
    return network.to(device, memory_format=torch.channels_last)


def _load_head(bundled: BundledNetwork, width: int) -> dict[str, np.ndarray]:
    """Return the arrays of a probe's head for a number of features; raise `InputError` if they do not fit."""
    hidden, batch_norm = bundled.setting["hidden_units"], bundled.setting["batch_norm"]
    with _limited([bundled.path], bundled.setting):
        head = make_head(width, hidden, len(bundled.labels), batch_norm=batch_norm)
    load_weights(nn.ModuleDict({"head": head}), bundled.path)
    return {name: tensor.numpy() for name, tensor in head.state_dict().items()}
