"""Draw the photos that each epoch of a recipe sees on one fold."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from stylevote.augment.resample import positives_table, resample
from stylevote.augment.shards import MADE
from stylevote.cli import run
from stylevote.files.tables import fold_numbers, read_table, write_table


def main(
    manifest: Path,
    folds: Path,
    attempts: Path | None,
    epochs: Path,
    name: str,
    fold: int,
    *,
    labels: list[str],
    recipe: dict[str, Any],
) -> None:
    """Draw the epochs of a recipe from the photos outside the fold.

    Args:
        manifest: training photos and labels
        attempts: list of recoloured photos, if the recipe uses them
        epochs: to write: photos of each epoch
        name: name of the recipe
        fold: number of the fold held out
        recipe: its settings and number of epochs
    """
    photos = read_table(manifest, ["image_id", *labels])
    photos = photos[fold_numbers(photos, read_table(folds)) != fold]
    recolored = pd.DataFrame({"image_id": [], "variant": []}, dtype=str)
    if attempts:
        table = read_table(attempts, ["image_id", "variant", "outcome"])
        recolored = table[table["outcome"] == MADE]
    drawn = resample(photos, labels, recolored, recipe, fold, name=name)
    count = recipe["epochs"]
    used = (drawn["variant"] != "original").sum()
    logging.info(
        "fold %d: %d epochs of %d photos, %d of these recoloured", fold, count, len(drawn) / count, used / count
    )
    logging.info("positives:\n%s", positives_table(photos, labels, drawn).round(2).to_string())
    write_table(drawn, epochs)


if __name__ == "__main__":
    run(main)
