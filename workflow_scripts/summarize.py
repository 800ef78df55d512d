"""Say in a few lines what was decided and how good it is."""

import argparse
import csv
from pathlib import Path

from stylevote.ensemble.decisions import summary_lines
from stylevote.program import parser, run
from stylevote.tables import read_table, replacing


def main(arguments: argparse.Namespace) -> None:
    """Print the lines and write them."""
    photos = decided_photos(arguments.submission)
    text = "\n".join(summary_lines(read_table(arguments.honest), read_table(arguments.scores), photos)) + "\n"
    print(text, end="")
    with replacing(arguments.output) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    options = parser(
        __doc__,
        honest="the honest estimate",
        scores="scores of the test photos' decisions (empty where their labels are not known)",
        submission="the decisions as CSV",
        output="text to write",
    )

    def decided_photos(path: Path) -> int:
        """Return how many photos a CSV of decisions holds, with or without its header."""
        with path.open(encoding="utf-8", newline="") as file:
            return sum(row[0] != "image" for row in csv.reader(file))

    run(options, main)
