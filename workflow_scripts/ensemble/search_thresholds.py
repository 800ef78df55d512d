"""Search the threshold of each label of a block by the F-beta of its stacked scores."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.threshold import even_thresholds, f_beta_at, search_threshold
from stylevote.files.tables import label_matrix, read_table, write_table


def main(
    stacked: Path, manifest: Path, thresholds: Path, *, labels: list[str], beta: float, threshold: dict[str, Any]
) -> None:
    """Write each label's threshold, how it was found, its F-beta, and that at 101 thresholds from 0 to 1.

    Args:
        stacked: out-of-fold stacked scores of the labels
        manifest: training photos
        thresholds: to write
        labels: those of the block
        beta: of F-beta
        threshold: method (greedy, exact, lbfgs, plug_in, shrunk or bootstrap) and its settings
    """
    truths = label_matrix(read_table(manifest, labels), labels)
    curve, rows = even_thresholds(100), []
    tables = read_by_label([stacked], labels, ["score"])
    for truth, (label, table) in zip(truths.T, tables.items(), strict=True):
        scores = table["score"].to_numpy()
        found, reached = search_threshold(truth, scores, **threshold, beta=beta)
        said = label, found, threshold["method"], beta, reached
        logging.info("%s: threshold %.4f (%s), F%g %.4f on the photos that chose it", *said)
        rows.append(
            {
                "label": label,
                "method": threshold["method"],
                "threshold": found,
                "f_beta": reached,
                "positives": int(truth.sum()),
                "curve": f_beta_at(truth, scores, curve, beta).tolist(),
            }
        )
    write_table(pd.DataFrame(rows), thresholds)


if __name__ == "__main__":
    run(main)
