"""Decide on a photoset by the mean score of the folds' students."""

from pathlib import Path

import numpy as np

from stylevote.cli import run
from stylevote.config.ensemble import Votes
from stylevote.ensemble.combiners.mean import Mean
from stylevote.ensemble.scores import read_predictions
from stylevote.ensemble.vote import combine_folds_by_label, photoset_votes
from stylevote.files.tables import read_table, write_table


def main(
    predictions: list[Path], chosen: Path, manifest: Path, votes: Path, *, labels: list[str], voting: Votes
) -> None:
    """Write a row per label and photo: each fold's score, their mean, the votes and the decision.

    Args:
        predictions: the student's predictions for the photoset, at its epoch, one table per fold
        chosen: thresholds of the student
        manifest: photos of the photoset
        votes: to write: votes
    """
    image_ids = read_table(manifest, ["image_id"])["image_id"].to_numpy()
    thresholds = read_table(chosen).set_index("label")["threshold"].to_dict()
    folds = [read_predictions(path, image_ids, labels, "the photoset", own=True) for path in predictions]
    # The student at its epoch is the only member of every label.
    features = {label: np.stack([fold.scores[label].T for fold in folds]) for label in labels}
    feature_labels = {label: [label] for label in labels}
    stackers = {label: [Mean(1)] for label in labels}
    tables = combine_folds_by_label(features, feature_labels, stackers, thresholds, voting.aggregation)
    write_table(photoset_votes(tables, thresholds, voting, image_ids), votes)


if __name__ == "__main__":
    run(main)
