"""Decide one label of every training photo by ensembles of several sizes, chosen without the photo's fold."""

import argparse
import logging

import pandas as pd

from stylevote.ensemble.honest import decide_outside
from stylevote.ensemble.rank import NONE
from stylevote.ensemble.scores import read_candidates, read_stack_features
from stylevote.ensemble.size import select_sizes
from stylevote.metrics import f_beta
from stylevote.program import add_spec, add_threads, check_number, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the estimates of each size, one below the other, and its members."""
    spec = arguments.spec
    labels, beta = spec["features"], spec["beta"]
    check_number("scores", arguments.scores, len(labels), "label of the features")
    check_number("rankings", arguments.rankings, len(labels), "label of the features")
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    image_ids = manifest["image_id"].to_numpy()
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    truth = label_matrix(manifest, labels)
    selections = []
    for k, (scores_path, rankings_path) in enumerate(zip(arguments.scores, arguments.rankings, strict=True)):
        _, scores = read_candidates(scores_path, image_ids)
        rankings = read_table(rankings_path)
        selections.append(select_sizes(rankings, scores, truth[:, k], folds, spec["selection"], beta=beta))
    estimates, members, before = [], [], None
    for size in selections[0]:
        of_size = [selection[size] for selection in selections]
        taken = [selection[["without", "run", "epoch", "weight"]].to_numpy().tolist() for selection in of_size]
        if taken != before:  # where there are no more runs to take, a larger size is the same ensemble
            estimate = decide_outside(
                lambda fold, chosen=of_size: read_stack_features(arguments.scores, chosen, image_ids, fold),
                truth[:, 0],
                folds,
                spec,
                beta=beta,
                threads=arguments.threads,
            )
        before = taken
        estimates.append(estimate.assign(size=size, image_id=image_ids))
        reached = f_beta(truth[:, 0], estimate["decision"].to_numpy(), beta)
        logging.info("%s, size %s: honest F%g %.4f", labels[0], size, beta, reached)
        final = of_size[0][of_size[0]["without"] == NONE]
        members.append(final[["run", "epoch"]].assign(size=size))
    write_table(pd.concat(estimates), arguments.estimates)
    write_table(pd.concat(members), arguments.members)


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="candidates: the label's own, then those of other labels whose members are features, too...",
        rankings="their rankings, in the same order...",
        manifest="the training photos",
        fold_table="their folds",
        estimates="to write: estimates",
        members="to write: members",
    )
    add_spec(
        options,
        '{"features": [the label, further ones whose members it takes], "beta": 2, "selection": {...}, '
        '"stack": {"combiner": ...}, "threshold": {"method": ...}}',
    )
    add_threads(options)
    run(options, main)
