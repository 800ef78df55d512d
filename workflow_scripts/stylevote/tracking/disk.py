"""Predict the disk space of weights and pixel caches."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from stylevote.augment.shards import MADE
from stylevote.config import backbones
from stylevote.config.identity import OMITTED, canonical, score_size
from stylevote.config.settings import Settings
from stylevote.errors import InputError
from stylevote.files.tables import read_table
from stylevote.photos.pixels import cut_box

TENSOR_BYTES = 100  # per tensor of a safetensors file, for its name, shape and offset


def network_bytes(setting: dict[str, Any], labels: int) -> int:
    """Return the size in bytes of a network's file, as `stylevote.files.weights.store_weights` writes it, within 1 %.

    Numbers take 2 bytes each, and BatchNorm's counters 8.

    Args:
        setting: the run's resolved setting.
        labels: the number of labels that it predicts.

    Raises:
        InputError: the backbone is not in the catalogue and cannot be made.
    """
    known = backbones.find(setting["backbone"])
    if known and not setting["backbone_args"]:
        backbone, features = round(known.megabytes * 1e6), known.features
    else:
        backbone, features = _measure(setting["backbone"], canonical(setting["backbone_args"]), score_size(setting))
    widths, norms = [features, *setting["hidden_units"]], {**OMITTED, **setting}["batch_norm"]
    # Mean and deviation of three channels; weights and bias; four numbers of BatchNorm per hidden unit.
    numbers = 6 + sum((below + 1 + 4 * norms) * units for below, units in pairwise(widths)) + (widths[-1] + 1) * labels
    hidden = len(setting["hidden_units"])
    tensors = 2 + (2 + 5 * norms) * hidden + 2
    return backbone + 2 * numbers + 8 * norms * hidden + TENSOR_BYTES * tensors


@cache
def _measure(backbone: str, args: str, size: int) -> tuple[int, int]:
    """Return the bytes of a backbone's stored weights, and the number of its features."""
    import torch  # noqa: PLC0415 (takes seconds; backbones of the catalogue do not need it)

    from stylevote.cnn.network import Network  # noqa: PLC0415

    setting = {"backbone": backbone, "backbone_args": json.loads(args), "weights": "none", "size": size}
    setting["hidden_units"] = []
    try:
        with torch.device("meta"):  # only shapes
            network = Network(setting, labels=1)
    except InputError:  # some (SegFormer's encoders) need numbers to be made; others cannot be made at all
        network = Network(setting, labels=1)
    stored = network.backbone.state_dict().values()
    numbers = sum(value.numel() * (2 if value.is_floating_point() else value.element_size()) for value in stored)
    return numbers + TENSOR_BYTES * len(stored), network.head[0].in_features


def weight_totals(settings: Settings, runs: pd.DataFrame) -> list[str]:
    """Return lines with the number of networks and the size of their weights; ``keep_weights`` decides which stay."""
    keep = settings.config.keep_weights
    size = runs["megabytes"] * 1e6
    if keep == "all":
        planned = f"{_size_text(size @ runs['networks'])}, every epoch's"
    else:
        # Each of a run's labels has one best epoch, which two labels may share.
        labels = [len(settings.labels_of(setting)) for setting in settings.runs.values()]
        kept = runs["epochs"].clip(upper=pd.Series(labels)) * len(settings.folds)
        planned = f"at most {_size_text(size @ kept)}, and a run's every epoch until all of its folds are trained"
        if keep == "none":
            planned += "; nothing once the photosets are scored"
    on_disk = {}
    for path in Path(settings.networks).glob("runs/*/fold*/**/*.safetensors"):
        with suppress(FileNotFoundError):  # a job removed it meanwhile
            on_disk[path.stat().st_ino] = path.stat().st_size  # finished trainings have second links to their weights
    return [
        f"runs:      {len(runs):,}, each on {len(settings.folds)} folds",
        f"networks:  {runs['networks'].sum():,}",
        f"weights:   {planned} (keep_weights: {keep})",
        f"on disk:   {_size_text(sum(on_disk.values()))} of weights now",
    ]


def pixel_totals(settings: Settings) -> Iterator[str]:
    """Yield a line with the size of the pixel caches per photoset, and one for recoloured photos.

    Manifests give the photos' sides. Photosets other than ``train``, ``test`` and ``holdout`` are cached only if their
    decisions are asked for.

    Raises:
        InputError: a manifest, or the list of recoloured photos, is damaged.
    """
    root, recipes = Path(settings.networks), settings.config.recipes
    sizes = {score_size(setting) for setting in settings.runs.values()}
    trained = {setting["size"] for setting in settings.runs.values()}
    always = ("train", "test", "holdout") if settings.config.holdout.share else ("train", "test")
    for photoset in settings.config.photosets:
        path = root / "photos" / photoset / "manifest.parquet"
        photos = _sides(read_table(path, ["width", "height"])) if path.exists() else None
        when = "" if photoset in always else ", when its decisions are asked for"
        own = sorted(sizes | trained if photoset == "train" else sizes)
        yield _pixels_text(photoset, own, photos, "its photos are read") + when
    recolored = sorted({s["size"] for s in settings.runs.values() if recipes[s["recipe"]].recolored})
    if recolored:
        index, photos = root / "recolored" / "index.parquet", None
        if index.exists():
            attempts = read_table(index, ["image_id", "outcome"])
            manifest = read_table(root / "photos" / "train" / "manifest.parquet", ["image_id", "width", "height"])
            made = attempts[attempts["outcome"] == MADE].merge(manifest, on="image_id")
            photos = _sides(made)
        yield _pixels_text("train-recolored", recolored, photos, "they are made")


def _pixels_text(name: str, sizes: list[int], photos: list[tuple[int, int]] | None, known_when: str) -> str:
    """Return the line of a set of photos, given their sides in pixels, or None if these are not known yet."""
    line = f"pixels:    {name}: "
    if photos is None:
        return f"{line}not known before {known_when} (shorter sides: {', '.join(map(str, sizes))})"
    caches = {size: pixel_bytes(photos, size) for size in sizes}
    parts = ", ".join(f"{_size_text(in_bytes)} at {size}" for size, in_bytes in caches.items())
    return f"{line}{_size_text(sum(caches.values()))} ({parts})"


def pixel_bytes(photos: Iterable[tuple[int, int]], size: int) -> int:
    """Return the size in bytes of a pixel cache with shorter sides of ``size``, given the photos' sides in pixels."""
    return sum(3 * width * height for width, height in (resized(sides, size) for sides in photos))


def resized(sides: tuple[int, int], size: int) -> tuple[int, int]:
    """Return the width and height that `stylevote.photos.pixels.resize_photo` gives a photo of these sides."""
    left, top, right, bottom = cut_box(*sides)
    return round((right - left) * size / min(sides)), round((bottom - top) * size / min(sides))


def _sides(photos: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(photos["width"].tolist(), photos["height"].tolist(), strict=True))


def _size_text(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
