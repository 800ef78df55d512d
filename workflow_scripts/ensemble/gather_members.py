"""Gather the members of all labels into one table, from which predictions know their networks."""

from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.select import members_of


def main(selections: list[Path], members: Path, *, labels: list[str]) -> None:
    """Write label, run, epoch, fold (-1: its CNNs of all folds) and number of every member, as often as it counts.

    Args:
        selections: selections, a file per block of labels
        members: to write: members
    """
    selected = read_by_label(selections, labels)
    columns = ["run", "epoch", "fold", "member"]
    write_by_label({label: members_of(table)[columns] for label, table in selected.items()}, members)


if __name__ == "__main__":
    run(main)
