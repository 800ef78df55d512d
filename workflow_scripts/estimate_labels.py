"""Decide each label of a block for every training photo by an ensemble that was chosen without the photo's fold."""

import argparse
import logging
from functools import partial

from stylevote.ensemble.blocks import write_by_label
from stylevote.ensemble.honest import decide_outside
from stylevote.ensemble.inputs import BLOCK_FILES, open_block
from stylevote.metrics import f_beta
from stylevote.program import add_spec, add_threads, parser, run


def main(arguments: argparse.Namespace) -> None:
    """Write each photo's fold, score, threshold and decision, and how many members its ensemble had."""
    spec, beta = arguments.spec, arguments.spec["beta"]
    estimates = {}
    with open_block(arguments) as block:
        for label in block.labels:
            truth, features = block.truth(label), partial(block.stack_features, label)
            estimate = decide_outside(features, truth, block.folds, spec, beta=beta, threads=arguments.threads)
            logging.info("%s: honest F%g %.4f", label, beta, f_beta(truth, estimate["decision"].to_numpy(), beta))
            estimate.insert(0, "image_id", block.image_ids)
            estimates[label] = estimate
    write_by_label(estimates, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        **BLOCK_FILES,
        output="to write: honest decisions",
    )
    add_spec(
        options,
        '{"labels": [those of the block], "features": [labels whose members every stacker takes besides], "beta": 2, '
        '"stack": {"combiner": "xgboost", "xgboost": {"grid": ..., "rounds": ..., "patience": ..., "seed": ...}}, '
        '"threshold": {"method": ..., "steps": ...}}',
    )
    add_threads(options)
    run(options, main)
