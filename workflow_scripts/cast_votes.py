"""Let the folds vote on every photo and label of a photoset."""

import argparse
from pathlib import Path

from stylevote.ensemble.decisions import read_by_label
from stylevote.ensemble.scores import files_by_run, files_of_external, read_features
from stylevote.ensemble.stack import combiner
from stylevote.ensemble.vote import decide_photos, photoset_votes
from stylevote.program import InputError, add_spec, add_threads, check_number, parser, run
from stylevote.tables import read_sealed, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write a row per label and photo: each fold's score, that of all, the votes and the decision."""
    labels, folds, settings = arguments.spec["labels"], arguments.folds, arguments.spec["votes"]
    check_number("stackers", arguments.stackers, len(labels) * folds, "label and fold")
    check_number("thresholds", arguments.thresholds, len(labels), "label")
    image_ids = read_table(arguments.manifest, ["image_id"])["image_id"].to_numpy()
    runs = files_by_run(arguments.runs, arguments.predictions, folds)
    runs |= files_of_external(arguments.external, arguments.photoset, folds)
    external = [folder.name for folder in arguments.external]
    features = read_features(runs, read_table(arguments.members), image_ids, labels, external)
    load = combiner(arguments.spec["combiner"]).load
    stackers = {}
    for k, label in enumerate(labels):
        paths = arguments.stackers[k * folds : (k + 1) * folds]
        stored = [read_sealed(path) for path in paths]
        try:
            stackers[label] = [load(raw, arguments.threads) for raw in stored]
        except InputError as error:
            raise InputError(f"{paths[0].parent}: {error}") from error
    thresholds = read_by_label(labels, arguments.thresholds, "threshold")
    combined = {label: arguments.spec["features"][label] for label in labels}
    decided = decide_photos(features, combined, stackers, thresholds, settings)
    write_table(photoset_votes(decided, image_ids), arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the photoset's photos",
        members="members of all labels",
        stackers="stackers: of each label, one per fold...",
        thresholds="thresholds: one per label, in the order of the labels...",
        output="to write: votes",
    )
    options.add_argument(
        "--predictions",
        required=True,
        help="the runs' predictions for the photoset: a path with {run} and {fold} in it",
    )
    options.add_argument("--runs", nargs="*", required=True, help="ids of the runs")
    options.add_argument("--photoset", required=True, help="the photoset's name")
    options.add_argument("--external", nargs="*", type=Path, default=[], help="folders of external members")
    options.add_argument("--folds", type=int, required=True, help="number of folds")
    add_spec(
        options,
        '{"labels": [...], "features": {NAME: [labels whose members its stackers take]}, "combiner": "xgboost" or '
        'another, "votes": {"aggregation": "average_scores" or another, "least": 0, "most": null}}',
    )
    add_threads(options)
    run(options, main)
