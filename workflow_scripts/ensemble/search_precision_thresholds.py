"""Search the lowest threshold at which each label of a block has a chosen precision."""

import logging
from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.inputs import read_stacked
from stylevote.ensemble.threshold import precision_threshold
from stylevote.files.tables import write_table


def main(stacked: Path, manifest: Path, precision_thresholds: Path, *, labels: list[str], precision: float) -> None:
    """Write each label's threshold; it is missing if no threshold has the precision.

    Args:
        stacked: out-of-fold stacked scores of the labels
        precision_thresholds: to write: thresholds
        precision: precision to reach
    """
    rows = []
    for label, truth, scores, _ in read_stacked(stacked, manifest, labels):
        threshold = precision_threshold(truth, scores, precision)
        outcome = "never" if threshold is None else f"from a score of {threshold:.4f} on"
        logging.info("%s: precision %g reached %s", label, precision, outcome)
        rows.append({"label": label, "precision": precision, "precision_threshold": threshold})
    write_table(pd.DataFrame(rows).astype({"precision_threshold": "float64"}), precision_thresholds)


if __name__ == "__main__":
    run(main)
