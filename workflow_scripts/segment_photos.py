"""Find the person, or the clothing, in every photo of a shard."""

import argparse
import logging
from collections.abc import Iterator
from importlib import import_module
from itertools import islice

from stylevote.augment.masks import Found, Sources, write_shard
from stylevote.photos.pixels import read_ingested
from stylevote.program import add_spec, add_threads, optional_path, parser, run
from stylevote.tables import read_table


def main(arguments: argparse.Namespace) -> None:
    """Segment the shard's photos a few at a time, and write their masks."""
    spec = arguments.spec
    manifest = read_table(arguments.manifest, ["image_id", "path", "width", "height", "sha256"])
    # Chosen by name, so that a change of one model's code makes no other model's masks again.
    model = import_module(f"stylevote.augment.segmenters.{spec['model']}")
    sources = Sources(manifest["path"].tolist(), arguments.masks, arguments.mask_labels, arguments.weights)
    segmenter = model.Segmenter(spec, sources, arguments.threads)

    def masks() -> Iterator[tuple[str, Found]]:
        rows = manifest.iloc[arguments.shard :: spec["shards"]].itertuples()
        while some := list(islice(rows, segmenter.photos_at_once)):
            photos = [
                read_ingested(arguments.photos, row.path, row.sha256, spec["size"], enlarge=False) for row in some
            ]
            yield from zip([row.image_id for row in some], segmenter.segment(photos, some), strict=True)

    areas = write_shard(masks(), arguments.output)
    found = areas[areas > 0]
    mean = f", on {found.mean():.1%} of the photo on average" if len(found) else ""
    logging.info("%s found in %d of %d photos%s", spec["region"], len(found), len(areas), mean)


if __name__ == "__main__":
    options = parser(
        __doc__,
        photos="folder of the photos",
        manifest="the photos",
        output="to write: one mask per photo",
    )
    for name, text in [
        ("--masks", "folder of given masks"),
        ("--mask-labels", "table of the given masks' classes"),
        ("--weights", "weights of the trained network, or of Mask R-CNN"),
    ]:
        options.add_argument(name, type=optional_path, nargs="?", help=f"{text}, if there is one")
    options.add_argument("--shard", type=int, required=True, help="number of the shard")
    add_spec(options, "`segmentation` of the configuration: `model`, `region`, `size`, `shards` and the model's branch")
    add_threads(options)
    run(options, main)
