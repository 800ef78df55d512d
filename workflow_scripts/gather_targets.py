"""Put the labels' scores together, a table a student: what it learns of the photos that are not of its fold."""

import argparse

import pandas as pd

from stylevote.ensemble.blocks import read_by_label
from stylevote.errors import InputError
from stylevote.program import add_spec, check_number, parser, run
from stylevote.tables import write_table


def main(arguments: argparse.Namespace) -> None:
    """Write for each fold image_id and a column per label, in the manifest's order."""
    tables = read_by_label(arguments.scores, arguments.spec["labels"])
    first, keys = next((label, table[["without", "image_id"]]) for label, table in tables.items())
    for label, table in tables.items():
        if not table[["without", "image_id"]].equals(keys):
            raise InputError(f"scores of {label}: their {len(table)} photos are not the {len(keys)} of {first}")
    targets = pd.concat([keys, *(table["score"].rename(label) for label, table in tables.items())], axis=1)
    parts = [part.drop(columns="without") for _, part in targets.groupby("without")]
    check_number("outputs", arguments.outputs, len(parts), "fold")
    for part, path in zip(parts, arguments.outputs, strict=True):
        write_table(part, path)


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="scores of the training photos: a file per block...",
        outputs="to write: tables, one per fold...",
    )
    add_spec(options, '{"labels": [...]}')
    run(options, main)
