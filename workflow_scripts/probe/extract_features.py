"""Compute the features of a shard of a photoset by a frozen backbone."""

import logging
from pathlib import Path

import numpy as np
import torch

from stylevote.cli import run
from stylevote.cnn.batches import PixelCache
from stylevote.cnn.frozen import FrozenBackbone, extract_features
from stylevote.cnn.settings import NetworkSetting
from stylevote.config.identity import file_sha256
from stylevote.files.tables import damaged, read_json, read_table, write_table
from stylevote.files.weights import load_weights
from stylevote.machine.device import open_device
from stylevote.machine.failures import explain_shortages
from stylevote.photos.pixels import open_pixels
from stylevote.probe.features import write_features


def main(
    index: Path,
    pixels: Path,
    contents: Path,
    backbone: Path,
    features: Path,
    features_index: Path,
    shard: int,
    threads: int = 1,
    *,
    setting: NetworkSetting,
    shards: int,
) -> None:
    """Write the features of a shard's photos, and their index.

    Args:
        index: index of the photoset's pixel cache
        pixels: that pixel cache
        contents: digest of the backbone's weights
        backbone: those weights
        features: to write: float16, a row per photo
        features_index: to write: a row per photo, with a checksum of its features
        shard: number of the shard
        setting: the part of a probe's setting on which its features depend
        shards: number of shards
    """
    if file_sha256(backbone) != read_json(contents)["weights_sha256"]:
        raise damaged(backbone, f"its checksum is not that in {contents.name}")
    photos = read_table(index)
    rows = np.array_split(np.arange(len(photos)), shards)[shard]
    with explain_shortages("features", "give the job more memory, or a GPU of its own"):
        device = open_device(threads)
        network = FrozenBackbone(setting)
        load_weights(network, backbone)
        network.to(device, memory_format=torch.channels_last)
        cache = PixelCache.open(open_pixels(pixels, photos), photos, device)
        known = photos[[name for name in ("image_id", "variant", "sha256") if name in photos]].iloc[rows]
        blocks = extract_features(network, cache, torch.from_numpy(rows))
        written = write_features(blocks, known, network.width, features)
    write_table(written, features_index)
    logging.info("%d features of %d photos, on %s", network.width, len(rows), device)


if __name__ == "__main__":
    run(main)
