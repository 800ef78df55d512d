"""The hours that each ready set of runs would cost, by a short measurement of its networks or by stored costs."""

import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from stylevote.cnn.network import Network
from stylevote.cnn.views import VIEWS
from stylevote.config.identity import canonical
from stylevote.config.resolve import resolve
from stylevote.config.settings import epochs_of
from stylevote.errors import InputError

BATCH = 4  # photos per measured step on a CPU
GPU_BATCH = 32
STORED = Path(__file__).with_name("network_costs.yaml")

Seconds = Callable[[dict[str, Any]], tuple[float, float]]  # of a photo, to score it and to learn from it, by a setting


class SetCost(NamedTuple):
    """The runs of a set, the probes among them, and the hours of its features and of its trainings."""

    runs: int
    probes: int
    features: float
    trainings: float


def set_costs(names: Iterable[str], photos: int, folds: int, device: torch.device) -> str:
    """Return a line per set: its runs, and the device's measured hours for the features and trainings of these photos.

    Raises:
        InputError: a name is no set, or the device has too little memory for one of its networks.
    """
    lines = [f"{photos} training photos, {folds} folds, {device}; hours are estimates from a short measurement"]
    seconds = measured(device)
    for name in names:
        cost = set_cost(name, photos, folds, seconds)
        hours = f"features {cost.features:.2g} h, trainings {cost.trainings:.2g} h"
        lines.append(f"{name}: {cost.runs} runs ({cost.probes} probes), {hours}")
    return "\n".join(lines)


def set_cost(name: str, photos: int, folds: int, seconds: Seconds) -> SetCost:
    """Return the cost of a set of runs.

    Fine-tuned runs count as if each epoch trained all layers, with validation and without predictions of other
    photosets.

    Raises:
        InputError: the name is no set, or ``seconds`` cannot be measured.
    """
    settings = settings_of(name)
    probes, features, trainings = 0, 0.0, 0.0
    for setting in settings:
        forward, step = seconds(setting)
        boxes, mirrored = VIEWS[setting["tta"]]
        views = len(boxes) * (1 + mirrored)
        if probe := setting.get("probe"):
            probes += 1
            features += photos * views * sum(scale**2 for scale in probe["scales"]) * forward
        else:
            trainings += photos * epochs_of(setting) * ((folds - 1) * step + views * forward)
    return SetCost(len(settings), probes, features / 3600, trainings / 3600)


def settings_of(runs: Any) -> list[dict[str, Any]]:
    """Return the settings of runs: the name of a set, or a list of entries."""
    base = {"labels": ["label"], "photosets": {"train": {"photos": "-", "labels": "-"}, "test": {"photos": "-"}}}
    return list(resolve({**base, "runs": runs}).runs.values())


def measured(device: torch.device) -> Seconds:
    """Return a function that measures a setting's network: one step with a batch of noise. It measures each once."""
    keys = ("backbone", "backbone_args", "size", "precision")
    known: dict[str, tuple[float, float]] = {}

    def seconds(setting: dict[str, Any]) -> tuple[float, float]:
        network = {key: setting[key] for key in keys}
        if (name := canonical(network)) not in known:
            known[name] = seconds_per_photo(settings_of([network])[0], device)
        return known[name]

    return seconds


def stored(kind: str, reference: Seconds) -> Seconds:
    """Return a function that takes a network's cost from `STORED`, as a multiple of that of the reference network.

    ``kind`` is cpu or gpu; ``reference`` returns the seconds of its reference network, whose setting it gets.
    """
    table = yaml.safe_load(STORED.read_text(encoding="utf-8"))[kind]

    @cache
    def unit(precision: str) -> tuple[float, float]:
        return reference(settings_of([{**table["reference"], "precision": precision}])[0])

    def seconds(setting: dict[str, Any]) -> tuple[float, float]:
        forward, step = unit(setting["precision"])
        score, learn = table["costs"][f"{setting['backbone']}-{setting['size']}"]
        return score * forward, learn * step

    return seconds


def seconds_per_photo(setting: dict[str, Any], device: torch.device) -> tuple[float, float]:
    """Return the seconds that a run's network takes for a photo: to score it, and to learn from it.

    Raises:
        InputError: the device has too little memory.
    """
    batch = GPU_BATCH if device.type == "cuda" else BATCH
    photos = torch.rand(batch, 3, setting["size"], setting["size"]).to(device, memory_format=torch.channels_last)
    precision = getattr(torch, setting["precision"])
    try:
        network = Network(setting, 1).to(device, memory_format=torch.channels_last)

        def score() -> None:
            with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
                network.eval()(photos)

        def learn() -> None:
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                loss = network.train()(photos).mean()
            loss.backward()

        return tuple(_seconds(work, device) / batch for work in (score, learn))
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"{setting['backbone']} at {setting['size']} pixels: {device} has too little memory"
        ) from error


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    """Return how long a piece of work takes, after it was done once, on a CPU that has nothing else to do."""
    times = []
    for _ in range(3):
        start = _clock(device)
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(_clock(device) - start)
    return min(times[1:])


def _clock(device: torch.device) -> float:
    """Return seconds: on a CPU, processor time a thread, which other programs do not change."""
    return time.perf_counter() if device.type == "cuda" else time.process_time() / torch.get_num_threads()
