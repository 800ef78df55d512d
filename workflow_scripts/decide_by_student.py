"""Decide on a photoset by the mean score of the folds' students."""

import argparse

import numpy as np

from stylevote.ensemble.combiners.mean import Mean
from stylevote.ensemble.scores import read_predictions
from stylevote.ensemble.vote import decide_photos, photoset_votes
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write a row per label and photo: each fold's score, their mean, the votes and the decision."""
    labels, votes = arguments.spec["labels"], arguments.spec["votes"]
    image_ids = read_table(arguments.manifest, ["image_id"])["image_id"].to_numpy()
    thresholds = read_table(arguments.chosen).set_index("label")["threshold"].to_dict()
    folds = [read_predictions(path, image_ids, labels, "the photoset", own=True) for path in arguments.predictions]
    # Of one member, the student, at its one epoch.
    features = {label: np.stack([fold.scores[label].T for fold in folds]) for label in labels}
    alone = {label: [label] for label in labels}
    stackers = {label: [Mean(1)] for label in labels}
    decided = decide_photos(features, alone, stackers, thresholds, {"aggregation": "average_scores", **votes})
    write_table(photoset_votes(decided, image_ids), arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        predictions="the student's predictions for the photoset, at its epoch: one table per fold...",
        chosen="the student's thresholds",
        manifest="the photoset's photos",
        output="to write: votes",
    )
    add_spec(options, '{"labels": [...], "votes": {"least": 0, "most": null}}')
    run(options, main)
