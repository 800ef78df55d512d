"""What each epoch sees: photos and their order, drawn anew every epoch."""

import numpy as np
import pandas as pd

from stylevote.digests import seed


def resample(image_ids: np.ndarray, recipe: dict, fold: int) -> pd.DataFrame:
    """Return every epoch's manifest of one fold.

    Args:
        image_ids: text, shape (photos,): the fold's training photos.
        recipe: ``epochs`` (how many to draw) and ``seed``.
        fold: number of the fold that is held out.

    Returns:
        Columns ``epoch`` (int16) and ``position`` (int32) from 0, ``image_id``, and ``variant`` ("original": the photo
        itself). Each epoch is drawn by a generator of its own, so that more epochs do not change the first ones.
    """
    parts = []
    for epoch in range(recipe["epochs"]):
        order = np.random.default_rng(seed(recipe["seed"], fold, epoch, "order")).permutation(len(image_ids))
        parts.append(
            pd.DataFrame(
                {
                    "epoch": np.int16(epoch),
                    "position": np.arange(len(order), dtype=np.int32),
                    "image_id": image_ids[order],
                    "variant": "original",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
