"""Put the labels' scores together, a table a student: its targets for the photos that are not of its fold."""

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
        labels: all of them
    """
    tables = read_by_label(taught, labels)
    first, keys = next((label, table[["held_out_fold", "image_id"]]) for label, table in tables.items())
    for label, table in tables.items():
        if not table[["held_out_fold", "image_id"]].equals(keys):
            raise InputError(f"scores of {label}: their {len(table)} photos are not the {len(keys)} of {first}")
    scores = pd.concat([keys, *(table["score"].rename(label) for label, table in tables.items())], axis=1)
    parts = [part.drop(columns="held_out_fold") for _, part in scores.groupby("held_out_fold")]
    for part, path in zip(parts, targets, strict=True):
        write_table(part, path)


if __name__ == "__main__":
    run(main)
