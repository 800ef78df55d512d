"""Gather the members of all labels into one table, from which predictions know their networks; count their CNNs."""

from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.composition import describe_ensemble
from stylevote.ensemble.select import members_of
from stylevote.files.tables import write_json


def main(
    selections: list[Path],
    members: Path,
    composition: Path,
    *,
    labels: list[str],
    fold_count: int,
    top_n: int | None,
    correlation: float,
    backbones: dict[str, str],
) -> None:
    """Write label, run, epoch, fold (-1: its CNNs of all folds) and number of every member, as often as it counts.

    Args:
        selections: selections, a file per block of labels
        members: to write: members
        composition: to write: number of different CNNs, and labels that lack members
        top_n: number of members that each label should have; null if any number is right
        correlation: maximum correlation of two members
        backbones: frozen backbone of each probe
    """
    selected = read_by_label(selections, labels)
    write_json(describe_ensemble(selected, fold_count, top_n, correlation, backbones), composition)
    columns = ["run", "epoch", "fold", "member"]
    write_by_label({label: members_of(table)[columns] for label, table in selected.items()}, members)


if __name__ == "__main__":
    run(main)
