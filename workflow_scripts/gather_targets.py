"""Put the labels' scores together, a table a student: what it learns of the photos that are not of its fold."""

import argparse

import pandas as pd

from stylevote.program import InputError, add_spec, check_number, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write for each fold image_id and a column per label, in the manifest's order."""
    labels = arguments.spec["labels"]
    check_number("scores", arguments.scores, len(labels), "label")
    tables = [read_table(path) for path in arguments.scores]
    keys = tables[0][["without", "image_id"]]
    for path, table in zip(arguments.scores, tables, strict=True):
        if not table[["without", "image_id"]].equals(keys):
            raise InputError(f"{path}: its {len(table)} photos are not the {len(keys)} of {arguments.scores[0]}")
    targets = pd.concat(
        [keys, *(table["score"].rename(label) for label, table in zip(labels, tables, strict=True))], axis=1
    )
    parts = [part.drop(columns="without") for _, part in targets.groupby("without")]
    check_number("outputs", arguments.outputs, len(parts), "fold")
    for part, path in zip(parts, arguments.outputs, strict=True):
        write_table(part, path)


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="scores of the training photos: one file per label, in the order of the labels...",
        outputs="to write: tables, one per fold...",
    )
    add_spec(options, '{"labels": [...]}')
    run(options, main)
