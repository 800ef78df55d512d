"""Masks per second of each segmenter, on drawn photos enlarged to the size of real ones.

The networks have random weights. A trained Mask R-CNN takes somewhat longer: it also draws the masks of what it found.
"""

import tempfile
import time
from argparse import Namespace
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench import make_parser
from PIL import Image
from recoloring import drawn_photo
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from stylevote.augment.masks import Sources
from stylevote.augment.segmenters import given, maskrcnn, smp
from stylevote.config.photos import MaskRCNN, Segmentation, SegmentationNetwork
from stylevote.files.weights import store_weights

Row = namedtuple("Row", "path width height")


def seconds(segmenter: Any, photos: list[np.ndarray], rows: list[Row]) -> float:
    """Return how long the photos take, in as many at once as the segmenter wants; the first of them warm it up."""
    step = segmenter.photos_at_once
    segmenter.segment(photos[:step], rows[:step])
    start = time.perf_counter()
    for first in range(0, len(photos), step):
        segmenter.segment(photos[first : first + step], rows[first : first + step])
    return time.perf_counter() - start


def main(arguments: Namespace) -> None:
    """Print one table."""
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = SegmentationNetwork(encoder=arguments.encoder, size=arguments.side)
    settings = Segmentation(smp=model, maskrcnn=MaskRCNN(shorter_side=arguments.shorter_side))
    photos, rows = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(arguments.photos):
            photo, classes = drawn_photo(number, arguments.size)
            photos.append(photo)
            Image.fromarray(classes).save(folder / f"{number}.png")
            rows.append(Row(f"{number}.jpg", *photo.shape[1::-1]))
        weights = folder / "smp.safetensors"
        store_weights(smp.create_network(model, "none"), weights)
        network = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
        torch.save(network.state_dict(), folder / "maskrcnn.pth")
        segmenters = {
            "given": given.Segmenter(settings, Sources([row.path for row in rows], folder), arguments.threads),
            f"smp: unet, {arguments.encoder}, {arguments.side} px": smp.Segmenter(
                settings, Sources(weights=weights), arguments.threads
            ),
            f"maskrcnn: {arguments.shorter_side} px": maskrcnn.Segmenter(
                settings, Sources(weights=folder / "maskrcnn.pth"), arguments.threads
            ),
        }
        print(f"{len(photos)} photos, shorter side {arguments.size} px, threads: {arguments.threads}")
        print(f"{'model':<40}{'masks per second':>16}")
        for title, segmenter in segmenters.items():
            print(f"{title:<40}{len(photos) / seconds(segmenter, photos, rows):>16.2f}", flush=True)


if __name__ == "__main__":
    options = make_parser(__doc__)
    options.add_argument("--photos", type=int, default=4, help="photos to segment (default 4)")
    options.add_argument("--size", type=int, default=512, help="their shorter side in pixels (default 512)")
    options.add_argument("--encoder", default="mobilenet_v2", help="encoder of the smp network (default mobilenet_v2)")
    options.add_argument("--side", type=int, default=256, help="side of its input in pixels (default 256)")
    options.add_argument("--shorter-side", type=int, default=800, help="of what Mask R-CNN sees (default 800)")
    options.add_argument("--threads", type=int, default=1, help="processor threads (default 1)")
    main(options.parse_args())
