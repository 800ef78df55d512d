"""Choose the smallest ensemble whose honest macro F-beta is near that of the best."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.decisions import read_decisions
from stylevote.ensemble.rank import ALL
from stylevote.errors import InputError
from stylevote.estimate.nested import read_size_decisions
from stylevote.estimate.sizes import choose_sizes, parse_size
from stylevote.files.tables import fold_numbers, label_matrix, read_table, write_table


def main(
    estimates: list[Path],
    manifest: Path,
    folds: Path,
    members: list[Path],
    decisions: Path | None,
    sizes: Path,
    *,
    labels: list[str],
    beta: float,
    voting: dict[str, Any],
    tolerance: float,
) -> None:
    """Write the size that is chosen by all photos, and by those outside each fold.

    Args:
        estimates: by size, a file per block of labels
        manifest: training photos
        folds: their folds
        members: selections of the ensemble that is to be cut, if one is, a file per block; the choice is then among the
            sizes below its own and the whole of it
        decisions: honest decisions of that ensemble
        sizes: to write: table of sizes
        labels: all of them
        beta: of F-beta
        voting: aggregation, and the least and most labels of a photo
        tolerance: how much less than the best is good enough
    """
    photos = read_table(manifest, ["image_id", *labels])
    by_photo = fold_numbers(photos, read_table(folds))
    by_size = read_size_decisions(estimates, labels, photos["image_id"], voting)
    if bool(members) != bool(decisions):
        raise InputError("--members and --decisions: found one of the two, expected both or none")
    if members and decisions:
        selections = pd.concat(read_by_label(members, labels, ["held_out_fold", "member"]).values())
        most = selections.loc[selections["held_out_fold"] == ALL, "member"].max()
        by_size = {size: part for size, part in by_size.items() if (parse_size(size) or most) < most}
        by_size["all"] = read_decisions(decisions, photos["image_id"], labels)
    chosen = choose_sizes(label_matrix(photos, labels), by_size, by_photo, tolerance, beta)
    logging.info("%s", chosen.to_string(index=False))
    write_table(chosen, sizes)


if __name__ == "__main__":
    run(main)
