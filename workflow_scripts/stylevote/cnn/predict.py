"""Probabilities of every label for photos, averaged over several views of each photo."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from stylevote.cnn.batches import JoinedCaches, PixelCache
from stylevote.cnn.network import Network
from stylevote.cnn.settings import RunSetting, scoring
from stylevote.cnn.views import VIEWS
from stylevote.files.weights import load_weights
from stylevote.machine.device import open_device
from stylevote.photos.pixels import open_pixels


@torch.inference_mode()
def predict(
    network: nn.Module, cache: PixelCache | JoinedCaches, rows: torch.Tensor, side: int, batch: int, *, tta: str
) -> np.ndarray:
    """Return probabilities as float32 of shape (rows, labels): the mean over the views of each photo.

    The network may run in half precision, under ``torch.autocast``. Probabilities are computed and averaged in full.

    Args:
        network: gives logits; is put into evaluation mode.
        cache: the photos.
        rows: int64: positions of the photos to score.
        side: of the network's input, in pixels.
        batch: photos at a time.
        tta: ``mirror`` (a photo and its mirror image), ``none`` (the photo), or ``ten_crop`` (its four corners
            and its middle, each 7/8 of both sides and enlarged to ``side``, and their mirror images;
            Krizhevsky, Sutskever and Hinton 2012).
    """
    network.eval()
    boxes, mirrored = VIEWS[tta]
    scores = []
    for positions in rows.split(batch):
        flips = torch.zeros(len(positions), dtype=torch.bool)
        views = []
        for box in boxes:
            photos = cache.take(positions, torch.tensor([box]).expand(len(positions), 4), flips, side)
            views.append(network(photos).float().sigmoid())
            if mirrored:
                views.append(network(photos.flip(3)).float().sigmoid())
        scores.append(sum(views) / len(views))
    return torch.cat(scores).cpu().numpy()


def predict_by_files(
    files: Iterable[Path], setting: RunSetting, labels: int, pixels: Path, index: pd.DataFrame, threads: int
) -> Iterator[np.ndarray]:
    """Yield the probabilities of all photos by each network of a run, float32 of shape (photos, labels).

    Args:
        files: weights of each network.
        setting: of the run.
        labels: number of labels of the run.
        pixels: pixel cache of the photos, at the size at which the run scores.
        index: of the pixel cache.

    Raises:
        InputError: pixels or weights are damaged.
    """
    device = open_device(threads)
    cache = PixelCache.open(open_pixels(pixels, index), index, device)
    setting = scoring(setting)
    network = Network(setting, labels).to(device, memory_format=torch.channels_last)
    side, batch, tta = (setting[key] for key in ("size", "batch", "tta"))
    for path in files:
        load_weights(network, path)
        yield predict(network, cache, torch.arange(len(index)), side, batch, tta=tta)
