"""Let the folds vote on every photo and label of a photoset."""

import argparse
from pathlib import Path

import pandas as pd

from stylevote.ensemble.blocks import features_of, read_by_label, read_values
from stylevote.ensemble.scores import files_by_run, files_of_external, read_features
from stylevote.ensemble.stack import combiner
from stylevote.ensemble.vote import limit_votes, photoset_votes, vote_on_labels
from stylevote.errors import InputError
from stylevote.program import add_spec, add_threads, parser, run
from stylevote.tables import read_table, write_table

BYTES = 500_000_000  # of the members' scores in memory at a time


def main(arguments: argparse.Namespace) -> None:
    """Write a row per label and photo: each fold's score, that of all, the votes and the decision."""
    spec, folds = arguments.spec, arguments.folds
    labels, others, settings = spec["labels"], spec["features"], spec["votes"]
    image_ids = read_table(arguments.manifest, ["image_id"])["image_id"].to_numpy()
    runs = files_by_run(arguments.runs, arguments.predictions, folds)
    runs |= files_of_external(arguments.external, arguments.photoset, folds)
    external = [folder.name for folder in arguments.external]
    members = read_table(arguments.members)
    stored = read_by_label(arguments.stackers, labels)
    thresholds = read_values(arguments.thresholds, labels, "threshold")
    load, voted = combiner(spec["combiner"]).load, {}
    for part in parts_of(labels, others, members, folds * len(image_ids)):
        needed = list(dict.fromkeys([*part, *others]))
        features = read_features(
            runs, members, image_ids, labels, external, wanted=None if needed == labels else needed
        )
        stackers = {}
        for label in part:
            ordered = stored[label].sort_values("fold")["stacker"]
            if len(ordered) != folds:
                raise InputError(f"stackers of {label!r}: found {len(ordered)}, expected one per fold: {folds}")
            try:
                stackers[label] = [load(raw, arguments.threads) for raw in ordered]
            except InputError as error:
                raise InputError(f"stackers of {label!r}: {error}") from error
        combined = {label: features_of(label, others) for label in part}
        voted |= vote_on_labels(features, combined, stackers, thresholds, settings["aggregation"])
    decided = limit_votes(voted, thresholds, settings["least"], settings["most"])
    write_table(photoset_votes(decided, image_ids), arguments.output)


def parts_of(labels: list[str], others: list[str], members: pd.DataFrame, values: int) -> list[list[str]]:
    """Divide labels into parts whose members' scores take some memory each, and no more however many labels there are.

    Args:
        labels: all of them.
        others: labels whose members every stacker takes: all must be in memory at once if there are any.
        members: columns label and others, a row per member.
        values: scores of one member: folds times photos.
    """
    most = max(1, BYTES // (4 * values * max(1, int(members["label"].value_counts().max()))))
    return [labels] if others else [labels[start : start + most] for start in range(0, len(labels), most)]


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the photoset's photos",
        members="members of all labels",
        stackers="stackers: a file per block...",
        thresholds="thresholds: a file per block...",
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
        '{"labels": [...], "features": [labels whose members every stacker takes besides], "combiner": "xgboost" or '
        'another, "votes": {"aggregation": "average_scores" or another, "least": 0, "most": null}}',
    )
    add_threads(options)
    run(options, main)
