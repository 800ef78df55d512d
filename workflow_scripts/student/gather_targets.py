"""Join the labels' scores into one table per student: its targets for the photos outside its fold."""

from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label
from stylevote.errors import InputError
from stylevote.files.tables import write_table


def main(taught: list[Path], targets: list[Path], *, labels: list[str]) -> None:
    """Write for each fold image_id and a column per label, in the manifest's order.

    Args:
        taught: scores of the training photos: a file per block
        targets: to write: one table per fold
    """
    tables = read_by_label(taught, labels)
    keys = tables[labels[0]][["held_out_fold", "image_id"]]
    for label, table in tables.items():
        if not table[keys.columns].equals(keys):
            raise InputError(
                f"{taught[0].parent}: the {len(table)} photos of {label!r} are not the {len(keys)} of {labels[0]!r};"
                " delete the folder and run again"
            )
    scores = pd.concat([keys, *(table["score"].rename(label) for label, table in tables.items())], axis=1)
    by_fold = scores.groupby("held_out_fold")
    for (_, of_fold), path in zip(by_fold, targets, strict=True):
        write_table(of_fold.drop(columns="held_out_fold"), path)


if __name__ == "__main__":
    run(main)
