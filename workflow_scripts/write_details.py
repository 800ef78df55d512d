"""Write what led to a photoset's decisions as CSV, a row per photo and label: score, agreement, abstention."""

import argparse
from pathlib import Path

from stylevote.ensemble.decisions import details, read_by_label, write_details
from stylevote.program import add_spec, check_number, parser, run
from stylevote.tables import read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the table."""
    labels = arguments.spec["labels"]
    check_number("thresholds", arguments.thresholds, len(labels), "label")
    thresholds = read_by_label(labels, arguments.thresholds, "threshold")
    certain_from = read_by_label(labels, arguments.certain, "certain_from") if arguments.certain else None
    write_details(details(read_table(arguments.votes), thresholds, certain_from), arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        votes="the photoset's votes",
        thresholds="thresholds: one per label, in the order of the labels...",
        output="to write: CSV",
    )
    options.add_argument(
        "--certain", nargs="*", type=Path, default=[], help="of each label, what search_certainty found"
    )
    add_spec(options, '{"labels": [...]}')
    run(options, main)
