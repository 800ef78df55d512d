"""Rank every epoch of every run for one label: by all training photos, and by those outside each fold."""

import argparse
import logging

from stylevote.ensemble.rank import NONE, rank_by_fold
from stylevote.ensemble.scores import read_candidates
from stylevote.program import add_spec, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the rankings, one below the other."""
    label = arguments.spec["label"]
    manifest = read_table(arguments.manifest, ["image_id", label])
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    candidates, scores = read_candidates(arguments.scores, manifest["image_id"].to_numpy())
    truth = label_matrix(manifest, [label])[:, 0]
    rankings = rank_by_fold(candidates, truth, scores, folds, arguments.spec["beta"])
    best = rankings[rankings["without"] == NONE].head(10)
    logging.info("%s: %d candidates; the best are\n%s", label, len(candidates), best.to_string(index=False))
    write_table(rankings, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="the label's candidates",
        manifest="the training photos",
        fold_table="their folds",
        output="to write: rankings",
    )
    add_spec(options, '{"label": NAME, "beta": 2}')
    run(options, main)
