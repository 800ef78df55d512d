"""Decide one label of every training photo by an ensemble that was chosen without the photo's fold."""

import argparse
import logging

from stylevote.ensemble.honest import estimate_label
from stylevote.ensemble.scores import read_candidates
from stylevote.metrics import f_beta
from stylevote.program import add_spec, add_threads, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write each photo's fold, score, threshold and decision, and how many members its ensemble had."""
    label = arguments.spec["label"]
    manifest = read_table(arguments.manifest, ["image_id", label])
    truth = label_matrix(manifest, [label])[:, 0]
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    candidates, scores = read_candidates(arguments.scores, manifest["image_id"].to_numpy())
    estimate = estimate_label(candidates, scores, truth, folds, arguments.spec, threads=arguments.threads)
    logging.info("%s: honest F2 %.4f", label, f_beta(truth, estimate["decision"].to_numpy()))
    estimate.insert(0, "image_id", manifest["image_id"])
    write_table(estimate, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="the label's candidates",
        manifest="the training photos",
        fold_table="their folds",
        output="honest decisions to write",
    )
    add_spec(
        options,
        '{"label": NAME, "selection": {"method": "top_n", "top_n": ..., "correlation": ...}, '
        '"stack": {"combiner": "xgboost", "xgboost": {"grid": ..., "rounds": ..., "patience": ..., "seed": ...}}, '
        '"threshold": {"method": ..., "steps": ...}}',
    )
    add_threads(options)
    run(options, main)
