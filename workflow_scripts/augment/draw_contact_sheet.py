"""Draw examples of recoloured photos: before, mask, after."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.augment.contact_sheet import MAX_EXAMPLES, Example, draw_contact_sheet
from stylevote.augment.masks import decode_mask
from stylevote.augment.recolor import Recoloring, recolor
from stylevote.augment.shards import MADE, read_photos
from stylevote.cli import run
from stylevote.files.tables import read_table, replacing
from stylevote.photos.pixels import read_ingested


def main(
    manifest: Path, attempts: Path, masks: list[Path], recolored: list[Path], sheet: Path, photos: Path, *, size: int
) -> None:
    """Choose examples, of different photos if possible, and draw them on one sheet.

    Args:
        attempts: table of all attempts
        masks: masks, a file per shard
        recolored: new colours, a file per shard
        sheet: to write: examples, as PNG
        photos: folder of the training photos
        size: shorter side of the masks
    """
    table = read_table(attempts)
    copies = table.loc[table["outcome"] == MADE, ["image_id", "variant"]]
    firsts = copies.drop_duplicates("image_id")
    spread = np.unique(np.linspace(0, len(firsts) - 1, min(MAX_EXAMPLES, len(firsts))).round().astype(int))
    ordered = pd.concat([firsts.iloc[spread], copies.drop(firsts.index)]).head(MAX_EXAMPLES)
    chosen = set(ordered.itertuples(index=False, name=None))
    sources = read_table(manifest, ["image_id", "path", "sha256", "pixel_range"]).set_index("image_id")
    mask_of = pd.concat([read_table(path, ["image_id", "mask"]) for path in masks]).set_index("image_id")["mask"]
    examples = []
    for row in read_photos(recolored, chosen):
        before = read_ingested(photos, *sources.loc[row["image_id"]], size, enlarge=False)
        after, _ = recolor(before, Recoloring.from_bytes(row["recoloring"]))
        mask = decode_mask(mask_of[row["image_id"]])
        examples.append(Example(before, mask, after, row["hues_from"], row["hues_to"]))
    with replacing(sheet) as partial:
        draw_contact_sheet(examples).save(partial, "PNG")
    logging.info("%d examples of %d recoloured photos", len(examples), len(copies))


if __name__ == "__main__":
    run(main)
