"""Try the ensemble of one label on labels in random order and on scores that mean nothing; measure its runs by fold."""

import argparse
import logging

import numpy as np
import pandas as pd

from stylevote.digests import seed as seed_of
from stylevote.ensemble.alarms import fold_figures, noise_alarm, permuted_alarm, shuffled
from stylevote.ensemble.honest import estimate_label
from stylevote.ensemble.rank import NONE, best_epochs
from stylevote.ensemble.scores import read_candidates, read_stack_features
from stylevote.program import add_spec, add_threads, check_number, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write two alarms, raised or not, and the figures of every run's best epoch."""
    spec = arguments.spec
    label, beta, selection = spec["label"], spec["beta"], spec["selection"]
    check_number("members", arguments.members, len(arguments.scores), "file of scores")
    manifest = read_table(arguments.manifest, ["image_id", label])
    image_ids = manifest["image_id"].to_numpy()
    truth = label_matrix(manifest, [label])[:, 0]
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    candidates, scores = read_candidates(arguments.scores[0], image_ids)
    selections = [read_table(path) for path in arguments.members]

    def others_without(fold: int) -> np.ndarray:
        return read_stack_features(arguments.scores[1:], selections[1:], image_ids, fold)

    random_labels = truth[shuffled(folds, seed_of(spec["seed"], label, "labels in random order"))]
    estimate = estimate_label(
        candidates,
        scores,
        random_labels,
        folds,
        spec,
        others_without=others_without if len(selections) > 1 else None,
        beta=beta,
        threads=arguments.threads,
    )
    alarms = [
        permuted_alarm(label, random_labels, estimate["decision"].to_numpy(), beta),
        noise_alarm(label, candidates, scores, truth, folds, settings=selection, seed=spec["seed"], beta=beta),
    ]
    ranking = selections[0][selections[0]["without"] == NONE].set_index("candidate").sort_values("rank")
    best = best_epochs(ranking)
    figures = fold_figures(best[["run", "epoch"]], scores[best.index], truth, folds)
    logging.info("%s", pd.DataFrame(alarms).to_string(index=False))
    write_table(pd.DataFrame(alarms), arguments.alarms)
    write_table(figures.assign(label=label), arguments.figures)


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="candidates: the label's own, then those of other labels whose members are features, too...",
        members="selections, in the same order...",
        manifest="the training photos",
        fold_table="their folds",
        alarms="to write: the label's alarms",
        figures="to write: AUCs by run and fold",
    )
    add_spec(
        options,
        '{"label": NAME, "beta": 2, "seed": 1, "selection": {"method": ...}, "stack": {"combiner": ...}, '
        '"threshold": {"method": ...}}',
    )
    add_threads(options)
    run(options, main)
