"""Write a photoset's decisions as CSV, a row per photo in the manifest's order."""

import argparse

from stylevote.ensemble.decisions import decision_matrix, write_decisions
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the photo's name and 0 or 1 for each label; the table form begins with a header."""
    labels = arguments.spec["labels"]
    image_ids = read_table(arguments.manifest, ["image_id"])["image_id"].to_numpy()
    decisions = decision_matrix(read_table(arguments.votes, ["image_id", "label", "decision"]), image_ids, labels)
    header = arguments.spec["format"] == "table"
    write_decisions(decisions, image_ids, labels, arguments.output, header=header)


if __name__ == "__main__":
    options = parser(__doc__, votes="the photoset's votes", manifest="its photos", output="to write: CSV")
    add_spec(options, '{"labels": [...], "format": "table" (a header, then rows) or "challenge" (rows only)}')
    run(options, main)
