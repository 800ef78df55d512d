"""Fit the stackers of each label of a block, one per fold, over its members' out-of-fold scores."""

import argparse
import logging

import numpy as np
import pandas as pd

from stylevote.ensemble.blocks import write_by_label
from stylevote.ensemble.inputs import BLOCK_FILES, open_block
from stylevote.ensemble.stack import fit_stack
from stylevote.program import add_spec, add_threads, parser, run


def main(arguments: argparse.Namespace) -> None:
    """Write the stackers, the grids and the out-of-fold stacked scores."""
    spec, beta = arguments.spec, arguments.spec["beta"]
    stackers, grids, stacked = {}, {}, {}
    with open_block(arguments) as block:
        for label in block.labels:
            features = block.stack_features(label)
            stack = fit_stack(features, block.truth(label), block.folds, spec, beta=beta, threads=arguments.threads)
            chosen = stack.grid[stack.grid["chosen"]].to_string(index=False)
            logging.info("%s: %d members\n%s", label, features.shape[1], chosen)
            columns = {"fold": np.unique(block.folds), "stacker": [stacker.to_bytes() for stacker in stack.stackers]}
            stackers[label], grids[label] = pd.DataFrame(columns), stack.grid
            stacked[label] = pd.DataFrame({"image_id": block.image_ids, "fold": block.folds, "score": stack.scores})
    write_by_label(stackers, arguments.stackers)
    write_by_label(grids, arguments.grid)
    write_by_label(stacked, arguments.stacked)


if __name__ == "__main__":
    options = parser(
        __doc__,
        **BLOCK_FILES,
        stackers="to write: stackers, a row per label and fold",
        grid="to write: table of the grids' points",
        stacked="to write: out-of-fold stacked scores",
    )
    add_spec(
        options,
        '{"labels": [those of the block], "features": [labels whose members every stacker takes besides], "beta": 2, '
        '"combiner": "mean"} or "rank_mean"; {..., "combiner": "ridge", "ridge": {"alpha": [...]}} or "logistic"; '
        '{..., "combiner": "xgboost", "xgboost": {"grid": {"eta": [...], "max_depth": [...], "min_child_weight": [...]}'
        ', "rounds": 1000, "patience": 20, "seed": 1}}',
    )
    add_threads(options)
    run(options, main)
