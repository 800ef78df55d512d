"""Show examples of recoloured photos: before, mask, after."""

import argparse
import logging

import numpy as np
import pandas as pd

from stylevote.augment.contact_sheet import MOST, Example, draw_contact_sheet
from stylevote.augment.masks import decode_mask
from stylevote.augment.shards import MADE, read_photos
from stylevote.photos.pixels import decode_photo, read_ingested
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table, replacing


def main(arguments: argparse.Namespace) -> None:
    """Choose examples, no photo twice as long as there are others, and put them on one sheet."""
    attempts = read_table(arguments.index)
    copies = attempts.loc[attempts["outcome"] == MADE, ["image_id", "variant"]]
    firsts = copies.drop_duplicates("image_id")
    ordered = pd.concat([spread(firsts, MOST), copies.drop(firsts.index)]).head(MOST)
    chosen = set(ordered.itertuples(index=False, name=None))
    photos = read_table(arguments.manifest, ["image_id", "path", "sha256"]).set_index("image_id")
    masks = pd.concat([read_table(path, ["image_id", "mask"]) for path in arguments.masks]).set_index("image_id")[
        "mask"
    ]
    examples = []
    for row in read_photos(arguments.recolored, chosen):
        source = photos.loc[row["image_id"]]
        before = read_ingested(
            arguments.photos, source["path"], source["sha256"], arguments.spec["size"], enlarge=False
        )
        after = np.asarray(decode_photo(row["jpeg"]).image)
        mask = decode_mask(masks[row["image_id"]])
        examples.append(Example(before, mask, after, row["hues_from"], row["hues_to"]))
    with replacing(arguments.output) as partial:
        draw_contact_sheet(examples).save(partial, "PNG")
    logging.info("%d examples of %d recoloured photos", len(examples), len(copies))


def spread(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most so many rows, spread evenly over the table."""
    return rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))]


if __name__ == "__main__":
    options = parser(
        __doc__,
        photos="folder of the training photos",
        manifest="training photos",
        index="list of all attempts",
        masks="shards of masks...",
        recolored="shards of recoloured photos...",
        output="to write: the sheet, as PNG",
    )
    add_spec(options, '{"size": shorter side of the recoloured photos}')
    run(options, main)
