"""Train a segmentation network on the training photos that have a mask."""

import logging
from pathlib import Path

import numpy as np

from stylevote.augment.masks import read_region
from stylevote.augment.segmenter_training import hold_out, measure, read_examples, train
from stylevote.cli import run
from stylevote.config.identity import file_sha256, seed
from stylevote.config.photos import SegmentationNetwork
from stylevote.files.tables import read_table, replacing, write_json, write_table
from stylevote.files.weights import load_weights, store_weights
from stylevote.machine.device import open_device


def main(
    manifest: Path,
    mask_labels: Path | None,
    start: Path | None,
    weights: Path,
    history: Path,
    summary: Path,
    photos: Path,
    given_masks: Path,
    threads: int,
    *,
    region: str,
    size: int,
    smp: SegmentationNetwork,
) -> None:
    """Train the network, and measure the stored weights on the photos held out.

    Args:
        mask_labels: table of the masks' classes
        start: weights of the encoder
        weights: to write: weights
        history: to write: a row per epoch
        summary: to write: IoU of the photos held out, as JSON
        photos: folder of the training photos
        given_masks: folder of masks: PNGs of class numbers
        region: person or clothing
        size: shorter side of the photos
        smp: the network and its training
    """
    settings = smp.model_copy(update={"weights": str(start)}) if start else smp
    device = open_device(threads)
    columns = ["image_id", "path", "width", "height", "sha256", "pixel_range", "group"]
    examples = read_examples(
        read_table(manifest, columns),
        photos,
        given_masks,
        read_region(region, mask_labels),
        size=size,
        side=settings.size,
    )
    held = hold_out(examples.groups, settings.held_out, np.random.default_rng(seed(settings.seed, "held out")))
    counts = {"trained_on": int((~held).sum()), "held_out": int(held.sum())}
    logging.info("%d photos with a mask to train on, %d held out, on %s", *counts.values(), device)
    network, epochs = train(examples, held, settings, device)
    with replacing(weights) as partial:
        store_weights(network, partial)
    load_weights(network, weights)  # half precision: the stored weights are measured
    overlap = measure(network, examples, held, device)
    logging.info("IoU of the photos held out: %.4f (mean), %.4f (pooled)", *overlap)
    figures = {"region": region, "iou": overlap.mean, "pooled_iou": overlap.pooled, **counts}
    write_json({**figures, "weights_sha256": file_sha256(weights)}, summary)
    write_table(epochs, history)


if __name__ == "__main__":
    run(main)
