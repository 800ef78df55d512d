"""Gather the members of all labels into one table: the CNNs that have to predict."""

import argparse

from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.select import members_of
from stylevote.program import add_spec, parser, run


def main(arguments: argparse.Namespace) -> None:
    """Write label, run, epoch and number of every member; one that weighs more has so many rows."""
    selections = read_by_label(arguments.members, arguments.spec["labels"])
    members = {label: members_of(selection)[["run", "epoch", "member"]] for label, selection in selections.items()}
    write_by_label(members, arguments.output)


if __name__ == "__main__":
    options = parser(__doc__, members="selections: a file per block...", output="to write: table of members")
    add_spec(options, '{"labels": [...]}')
    run(options, main)
