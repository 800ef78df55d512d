"""What each ready set of runs would cost on this machine, by a short measurement of its networks."""

import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import torch

from stylevote.cnn.network import Network
from stylevote.cnn.views import VIEWS
from stylevote.config.identity import canonical
from stylevote.config.resolve import resolve
from stylevote.config.settings import epochs_of
from stylevote.errors import InputError

BATCH = 4  # photos per measured step on a CPU
GPU_BATCH = 32


def set_costs(names: Iterable[str], photos: int, folds: int, device: torch.device) -> str:
    """Return a line per set: its runs, and the hours of this device for features and trainings.

    A photo's time is that of one step with a batch of noise. Fine-tuned runs count as if each epoch trained all layers,
    with validation and without predictions of other photosets.

    Args:
        names: sets to measure.
        photos: number of training photos.
        folds: number of folds.
        device: where to measure.

    Raises:
        InputError: a name is no set, or the device has too little memory for one of its networks.
    """
    base = {"labels": ["label"], "photosets": {"train": {"photos": "-", "labels": "-"}, "test": {"photos": "-"}}}
    lines = [f"{photos} training photos, {folds} folds, {device}; hours are estimates from a short measurement"]

    @cache
    def measured(network: str) -> tuple[float, float]:
        return seconds_per_photo(resolve({**base, "runs": [by_network[network]]}).runs.popitem()[1], device)

    by_network: dict[str, dict[str, Any]] = {}
    for name in names:
        probes, tuned, count = 0.0, 0.0, 0
        settings = resolve({**base, "runs": name}).runs.values()
        for setting in settings:
            key = canonical([setting[key] for key in ("backbone", "backbone_args", "size", "precision")])
            by_network[key] = {each: setting[each] for each in ("backbone", "backbone_args", "size", "precision")}
            forward, step = measured(key)
            boxes, mirrored = VIEWS[setting["tta"]]
            views = len(boxes) * (1 + mirrored)
            if probe := setting.get("probe"):
                count += 1
                probes += photos * views * sum(scale**2 for scale in probe["scales"]) * forward
            else:
                tuned += photos * epochs_of(setting) * ((folds - 1) * step + views * forward)
        hours = f"features {probes / 3600:.2g} h, trainings {tuned / 3600:.2g} h"
        lines.append(f"{name}: {len(settings)} runs ({count} probes), {hours}")
    return "\n".join(lines)


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
    """Return how long a piece of work takes, after it was done once."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times[1:])
