"""Search the threshold of each label of a block by the F-beta of its stacked scores."""

import argparse
import logging

import pandas as pd

from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.threshold import f_beta_at, search_threshold, stepped_thresholds
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write each label's threshold, how it was found, its F-beta, and that at 101 thresholds from 0 to 1."""
    settings = dict(arguments.spec)
    labels, method, beta = settings.pop("labels"), settings["method"], settings["beta"]
    truths = label_matrix(read_table(arguments.manifest, labels), labels)
    curve, rows = stepped_thresholds(100), []
    stacked = read_by_label([arguments.stacked], labels, ["score"])
    for truth, (label, table) in zip(truths.T, stacked.items(), strict=True):
        scores = table["score"].to_numpy()
        threshold, reached = search_threshold(truth, scores, **settings)
        found = label, threshold, method, beta, reached
        logging.info("%s: threshold %.4f (%s), F%g %.4f on the photos that chose it", *found)
        rows.append(
            {
                "label": label,
                "method": method,
                "threshold": threshold,
                "f_beta": reached,
                "positives": int(truth.sum()),
                "curve": f_beta_at(truth, scores, curve, beta).tolist(),
            }
        )
    write_table(pd.DataFrame(rows), arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        stacked="the labels' out-of-fold stacked scores",
        manifest="the training photos",
        output="to write: thresholds",
    )
    add_spec(
        options,
        '{"labels": [those of the block], "beta": 2, "method": "greedy" (with "steps": 100), "exact", "lbfgs", '
        '"plug_in", "shrunk" (with "shrink": 300) or "bootstrap" (with "resamples": 200, "seed": 0)}',
    )
    run(options, main)
