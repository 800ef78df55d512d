"""Gather the members of all labels into one table: the CNNs that have to predict."""

from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.select import members_of


def main(selections: list[Path], members: Path, *, labels: list[str]) -> None:
    """Write label, run, epoch and number of every member; one that weighs more has so many rows.

    Args:
        selections: a file per block of labels
        members: to write
        labels: all of them
    """
    selected = read_by_label(selections, labels)
    of_label = {label: members_of(selection)[["run", "epoch", "member"]] for label, selection in selected.items()}
    write_by_label(of_label, members)


if __name__ == "__main__":
    run(main)
