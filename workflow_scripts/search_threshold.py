"""Search the threshold of one label's stacked scores by their F-beta."""

import argparse
import logging

from stylevote.ensemble.threshold import f_beta_at, search_threshold, stepped_thresholds
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table, write_json


def main(arguments: argparse.Namespace) -> None:
    """Write the threshold, how it was found, its F-beta, and that at 101 thresholds from 0 to 1."""
    settings = dict(arguments.spec)
    label, method, beta = settings.pop("label"), settings["method"], settings["beta"]
    truth = label_matrix(read_table(arguments.manifest, [label]), [label])[:, 0]
    scores = read_table(arguments.stacked, ["score"])["score"].to_numpy()
    threshold, reached = search_threshold(truth, scores, **settings)
    logging.info(
        "%s: threshold %.4f (%s), F%g %.4f on the photos that chose it", label, threshold, method, beta, reached
    )
    thresholds = stepped_thresholds(100)
    found = {"label": label, "method": method, "threshold": threshold, "f_beta": reached, "positives": int(truth.sum())}
    curve = {"threshold": thresholds.tolist(), "f_beta": f_beta_at(truth, scores, thresholds, beta).tolist()}
    write_json(found | {"curve": curve}, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        stacked="the label's out-of-fold stacked scores",
        manifest="the training photos",
        output="to write: threshold",
    )
    add_spec(
        options,
        '{"label": NAME, "beta": 2, "method": "greedy" (with "steps": 100), "exact", "lbfgs", "plug_in", "shrunk" '
        '(with "shrink": 300) or "bootstrap" (with "resamples": 200, "seed": 0)}',
    )
    run(options, main)
