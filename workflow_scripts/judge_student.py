"""Choose the student's epoch and thresholds; decide on the training photos by it, and by single networks, honestly."""

import argparse
import logging
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.comparison import decide_by_best
from stylevote.ensemble.distillation import choose_network, decide_honestly
from stylevote.ensemble.scores import open_candidates, read_run
from stylevote.program import add_spec, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write what decides on new photos, by all training photos, and both kinds of honest decisions."""
    labels, threshold, votes, beta = (arguments.spec[key] for key in ("labels", "threshold", "votes", "beta"))
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    truth, image_ids = label_matrix(manifest, labels), manifest["image_id"].to_numpy()
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    predictions = read_run(arguments.predictions, image_ids, folds, labels)
    scores = np.stack([predictions.scores[label] for label in labels], axis=2)
    place, thresholds, reached = choose_network(truth, scores, threshold, beta)
    epoch = np.int16(predictions.epochs[place])
    logging.info("epoch %d: macro F%g %.4f on the photos that chose it", epoch, beta, reached.mean())
    chosen = pd.DataFrame({"label": labels, "run": "student", "epoch": epoch, "threshold": thresholds})
    write_table(chosen, arguments.chosen)
    limits = (votes["least"], votes["most"])
    decided = decide_honestly(truth, scores, folds, threshold, limits=limits, beta=beta)
    rankings = read_by_label(arguments.rankings, labels)
    with open_candidates(arguments.scores, image_ids) as candidates:
        singles = [
            decide_by_best(ranking, partial(candidates.members, label), folds) for label, ranking in rankings.items()
        ]
    write_decided(image_ids, labels, decided, arguments.decisions)
    write_decided(image_ids, labels, np.stack(singles, axis=1), arguments.singles)


def write_decided(image_ids: np.ndarray, labels: list[str], decided: np.ndarray, path: Path) -> None:
    """Write decisions, shape (photos, labels), as the columns image_id and one per label."""
    table = pd.DataFrame(decided, columns=labels)
    table.insert(0, "image_id", image_ids)
    write_table(table, path)


if __name__ == "__main__":
    options = parser(
        __doc__,
        predictions="the student's out-of-fold predictions: one table per fold, in the order of the folds...",
        scores="candidates: one file per label, in the order of the labels...",
        rankings="their rankings, in the same order...",
        manifest="the training photos",
        fold_table="their folds",
        chosen="to write: for each label the epoch, which is the same, and the threshold",
        decisions="to write: the student's honest decision for every photo and label",
        singles="to write: the same of the label's best single network",
    )
    add_spec(
        options,
        '{"labels": [...], "beta": 2, "threshold": {"method": ...} as for search_threshold, '
        '"votes": {"least": 0, "most": null}}',
    )
    run(options, main)
