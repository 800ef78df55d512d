"""Write what led to a photoset's decisions as CSV, a row per photo and label: score, agreement, abstention."""

import argparse
from pathlib import Path

from stylevote.ensemble.blocks import read_values
from stylevote.ensemble.decisions import details, write_details
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the table."""
    labels = arguments.spec["labels"]
    thresholds = read_values(arguments.thresholds, labels, "threshold")
    certain_from = read_values(arguments.certain, labels, "certain_from") if arguments.certain else None
    write_details(details(read_table(arguments.votes), thresholds, certain_from), arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        votes="the photoset's votes",
        thresholds="thresholds: a file per block of labels...",
        output="to write: CSV",
    )
    options.add_argument(
        "--certain", nargs="*", type=Path, default=[], help="a file per block: what search_certainty found"
    )
    add_spec(options, '{"labels": [...]}')
    run(options, main)
