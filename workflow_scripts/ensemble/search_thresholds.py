"""Search the threshold of each label of a block by the F-beta of its stacked scores."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.config.ensemble import Threshold
from stylevote.ensemble.inputs import read_stacked
from stylevote.ensemble.threshold import even_thresholds, f_beta_at, search_thresholds
from stylevote.files.tables import write_table


def main(
    stacked: Path, manifest: Path, thresholds: Path, *, labels: list[str], beta: float, threshold: Threshold
) -> None:
    """Write each label's threshold, the method, its F-beta, and the F-beta at 101 thresholds from 0 to 1.

    If each stacker has its own threshold, they are in the column of_stackers, and the label's threshold is their mean.

    Args:
        stacked: out-of-fold stacked scores of the labels
        thresholds: to write: thresholds
        threshold: method (greedy, exact, lbfgs, plug_in, shrunk or bootstrap) and its settings
    """
    rows = []
    for label, truth, scores, folds in read_stacked(stacked, manifest, labels):
        best, f_beta = search_thresholds(truth, scores, folds, threshold, beta)
        text = "%s: threshold %.4f (%s), F%g %.4f on the photos that chose it"
        logging.info(text, label, np.mean(best), threshold.method, beta, f_beta)
        rows.append(
            {
                "label": label,
                "method": threshold.method,
                "threshold": float(np.mean(best)),
                "of_stackers": best.tolist() if threshold.by == "fold" else None,
                "f_beta": f_beta,
                "positives": int(np.count_nonzero(truth == 1)),
                "curve": f_beta_at(truth, scores, even_thresholds(100), beta).tolist(),
            }
        )
    write_table(pd.DataFrame(rows), thresholds)


if __name__ == "__main__":
    run(main)
