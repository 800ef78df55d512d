"""Find the score from which on one label is given with a chosen precision."""

import argparse
import logging

from stylevote.ensemble.threshold import certain_from
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table, write_json


def main(arguments: argparse.Namespace) -> None:
    """Write the score, or null where the precision is never reached."""
    label, precision = arguments.spec["label"], arguments.spec["precision"]
    truth = label_matrix(read_table(arguments.manifest, [label]), [label])[:, 0]
    scores = read_table(arguments.stacked, ["score"])["score"].to_numpy()
    found = certain_from(truth, scores, precision)
    reached = "never" if found is None else f"from a score of {found:.4f} on"
    logging.info("%s: precision %g reached %s", label, precision, reached)
    write_json({"label": label, "precision": precision, "certain_from": found}, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        stacked="the label's out-of-fold stacked scores",
        manifest="the training photos",
        output="to write: score",
    )
    add_spec(options, '{"label": NAME, "precision": 0.8}')
    run(options, main)
