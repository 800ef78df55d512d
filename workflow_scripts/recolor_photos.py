"""Recolour the clothes of a shard's photos with a rare label."""

import argparse
import logging

import numpy as np

from stylevote.augment.attempts import rare_labels, recolor_shard
from stylevote.augment.masks import decode_mask
from stylevote.augment.shards import write_shard
from stylevote.photos.pixels import read_ingested
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the shard's recoloured photos, and what became of every attempt."""
    settings, manifest = arguments.spec, read_table(arguments.manifest)
    masks = read_table(arguments.masks, ["image_id", "mask"]).set_index("image_id")["mask"]

    def open_photo(row: int) -> tuple[np.ndarray, np.ndarray | None]:
        photo = manifest.iloc[row]
        pixels = read_ingested(arguments.photos, photo["path"], photo["sha256"], settings["size"], enlarge=False)
        mask = masks[photo["image_id"]]
        return pixels, None if mask is None else decode_mask(mask)

    labels = rare_labels(manifest, settings["all_labels"], settings)
    logging.info("photos with these labels are recoloured: %s", ", ".join(labels))
    attempts = recolor_shard(manifest, labels, settings, arguments.shard, open_photo)
    outcomes = write_shard(attempts, arguments.output, arguments.attempts)["outcome"]
    logging.info("%d attempts\n%s", len(outcomes), outcomes.value_counts().to_string(header=False))


if __name__ == "__main__":
    options = parser(
        __doc__,
        photos="folder of the training photos",
        manifest="training photos and labels",
        masks="the shard's masks",
        output="to write: the recoloured photos",
        attempts="to write: a row for every attempt",
    )
    options.add_argument("--shard", type=int, required=True, help="number of the shard")
    add_spec(options, "`recolor` of the configuration, with `all_labels`, and the masks' `size` and `shards`")
    run(options, main)
