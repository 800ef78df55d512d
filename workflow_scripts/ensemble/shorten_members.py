"""Keep the first members of each label of a block, for a smaller bundle."""

import logging
from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.sizes import parse_size
from stylevote.files.tables import read_table


def main(selections: Path, sizes: Path | None, members: Path, *, labels: list[str], max_members: int | None) -> None:
    """Write the members that were selected on all photos, up to a maximum number.

    Args:
        selections: selections of the labels
        sizes: table of the sizes that `bundle.tolerance` chose, if it did
        members: to write: members
        max_members: maximum number of members per label without a table of sizes; null for all members
    """
    if sizes:
        max_members = parse_size(read_table(sizes).set_index("held_out_fold").loc[ALL, "size"])
    shortened = {}
    for label, selection in read_by_label([selections], labels).items():
        selected = selection[(selection["held_out_fold"] == ALL) & (selection["member"] > 0)]
        shortened[label] = selected if max_members is None else selected[selected["member"] <= max_members]
        logging.info("%s: %d of %d members", label, len(shortened[label]), len(selected))
    write_by_label(shortened, members)


if __name__ == "__main__":
    run(main)
