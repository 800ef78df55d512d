"""Find the person, or the clothing, in every photo of a shard."""

import logging
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path

from stylevote.augment.masks import Detection, Sources, write_shard
from stylevote.cli import run
from stylevote.config.photos import Segmentation
from stylevote.files.tables import read_table
from stylevote.photos.pixels import read_ingested


def main(
    manifest: Path,
    mask_labels: Path | None,
    weights: Path | None,
    masks: Path,
    photos: Path,
    given_masks: Path | None,
    shard: int,
    threads: int,
    *,
    segmentation: Segmentation,
) -> None:
    """Write the masks of a shard's photos.

    Args:
        manifest: photos of all shards
        mask_labels: table of the given masks' classes
        weights: of the trained network, or of Mask R-CNN
        masks: to write: a mask per photo
        photos: folder of the photos
        given_masks: folder of given masks
        shard: number of the shard
        segmentation: its settings
    """
    table = read_table(manifest, ["image_id", "path", "width", "height", "sha256", "pixel_range"])
    # Imported by name, so that a change of one model's code does not recompute another model's masks.
    model = import_module(f"stylevote.augment.segmenters.{segmentation.model}")
    sources = Sources(table["path"].tolist(), given_masks, mask_labels, weights)
    segmenter = model.Segmenter(segmentation, sources, threads)

    def segment() -> Iterator[tuple[str, Detection]]:
        rows = table.iloc[shard :: segmentation.shards].itertuples()
        while batch := list(islice(rows, segmenter.photos_at_once)):
            pixels = [
                read_ingested(photos, row.path, row.sha256, row.pixel_range, segmentation.size, enlarge=False)
                for row in batch
            ]
            yield from zip([row.image_id for row in batch], segmenter.segment(pixels, batch), strict=True)

    areas = write_shard(segment(), masks)
    filled = areas[areas > 0]
    mean = f", on {filled.mean():.1%} of the photo on average" if len(filled) else ""
    logging.info("%s found in %d of %d photos%s", segmentation.region, len(filled), len(areas), mean)


if __name__ == "__main__":
    run(main)
