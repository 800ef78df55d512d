"""Set the honest macro F-beta of ensembles of several sizes beside a published table's figures."""

import argparse
import logging

from stylevote.ensemble.comparison import tabulate_sizes, write_comparison
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the table, for the workflow and as CSV, and print it."""
    labels = arguments.spec["labels"]
    positives = int(label_matrix(read_table(arguments.manifest, labels), labels).sum())
    table = tabulate_sizes(read_table(arguments.curve), arguments.spec["paper"], positives)
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_comparison(table, arguments.table, arguments.csv)


if __name__ == "__main__":
    options = parser(
        __doc__,
        curve="what ensembles of several sizes are worth",
        manifest="the training photos",
        table="to write: the figures",
        csv="to write: the same as CSV",
    )
    add_spec(options, '{"labels": [...], "paper": {"5": 0.6, ...}}')
    run(options, main)
