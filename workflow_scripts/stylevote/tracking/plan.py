"""What a configuration comes to before anything is computed: its runs, its networks, what is to do, and the disk."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from stylevote.augment.shards import MADE
from stylevote.config import backbones
from stylevote.config.identity import canonical
from stylevote.config.settings import Settings, epochs_of, kind_of
from stylevote.errors import InputError
from stylevote.files.tables import read_table, replacing
from stylevote.photos.pixels import cut_box
from stylevote.tracking.reasons import REASONS

TENSOR_BYTES = 100  # what a safetensors file spends on a tensor's name, shape and place
IN_ID = ["backbone", "size", "recipe"]  # a run's id begins with these
SHOWN = {*IN_ID, "labels", "loss", "hidden_units", "batch", "phases", "seed"}
NAMED_LABELS = 3  # more are counted
NOT_MEASURED = "not measured"
OUTPUTS = 3  # of a training: history, validation, weights


class Work(NamedTuple):
    """What a dry run announces: how many jobs of each rule, and why each (run, fold) is trained."""

    jobs: dict[str, int]
    trainings: dict[tuple[str, int], str]


def write_plan(settings: Settings, log: Path, dry_run: str | None) -> str:
    """Return the run table and the totals as text, and write it to ``log``.

    The table is also written to ``plan.tsv`` in the results folder.

    Args:
        settings: the configuration.
        log: file to write.
        dry_run: what a dry run of it prints, or None where that ends in an error.

    Raises:
        InputError: a backbone that is not in the catalogue cannot be made, or a table of photos cannot be read.
    """
    work = None if dry_run is None else read_dry_run(dry_run)
    if settings.runs:
        runs = plan_runs(settings)
        if work:
            runs = runs.merge(plan_trainings(settings, work), on="run")
        totals = [*weight_totals(settings, runs), *pixel_totals(settings), *training_totals(runs, work)]
        lines = [as_text(runs.drop(columns=IN_ID)), "", *totals]
    else:
        runs = pd.DataFrame(columns=["run"])
        lines = [f"no runs to train: {len(settings.external)} external members decide alone"]
    text = "\n".join([*lines, *job_totals(work)])
    with replacing(Path(settings.config.results) / "plan.tsv") as partial:
        runs.to_csv(partial, sep="\t", index=False, lineterminator="\n")
    with replacing(log) as partial:
        partial.write_text(text + "\n", encoding="utf-8")
    return text


def plan_runs(settings: Settings) -> pd.DataFrame:
    """Return the run table: a row per run, in the order of the ids.

    ``labels`` are ``all``, their names, or how many they are; ``phases`` are written as `phase_text` does. ``other``
    holds those further settings in which the runs differ. ``networks`` counts one per fold and epoch, ``megabytes``
    (10^6 bytes) are of one network's weights as they are stored, and ``gigabytes`` of all of the run's.

    Raises:
        InputError: a backbone that is not in the catalogue cannot be made.
    """
    further = [
        dict(_leaves({key: value for key, value in setting.items() if key not in SHOWN}))
        for setting in settings.runs.values()
    ]
    common = set.intersection(*(set(leaves.items()) for leaves in further))
    rows = []
    for (run, setting), leaves in zip(settings.runs.items(), further, strict=True):
        ((loss, parameters),) = setting["loss"].items()
        epochs = epochs_of(setting)
        megabytes = network_bytes(setting, len(settings.labels_of(setting))) / 1e6
        networks = len(settings.folds) * epochs
        rows.append(
            {
                "run": run,
                **{key: setting[key] for key in IN_ID},
                "labels": _labels_text(setting["labels"], len(settings.labels)),
                "loss": " ".join([loss, *_pairs(_leaves(parameters))]),
                "hidden_units": ", ".join(map(str, setting["hidden_units"])),
                "batch": setting["batch"],
                "epochs": epochs,
                "phases": ", ".join(map(phase_text, setting["phases"])),
                "seed": setting["seed"],
                "other": ", ".join(_pairs(item for item in leaves.items() if item not in common)),
                "networks": networks,
                "megabytes": round(megabytes, 3),
                "gigabytes": round(networks * megabytes / 1e3, 4),
            }
        )
    return pd.DataFrame(rows)


def phase_text(phase: dict[str, Any]) -> str:
    """Return a phase as its epochs, the part that is trained and the learning rate, such as ``3 last 0.4 0.0003``.

    A policy and a cycle that are not the schema's defaults follow: ``2 all 0.001 triangular2 cycle 0.5``.
    """
    train = phase["train"] if isinstance(phase["train"], str) else " ".join(_pairs(_leaves(phase["train"])))
    policy = "" if phase["policy"] == "triangular" else f" {phase['policy']}"
    cycle = "" if phase["cycle"] == 1 else f" cycle {phase['cycle']:g}"
    return f"{phase['epochs']} {train} {phase['lr']:g}{policy}{cycle}"


def network_bytes(setting: dict[str, Any], labels: int) -> int:
    """Return the size in bytes of the file that `stylevote.files.weights.store_weights` makes of a run's network.

    Numbers take 2 bytes each, BatchNorm's counters 8, and the file names every tensor. It is within 1 % of the file's.

    Args:
        setting: the run's resolved setting.
        labels: how many labels it predicts.

    Raises:
        InputError: the backbone is not in the catalogue and cannot be made.
    """
    known = backbones.find(setting["backbone"])
    if known and not setting["backbone_args"]:
        backbone, features = round(known.megabytes * 1e6), known.features
    else:
        backbone, features = _measure(setting["backbone"], canonical(setting["backbone_args"]), setting["size"])
    widths = [features, *setting["hidden_units"]]
    # Mean and deviation of three channels; weights and bias; four numbers of BatchNorm for each hidden unit.
    numbers = 6 + sum((below + 1 + 4) * units for below, units in pairwise(widths)) + (widths[-1] + 1) * labels
    tensors = 2 + 7 * len(setting["hidden_units"]) + 2
    return backbone + 2 * numbers + 8 * len(setting["hidden_units"]) + TENSOR_BYTES * tensors


@cache
def _measure(backbone: str, args: str, size: int) -> tuple[int, int]:
    """Return the bytes of a backbone's weights as they are stored, and how many features it gives."""
    import torch  # noqa: PLC0415 (takes seconds, and backbones of the catalogue do without)

    from stylevote.cnn.network import Network  # noqa: PLC0415

    setting = {
        "backbone": backbone,
        "backbone_args": json.loads(args),
        "weights": "none",
        "size": size,
        "hidden_units": [],
    }
    try:
        with torch.device("meta"):  # shapes alone
            network = Network(setting, labels=1)
    except InputError:  # some (SegFormer's encoders) need numbers to be made; others cannot be made at all
        network = Network(setting, labels=1)
    stored = network.backbone.state_dict().values()
    numbers = sum(value.numel() * (2 if value.is_floating_point() else value.element_size()) for value in stored)
    return numbers + TENSOR_BYTES * len(stored), network.head[0].in_features


def weight_totals(settings: Settings, runs: pd.DataFrame) -> list[str]:
    """Return the lines that say how many networks there are, and what their weights take.

    Args:
        settings: the configuration; its ``keep_weights`` decides how much stays.
        runs: what `plan_runs` gives.
    """
    keep = settings.config.keep_weights
    size = runs["megabytes"] * 1e6
    if keep == "all":
        planned = f"{_taken(size @ runs['networks'])}, every epoch's"
    else:
        # Each of a run's labels has one best epoch, and two labels may share theirs.
        labels = [len(settings.labels_of(setting)) for setting in settings.runs.values()]
        kept = runs["epochs"].clip(upper=pd.Series(labels)) * len(settings.folds)
        planned = f"at most {_taken(size @ kept)}, and a run's every epoch until all of its folds are trained"
        if keep == "none":
            planned += "; nothing once the photosets are scored"
    on_disk = {}
    for path in Path(settings.networks).glob("runs/*/fold*/**/*.safetensors"):
        with suppress(FileNotFoundError):  # a job may be clearing up
            # A training that comes to its end links its weights to their second place.
            on_disk[path.stat().st_ino] = path.stat().st_size
    return [
        f"runs:      {len(runs):,}, each on {len(settings.folds)} folds",
        f"networks:  {runs['networks'].sum():,}",
        f"weights:   {planned} (keep_weights: {keep})",
        f"on disk:   {_taken(sum(on_disk.values()))} of weights now",
    ]


def pixel_totals(settings: Settings) -> Iterator[str]:
    """Yield a line for each photoset, and for recoloured photos: what their pixel caches take.

    It is known from the manifest: caches hold 3 bytes a pixel. Photosets other than ``train``, ``test`` and photos that
    are held out are cached only when their decisions are asked for.

    Raises:
        InputError: a manifest, or the list of recoloured photos, is damaged.
    """
    root, recipes = Path(settings.networks), settings.config.recipes
    sizes = sorted({setting["size"] for setting in settings.runs.values()})
    always = ("train", "test", "holdout") if settings.config.holdout.share else ("train", "test")
    for photoset in settings.config.photosets:
        path = root / "photos" / photoset / "manifest.parquet"
        photos = _sides(read_table(path, ["width", "height"])) if path.exists() else None
        why = "" if photoset in always else ", when its decisions are asked for"
        yield _pixels_text(photoset, sizes, photos, "its photos are read") + why
    recolored = sorted({s["size"] for s in settings.runs.values() if recipes[s["recipe"]].recolored})
    if recolored:
        index, photos = root / "recolored" / "index.parquet", None
        if index.exists():
            attempts = read_table(index, ["image_id", "outcome"])
            manifest = read_table(root / "photos" / "train" / "manifest.parquet", ["image_id", "width", "height"])
            made = attempts[attempts["outcome"] == MADE].merge(manifest, on="image_id")
            most = settings.config.segmentation.size
            photos = [resized(sides, min(most, *sides)) for sides in _sides(made)]
        yield _pixels_text("train-recolored", recolored, photos, "they are made")


def _pixels_text(name: str, sizes: list[int], photos: list[tuple[int, int]] | None, known_when: str) -> str:
    """Return the line of one set of photos, given their sides in pixels, or None where those are not known yet."""
    line = f"pixels:    {name}: "
    if photos is None:
        return f"{line}not known before {known_when} (shorter sides: {', '.join(map(str, sizes))})"
    each = {size: pixel_bytes(photos, size) for size in sizes}
    parts = ", ".join(f"{_taken(in_bytes)} at {size}" for size, in_bytes in each.items())
    return f"{line}{_taken(sum(each.values()))} ({parts})"


def pixel_bytes(photos: Iterable[tuple[int, int]], size: int) -> int:
    """Return the bytes that photos take in a pixel cache.

    Args:
        photos: each photo's width and height in pixels.
        size: the cache's shorter side in pixels.
    """
    return sum(3 * width * height for width, height in (resized(sides, size) for sides in photos))


def resized(sides: tuple[int, int], size: int) -> tuple[int, int]:
    """Return the width and height that `stylevote.photos.pixels.resize_photo` gives a photo of these sides."""
    left, top, right, bottom = cut_box(*sides)
    return round((right - left) * size / min(sides)), round((bottom - top) * size / min(sides))


def as_text(table: pd.DataFrame) -> str:
    """Return a table as aligned text: words to the left, numbers to the right."""
    columns = []
    for name in table:
        cells = [name, *map(str, table[name])]
        width = max(map(len, cells))
        words = not pd.api.types.is_numeric_dtype(table[name])
        columns.append([cell.ljust(width) if words else cell.rjust(width) for cell in cells])
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))


def read_dry_run(text: str) -> Work | None:
    """Return what a dry run of Snakemake 9 announces in its full text; None where that says nothing of it."""
    table = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)\n\n", text, re.DOTALL | re.MULTILINE)
    if not table and "Nothing to be done" not in text:
        return None
    counts = [line.split() for line in table[1].splitlines()] if table else []
    jobs = {rule: int(count) for rule, count in counts if rule not in ("all", "total")}
    trainings = {}
    for job in re.split(r"^(?=rule )", text, flags=re.MULTILINE):
        if job.startswith("rule train_cnn:"):
            lines = dict(line.strip().partition(": ")[::2] for line in job.splitlines())
            wildcards = dict(part.split("=") for part in lines["wildcards"].split(", "))
            trainings[wildcards["run"], int(wildcards["fold"])] = lines["reason"]
    return Work(jobs, trainings)


def plan_trainings(settings: Settings, work: Work) -> pd.DataFrame:
    """Return a row per run: its folds ``done`` (and there) and ``to_do``, ``why``, and the ``hours`` that these take.

    Hours are those of the jobs, of which each has a device: by the mean time of an epoch in all runs of the same
    backbone and size of which a fold is trained; without one, by the time that the configuration states
    (``plan.epoch_seconds``); else they are ``not measured``.

    Raises:
        InputError: a history is damaged.
    """
    root = Path(settings.config.results)
    rows = []
    for run, setting in settings.runs.items():
        reasons = [
            reason_text(work.trainings[run, fold], root / "runs" / run / f"fold{fold}")
            for fold in settings.folds
            if (run, fold) in work.trainings
        ]
        seconds = _epoch_seconds(root, kind_of(run)) if reasons else 0
        if seconds is None:
            seconds = settings.config.plan.epoch_seconds.get(kind_of(run))
        epochs = epochs_of(setting)
        rows.append(
            {
                "run": run,
                "done": sum(
                    (run, fold) not in work.trainings
                    and (root / "runs" / run / f"fold{fold}" / "history.parquet").exists()
                    for fold in settings.folds
                ),
                "to_do": len(reasons),
                "why": ", ".join(dict.fromkeys(reasons)),
                "hours": NOT_MEASURED if seconds is None else f"{len(reasons) * epochs * seconds / 3600:.2f}",
            }
        )
    return pd.DataFrame(rows)


def reason_text(reason: str, folder: Path) -> str:
    """Return in few words why Snakemake trains a network, given its own words and the folder of the run's fold."""
    missing = reason.removeprefix("Missing output files: ").split("; ")[0].split(", ")
    if not reason.startswith("Missing output files: "):
        known = (words for words in REASONS if words in reason)
        return REASONS.get(next(known, ""), reason)
    if (folder / "unfinished").exists():
        return "unfinished"
    gone = sorted(Path(path).name for path in missing)
    return "new" if len(gone) == OUTPUTS else f"{' and '.join(gone)} gone"


@cache
def _epoch_seconds(root: Path, kind: str) -> float | None:
    """Return the mean time of an epoch in runs of a kind (backbone and size, as ids have them), if there are any."""
    histories = [read_table(path, ["seconds"]) for path in sorted(root.glob(f"runs/{kind}-*/fold*/history.parquet"))]
    return float(pd.concat(histories)["seconds"].mean()) if histories else None


def training_totals(runs: pd.DataFrame, work: Work | None) -> Iterator[str]:
    """Yield the lines that say how many trainings there are to do, and how long they take.

    Args:
        runs: what `plan_runs` gives, with the columns of `plan_trainings` if there is ``work``.
        work: what a dry run announces, or None where that is not known.
    """
    if work is None:
        return
    measured = runs["hours"] != NOT_MEASURED
    trainings = runs["to_do"].sum()
    yield f"trainings: {trainings:,} to do, {runs['done'].sum():,} done"
    if trainings:
        others = runs["to_do"][~measured].sum()
        more = f", and {others:,} trainings of a kind that is not measured" if others else ""
        yield f"hours:     {runs['hours'][measured].astype(float).sum():,.1f} of training, a device a job{more}"


def job_totals(work: Work | None) -> Iterator[str]:
    """Yield the lines that say how many jobs of each rule there are to do.

    Args:
        work: what a dry run announces, or None where that is not known.
    """
    if work is None:
        yield "jobs:      not known: a dry run (snakemake -n) ends in an error, and says which"
        return
    yield f"jobs:      {sum(work.jobs.values()):,} to do"
    yield from (f"  {count:>7,}  {rule}" for rule, count in work.jobs.items())


def _sides(photos: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(photos["width"].tolist(), photos["height"].tolist(), strict=True))


def _taken(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _labels_text(labels: str | list[str], known: int) -> str:
    if labels == "all":
        return labels
    return ", ".join(labels) if len(labels) <= NAMED_LABELS else f"{len(labels)} of {known}"


def _leaves(setting: dict[str, Any], where: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and text of each value of a nested setting; what is null or empty is left out."""
    for key, value in setting.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{where}{key}.")
        elif value is not None:
            yield f"{where}{key}", value if isinstance(value, str) else canonical(value)


def _pairs(leaves: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"{key} {value}" for key, value in leaves)
