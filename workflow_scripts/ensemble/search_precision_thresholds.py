"""Find the score from which on each label of a block is given with a chosen precision."""

import logging
from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.threshold import precision_threshold
from stylevote.files.tables import label_matrix, read_table, write_table


def main(stacked: Path, manifest: Path, precision_thresholds: Path, *, labels: list[str], precision: float) -> None:
    """Write each label's score; it is missing if the precision is never reached.

    Args:
        stacked: out-of-fold stacked scores of the labels
        manifest: training photos
        precision_thresholds: to write: scores
        labels: those of the block
        precision: that is asked for
    """
    truths = label_matrix(read_table(manifest, labels), labels)
    rows = []
    tables = read_by_label([stacked], labels, ["score"])
    for truth, (label, table) in zip(truths.T, tables.items(), strict=True):
        found = precision_threshold(truth, table["score"].to_numpy(), precision)
        reached = "never" if found is None else f"from a score of {found:.4f} on"
        logging.info("%s: precision %g reached %s", label, precision, reached)
        rows.append({"label": label, "precision": precision, "precision_threshold": found})
    write_table(pd.DataFrame(rows).astype({"precision_threshold": "float64"}), precision_thresholds)


if __name__ == "__main__":
    run(main)
