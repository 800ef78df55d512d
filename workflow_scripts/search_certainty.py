"""Find the score from which on each label of a block is given with a chosen precision."""

import argparse
import logging

import pandas as pd

from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.threshold import certain_from
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write each label's score; it is missing if the precision is never reached."""
    labels, precision = arguments.spec["labels"], arguments.spec["precision"]
    truths = label_matrix(read_table(arguments.manifest, labels), labels)
    rows = []
    stacked = read_by_label([arguments.stacked], labels, ["score"])
    for truth, (label, table) in zip(truths.T, stacked.items(), strict=True):
        found = certain_from(truth, table["score"].to_numpy(), precision)
        reached = "never" if found is None else f"from a score of {found:.4f} on"
        logging.info("%s: precision %g reached %s", label, precision, reached)
        rows.append({"label": label, "precision": precision, "certain_from": found})
    write_table(pd.DataFrame(rows).astype({"certain_from": "float64"}), arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        stacked="the labels' out-of-fold stacked scores",
        manifest="the training photos",
        output="to write: scores",
    )
    add_spec(options, '{"labels": [those of the block], "precision": 0.8}')
    run(options, main)
