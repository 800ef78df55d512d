"""Write a photoset's decisions as CSV, a row a photo in the manifest's order."""

import argparse
import csv

from stylevote.ensemble.decisions import decision_matrix
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table, replacing


def main(arguments: argparse.Namespace) -> None:
    """Write the photo's name and 0 or 1 for each label; the table form begins with a header."""
    labels = arguments.spec["labels"]
    image_ids = read_table(arguments.manifest, ["image_id"])["image_id"].to_numpy()
    decisions = decision_matrix(read_table(arguments.votes, ["image_id", "label", "decision"]), image_ids, labels)
    with replacing(arguments.output) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if arguments.spec["format"] == "table":
            writer.writerow(["image", *labels])
        writer.writerows([name, *row] for name, row in zip(image_ids, decisions.tolist(), strict=True))


if __name__ == "__main__":
    options = parser(__doc__, votes="the photoset's votes", manifest="its photos", output="CSV to write")
    add_spec(options, '{"labels": [...], "format": "table" (a header, then rows) or "challenge" (rows only)}')
    run(options, main)
