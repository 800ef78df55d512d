"""Keep one label's first members, for a bundle that is to be small."""

import argparse
import logging

from stylevote.ensemble.rank import NONE
from stylevote.ensemble.size import as_number
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the members that were selected by all photos, up to the number that is wanted."""
    most = arguments.spec["members"]
    if arguments.sizes:
        most = as_number(read_table(arguments.sizes).set_index("without").loc[NONE, "size"])
    selection = read_table(arguments.members)
    selection = selection[(selection["without"] == NONE) & (selection["member"] > 0)]
    kept = selection if most is None else selection[selection["member"] <= most]
    logging.info("%d of %d members", len(kept), len(selection))
    write_table(kept, arguments.output)


if __name__ == "__main__":
    options = parser(__doc__, members="the label's selection", output="to write: members")
    options.add_argument(
        "--sizes", type=optional_path, nargs="?", help="table of the sizes that `bundle.loss` chose, if it did"
    )
    add_spec(options, '{"members": N}, or null where the table of sizes says how many')
    run(options, main)
