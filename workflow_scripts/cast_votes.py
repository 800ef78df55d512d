"""Let the folds vote on every photo and label of a photoset."""

import argparse

import pandas as pd

from stylevote.ensemble.scores import files_by_run, read_features
from stylevote.ensemble.stack import combiner
from stylevote.ensemble.vote import cast_votes
from stylevote.program import InputError, add_spec, add_threads, parser, run
from stylevote.tables import read_json, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write a row a label and photo: each fold's score, their mean, the votes and the decision."""
    labels, folds = arguments.spec["labels"], arguments.folds
    if len(arguments.stackers) != len(labels) * folds or len(arguments.thresholds) != len(labels):
        raise InputError(
            f"{len(arguments.stackers)} stackers and {len(arguments.thresholds)} thresholds for {len(labels)} labels"
        )
    image_ids = read_table(arguments.manifest, ["image_id"])["image_id"].to_numpy()
    runs = files_by_run(arguments.runs, arguments.predictions, folds)
    features = read_features(runs, read_table(arguments.members), image_ids, labels)
    load = combiner(arguments.spec["combiner"]).load
    tables = []
    for k, label in enumerate(labels):
        paths = arguments.stackers[k * folds : (k + 1) * folds]
        threshold = read_json(arguments.thresholds[k])["threshold"]
        try:
            stackers = [load(path.read_bytes(), arguments.threads) for path in paths]
            votes = cast_votes(features[label], stackers, threshold)
        except InputError as error:
            raise InputError(f"{paths[0].parent}: {error}") from error
        votes.insert(0, "image_id", image_ids)
        votes.insert(1, "label", label)
        tables.append(votes)
    write_table(pd.concat(tables), arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the photoset's photos",
        members="members of all labels",
        stackers="stackers: of each label, one a fold...",
        thresholds="thresholds: one a label, in the order of the labels...",
        output="votes to write",
    )
    options.add_argument(
        "--predictions",
        required=True,
        help="the runs' predictions for the photoset: a path with {run} and {fold} in it",
    )
    options.add_argument("--runs", nargs="+", required=True, help="ids of the runs")
    options.add_argument("--folds", type=int, required=True, help="number of folds")
    add_spec(options, '{"labels": [...], "combiner": "xgboost" or "mean"}')
    add_threads(options)
    run(options, main)
