"""Keep the first members of each label of a block, for a bundle that is to be small."""

import argparse
import logging

from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.rank import NONE
from stylevote.ensemble.size import as_number
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.tables import read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the members that were selected by all photos, up to the number that is wanted."""
    most, shortened = arguments.spec["members"], {}
    if arguments.sizes:
        most = as_number(read_table(arguments.sizes).set_index("without").loc[NONE, "size"])
    for label, selection in read_by_label([arguments.members], arguments.spec["labels"]).items():
        members = selection[(selection["without"] == NONE) & (selection["member"] > 0)]
        shortened[label] = members if most is None else members[members["member"] <= most]
        logging.info("%s: %d of %d members", label, len(shortened[label]), len(members))
    write_by_label(shortened, arguments.output)


if __name__ == "__main__":
    options = parser(__doc__, members="the labels' selections", output="to write: members")
    options.add_argument(
        "--sizes", type=optional_path, nargs="?", help="table of the sizes that `bundle.loss` chose, if it did"
    )
    add_spec(options, '{"labels": [those of the block], "members": N}, or null if the table of sizes says how many')
    run(options, main)
