"""Decide one label of every training photo by an ensemble that was chosen without the photo's fold."""

import argparse
import logging

from stylevote.ensemble.honest import decide_outside
from stylevote.ensemble.scores import read_stack_features
from stylevote.metrics import f_beta
from stylevote.program import add_spec, add_threads, check_number, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write each photo's fold, score, threshold and decision, and how many members its ensemble had."""
    label, beta = arguments.spec["label"], arguments.spec["beta"]
    check_number("members", arguments.members, len(arguments.scores), "file of scores")
    manifest = read_table(arguments.manifest, ["image_id", label])
    truth = label_matrix(manifest, [label])[:, 0]
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    image_ids = manifest["image_id"].to_numpy()
    selections = [read_table(path) for path in arguments.members]
    estimate = decide_outside(
        lambda fold: read_stack_features(arguments.scores, selections, image_ids, fold),
        truth,
        folds,
        arguments.spec,
        beta=beta,
        threads=arguments.threads,
    )
    logging.info("%s: honest F%g %.4f", label, beta, f_beta(truth, estimate["decision"].to_numpy(), beta))
    estimate.insert(0, "image_id", manifest["image_id"])
    write_table(estimate, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="candidates: the label's own, then those of other labels whose members are features, too...",
        members="selections, in the same order...",
        manifest="the training photos",
        fold_table="their folds",
        output="to write: honest decisions",
    )
    add_spec(
        options,
        '{"label": NAME, "beta": 2, '
        '"stack": {"combiner": "xgboost", "xgboost": {"grid": ..., "rounds": ..., "patience": ..., "seed": ...}}, '
        '"threshold": {"method": ..., "steps": ...}}',
    )
    add_threads(options)
    run(options, main)
