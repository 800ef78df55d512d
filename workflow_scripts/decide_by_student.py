"""Decide on a photoset by the mean score of the folds' students."""

import argparse

import numpy as np
import pandas as pd

from stylevote.ensemble.combiners.mean import Mean
from stylevote.ensemble.scores import read_predictions
from stylevote.ensemble.vote import cast_votes, limit_labels
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write a row a label and photo: each fold's score, their mean, the votes and the decision."""
    labels, votes = arguments.spec["labels"], arguments.spec["votes"]
    image_ids = read_table(arguments.manifest, ["image_id"])["image_id"].to_numpy()
    thresholds = read_table(arguments.chosen).set_index("label").loc[labels, "threshold"].to_numpy()
    folds = [read_predictions(path, image_ids, labels, "the photoset", own=True) for path in arguments.predictions]
    tables = []
    for label, threshold in zip(labels, thresholds, strict=True):
        # Of one member, the student, at its one epoch.
        features = np.stack([fold.scores[label].T for fold in folds])
        table = cast_votes(features, [Mean(1)], threshold, "average_scores")
        table.insert(0, "image_id", image_ids)
        table.insert(1, "label", label)
        tables.append(table)
    scores, decisions = (np.stack([table[name] for table in tables], axis=1) for name in ("score", "decision"))
    decisions = limit_labels(decisions, scores, thresholds, votes["least"], votes["most"])
    for table, decision in zip(tables, decisions.T, strict=True):
        table["decision"] = decision
    write_table(pd.concat(tables), arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        predictions="the student's predictions for the photoset, at its epoch: one table a fold...",
        chosen="the student's thresholds",
        manifest="the photoset's photos",
        output="votes to write",
    )
    add_spec(options, '{"labels": [...], "votes": {"least": 0, "most": null}}')
    run(options, main)
