"""Train the network that finds the person, or the clothing, on the training photos that have a mask."""

import argparse
import logging

import numpy as np

from stylevote.augment.masks import read_region
from stylevote.augment.segmenter_training import hold_out, measure, read_examples, train
from stylevote.device import open_device
from stylevote.digests import seed
from stylevote.program import add_spec, add_threads, optional_path, parser, run
from stylevote.tables import read_table, replacing, write_json, write_table
from stylevote.weights import load_weights, store_weights, weights_sha256


def main(arguments: argparse.Namespace) -> None:
    """Read photos and masks, train, and measure the stored weights on the photos held out."""
    spec, settings = arguments.spec, dict(arguments.spec["smp"])
    if arguments.start:
        settings["weights"] = str(arguments.start)
    device = open_device(arguments.threads)
    manifest = read_table(arguments.manifest, ["image_id", "path", "width", "height", "sha256", "group"])
    region = read_region(spec["region"], arguments.mask_labels)
    examples = read_examples(
        manifest, arguments.photos, arguments.masks, region, size=spec["size"], side=settings["size"]
    )
    held = hold_out(examples.groups, settings["held_out"], np.random.default_rng(seed(settings["seed"], "held out")))
    counts = {"trained_on": int((~held).sum()), "held_out": int(held.sum())}
    logging.info("%d photos with a mask to train on, %d held out, on %s", *counts.values(), device)
    network, history = train(examples, held, settings, device)
    with replacing(arguments.weights) as partial:
        store_weights(network, partial)
    load_weights(network, arguments.weights)  # half precision: what is measured is what will be used
    overlap = measure(network, examples, held, device)
    logging.info("IoU of the photos held out: %.4f (mean), %.4f (pooled)", *overlap)
    summary = {"region": spec["region"], "iou": overlap.mean, "pooled_iou": overlap.pooled, **counts}
    write_json({**summary, "weights_sha256": weights_sha256(arguments.weights)}, arguments.summary)
    write_table(history, arguments.history)


if __name__ == "__main__":
    options = parser(
        __doc__,
        photos="folder of the training photos",
        manifest="training photos",
        masks="folder of the photos' masks: PNGs of class numbers",
        weights="to write: the network's weights",
        history="to write: one row per epoch",
        summary="to write: the IoU of the photos held out, as JSON",
    )
    options.add_argument(
        "--mask-labels", type=optional_path, nargs="?", help="table of the masks' classes, if there is one"
    )
    options.add_argument(
        "--start", type=optional_path, nargs="?", help="file of the encoder's weights, if there is one"
    )
    add_spec(options, "`segmentation` of the configuration: `region`, `size` and `smp`")
    add_threads(options)
    run(options, main)
