"""Gather the members of all labels into one table: the CNNs that have to predict."""

import argparse

import pandas as pd

from stylevote.ensemble.select import members_of
from stylevote.program import add_spec, check_number, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write label, run, epoch and number of every member; one that weighs more has so many rows."""
    labels = arguments.spec["labels"]
    check_number("members", arguments.members, len(labels), "label")
    selections = [
        members_of(read_table(path)).assign(label=label) for label, path in zip(labels, arguments.members, strict=True)
    ]
    write_table(pd.concat(selections)[["label", "run", "epoch", "member"]], arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__, members="selections: one per label, in the order of the labels...", output="to write: table of members"
    )
    add_spec(options, '{"labels": [...]}')
    run(options, main)
