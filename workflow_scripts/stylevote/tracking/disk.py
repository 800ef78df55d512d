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
from stylevote.config.identity import OMITTED, canonical, features_id, score_size
from stylevote.config.settings import Settings
from stylevote.errors import InputError
from stylevote.files.tables import read_table
from stylevote.photos.pixels import cut_box
from stylevote.wording import size_text

TENSOR_BYTES = 100  # per tensor of a safetensors file, for its name, shape and offset


def network_bytes(setting: dict[str, Any], labels: int) -> int:
    """Return the size in bytes of a network's file, as `stylevote.files.weights.store_weights` writes it, within 1 %.

    The network is that of a run with this resolved setting, which predicts so many ``labels``. Numbers take 2 bytes
    each, and BatchNorm's counters 8.

    Raises:
        InputError: the backbone is not in the catalogue and cannot be made.
    """
    backbone, features = backbone_bytes(setting)
    return backbone + head_bytes(setting, labels, features, of_number=2)


def backbone_bytes(setting: dict[str, Any]) -> tuple[int, int]:
    """Return the size in bytes of a backbone in half precision, with its normalization, and the number of features.

    Raises:
        InputError: the backbone is not in the catalogue and cannot be made.
    """
    known, probe = backbones.find(setting["backbone"]), setting.get("probe")
    usual = not probe or (probe["pooling"] != "mean_max" and probe["layers"] == 1)
    if known and not setting["backbone_args"] and usual:
        backbone, features = round(known.megabytes * 1e6), known.features
    else:
        keys = ("backbone", "backbone_args", *(["probe", "tta"] if probe else []))
        network = {key: setting[key] for key in keys} | {"size": score_size(setting)}
        backbone, features = _measure(canonical(network))
    # Mean and deviation of three channels.
    return backbone + 2 * (2 * 3 + TENSOR_BYTES), features


def head_bytes(setting: dict[str, Any], labels: int, features: int | None = None, of_number: int = 4) -> int:
    """Return the size in bytes of the head of a network, as in `network_bytes`.

    Without the number of ``features``, it is that of `backbone_bytes`. ``of_number`` is the size of a number: a probe's
    head has full precision.
    """
    widths = [features or backbone_bytes(setting)[1], *setting["hidden_units"]]
    norms, hidden = {**OMITTED, **setting}["batch_norm"], len(setting["hidden_units"])
    # Weights and bias; four numbers of BatchNorm per hidden unit, and a counter per layer.
    numbers = sum((below + 1 + 4 * norms) * units for below, units in pairwise(widths)) + (widths[-1] + 1) * labels
    tensors = (2 + 5 * norms) * hidden + 2
    return of_number * numbers + 8 * norms * hidden + TENSOR_BYTES * tensors


@cache
def _measure(text: str) -> tuple[int, int]:
    """Return the bytes of a backbone's stored weights, and the number of its features, given its setting as JSON."""
    import torch  # noqa: PLC0415 (takes seconds; backbones of the catalogue do not need it)

    from stylevote.cnn.frozen import make_network  # noqa: PLC0415

    setting = {**json.loads(text), "hidden_units": []}
    try:
        with torch.device("meta"):  # only shapes
            network = make_network(setting, labels=1)
    except InputError:  # some (SegFormer's encoders) need numbers to be made; others cannot be made at all
        network = make_network(setting, labels=1)
    stored = network.backbone.state_dict().values()
    numbers = sum(value.numel() * (2 if value.is_floating_point() else value.element_size()) for value in stored)
    return numbers + TENSOR_BYTES * len(stored), network.head[0].in_features


def weight_totals(settings: Settings, runs: pd.DataFrame) -> list[str]:
    """Return lines with the number of networks and the size of their weights; ``keep_weights`` decides which stay."""
    keep = settings.config.keep_weights
    size = runs["megabytes"] * 1e6
    if keep == "all":
        planned = f"{size_text(size @ runs['networks'])}, every epoch's"
    else:
        # Each of a run's labels has one best epoch, which two labels may share.
        labels = [len(settings.labels_of(setting)) for setting in settings.runs.values()]
        kept = runs["epochs"].clip(upper=pd.Series(labels)) * len(settings.folds)
        planned = f"at most {size_text(size @ kept)}, and a run's every epoch until all of its folds are trained"
        if keep == "none":
            planned += "; nothing once the photosets are scored"
    on_disk = {}
    for pattern in ("runs/*/fold*/**/*.safetensors", "backbones/*.safetensors"):
        for path in Path(settings.networks).glob(pattern):
            with suppress(FileNotFoundError):  # a job removed it meanwhile
                # Finished trainings have second links to their weights.
                on_disk[path.stat().st_ino] = path.stat().st_size
    return [
        f"runs:      {len(runs):,}, each on {len(settings.folds)} folds",
        f"networks:  {runs['networks'].sum():,}",
        f"weights:   {planned} (keep_weights: {keep})",
        f"on disk:   {size_text(sum(on_disk.values()))} of weights now",
    ]


def feature_totals(settings: Settings) -> Iterator[str]:
    """Yield a line with the size of the probes' backbones and features, if there are probes.

    Raises:
        InputError: a network cannot be made to measure it, or a manifest is damaged.
    """
    frozen = {features_id(setting): setting for setting in settings.trained.values() if setting.get("probe")}
    if not frozen:
        return
    sizes = [backbone_bytes(setting) for setting in frozen.values()]
    backbone, of_photo = sum(size for size, _ in sizes), 2 * sum(features for _, features in sizes)
    parts = []
    for photoset in settings.config.photosets:
        path = Path(settings.networks) / "photos" / photoset / "manifest.parquet"
        if path.exists():
            parts.append(f"{size_text(of_photo * len(read_table(path, ['image_id'])))} of {photoset}")
    known = f" ({', '.join(parts)})" if parts else ""
    yield (
        f"features:  of {len(frozen):,} frozen {'backbone' if len(frozen) == 1 else 'backbones'} of probes"
        f" ({size_text(backbone)}, stored once): {of_photo:,} bytes per photo{known}"
    )


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
    parts = ", ".join(f"{size_text(in_bytes)} at {size}" for size, in_bytes in caches.items())
    return f"{line}{size_text(sum(caches.values()))} ({parts})"


def pixel_bytes(photos: Iterable[tuple[int, int]], size: int) -> int:
    """Return the size in bytes of a pixel cache with shorter sides of ``size``, given the photos' sides in pixels."""
    return sum(3 * width * height for width, height in (resized(sides, size) for sides in photos))


def resized(sides: tuple[int, int], size: int) -> tuple[int, int]:
    """Return the width and height that `stylevote.photos.pixels.resize_photo` gives a photo of these sides."""
    left, top, right, bottom = cut_box(*sides)
    return round((right - left) * size / min(sides)), round((bottom - top) * size / min(sides))


def _sides(photos: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(photos["width"].tolist(), photos["height"].tolist(), strict=True))
