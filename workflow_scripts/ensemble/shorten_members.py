"""Keep the first members of each label of a block, for a bundle that is to be small."""

import logging
from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.rank import ALL
from stylevote.estimate.sizes import parse_size
from stylevote.files.tables import read_table


def main(selections: Path, sizes: Path | None, members: Path, *, labels: list[str], max_members: int | None) -> None:
    """Write the members that were selected by all photos, up to the number that is wanted.

    Args:
        selections: of the labels
        sizes: table of the sizes that `bundle.tolerance` chose, if it did
        members: to write
        labels: those of the block
        max_members: members of a label, if no table of sizes says how many; null for all
    """
    shortened = {}
    if sizes:
        max_members = parse_size(read_table(sizes).set_index("held_out_fold").loc[ALL, "size"])
    for label, selection in read_by_label([selections], labels).items():
        selected = selection[(selection["held_out_fold"] == ALL) & (selection["member"] > 0)]
        shortened[label] = selected if max_members is None else selected[selected["member"] <= max_members]
        logging.info("%s: %d of %d members", label, len(shortened[label]), len(selected))
    write_by_label(shortened, members)


if __name__ == "__main__":
    run(main)
