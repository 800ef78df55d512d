"""Score a photoset's decisions against its labels, where they are known."""

import argparse
import logging

from stylevote.ensemble.decisions import decision_matrix, no_scores, score_decisions
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write precision, recall and F-beta of every label and their means, or an empty table without labels."""
    labels, beta = arguments.spec["labels"], arguments.spec["beta"]
    manifest = read_table(arguments.manifest)
    votes = read_table(arguments.votes, ["image_id", "label", "decision"])
    decisions = decision_matrix(votes, manifest["image_id"].to_numpy(), labels)
    if set(labels) <= set(manifest.columns):
        scores = score_decisions(label_matrix(manifest, labels), decisions, labels, beta)
        logging.info("%s", scores.to_string(index=False, float_format="%.4f"))
    else:
        scores = no_scores()
        logging.info("the photoset's labels are not known: nothing to score")
    write_table(scores, arguments.output)


if __name__ == "__main__":
    options = parser(__doc__, votes="the photoset's votes", manifest="its photos", output="to write: scores")
    add_spec(options, '{"labels": [...], "beta": 2}')
    run(options, main)
