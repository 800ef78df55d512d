"""Fit one label's stackers, one per fold, over its members' out-of-fold scores."""

import argparse
import logging

import numpy as np

from stylevote.ensemble.scores import read_stack_features
from stylevote.ensemble.stack import fit_stack
from stylevote.program import add_spec, add_threads, check_number, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_sealed, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the stackers, the grid and the out-of-fold stacked scores."""
    label, beta = arguments.spec["label"], arguments.spec["beta"]
    check_number("members", arguments.members, len(arguments.scores), "file of scores")
    manifest = read_table(arguments.manifest, ["image_id", label])
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    check_number("stackers", arguments.stackers, len(np.unique(folds)), "fold")
    selections = [read_table(path) for path in arguments.members]
    features = read_stack_features(arguments.scores, selections, manifest["image_id"].to_numpy())
    truth = label_matrix(manifest, [label])[:, 0]
    stack = fit_stack(features, truth, folds, arguments.spec, beta=beta, threads=arguments.threads)
    logging.info(
        "%s: %d members\n%s", label, features.shape[1], stack.grid[stack.grid["chosen"]].to_string(index=False)
    )
    for stacker, path in zip(stack.stackers, arguments.stackers, strict=True):
        write_sealed(stacker.to_bytes(), path)
    write_table(stack.grid, arguments.grid)
    write_table(manifest[["image_id"]].assign(fold=folds, score=stack.scores), arguments.stacked)


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="candidates: the label's own, then those of other labels whose members are features, too...",
        members="selections, in the same order...",
        manifest="the training photos",
        fold_table="their folds",
        stackers="to write: stackers, one per fold...",
        grid="to write: table of the grid's points",
        stacked="to write: out-of-fold stacked scores",
    )
    add_spec(
        options,
        '{"label": NAME, "beta": 2, "combiner": "mean"} or "rank_mean"; {..., "combiner": "ridge", "ridge": {"alpha": '
        '[...]}} or "logistic"; {..., "combiner": "xgboost", "xgboost": {"grid": {"eta": [...], '
        '"max_depth": [...], "min_child_weight": [...]}, "rounds": 1000, "patience": 20, "seed": 1}}',
    )
    add_threads(options)
    run(options, main)
