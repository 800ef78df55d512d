"""Choose the smallest ensemble whose nested macro F-beta is close to that of the best."""

import logging
from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.config.ensemble import Votes
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.decisions import read_decisions
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.sizes import parse_size
from stylevote.errors import InputError
from stylevote.estimate.nested import read_size_decisions
from stylevote.estimate.sizes import choose_sizes
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
    voting: Votes,
    tolerance: float,
) -> None:
    """Write the size that is chosen on all photos, and without the photos of each fold.

    Args:
        estimates: nested decisions by size, a file per block of labels
        members: members of an ensemble to shorten, a file per block of labels, if there is one. The sizes to choose
            from are then its own and smaller ones
        decisions: nested decisions of that ensemble
        sizes: to write: table of sizes
        tolerance: acceptable difference from the best F-beta
    """
    photos = read_table(manifest, ["image_id", *labels])
    by_size = read_size_decisions(estimates, labels, photos["image_id"], voting)
    if bool(members) != bool(decisions):
        raise InputError("--members and --decisions: found one of the two, expected both or none")
    if decisions:
        selections = pd.concat(read_by_label(members, labels, ["held_out_fold", "member"]).values())
        own_size = selections.loc[selections["held_out_fold"] == ALL, "member"].max()
        by_size = {size: decided for size, decided in by_size.items() if (parse_size(size) or own_size) < own_size}
        by_size["all"] = read_decisions(decisions, photos["image_id"], labels)
    of_photos = fold_numbers(photos, read_table(folds))
    chosen = choose_sizes(label_matrix(photos, labels), by_size, of_photos, tolerance, beta)
    logging.info("%s", chosen.to_string(index=False))
    write_table(chosen, sizes)


if __name__ == "__main__":
    run(main)
