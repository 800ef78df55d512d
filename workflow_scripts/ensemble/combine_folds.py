"""Let the folds vote on every photo and label of a photoset."""

from pathlib import Path
from typing import Any

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import feature_labels, read_by_label, read_values
from stylevote.ensemble.scores import files_of_runs, read_features
from stylevote.ensemble.stack import combiner as combiner_of
from stylevote.ensemble.vote import combine_folds_by_label, limit_labels_by_photo, photoset_votes
from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table

BYTES = 500_000_000  # of the members' scores in memory at a time


def main(
    predictions: list[Path],
    manifest: Path,
    members: Path,
    stackers: list[Path],
    thresholds: list[Path],
    votes: Path,
    threads: int,
    *,
    labels: list[str],
    features: list[str],
    combiner: str,
    voting: dict[str, Any],
    runs: list[str],
    external: list[str],
    fold_count: int,
) -> None:
    """Write a row per label and photo: each fold's score, that of all, the votes and the decision.

    Args:
        predictions: for the photoset, a file per run and fold; the folds of a run together
        manifest: photos of the photoset
        members: of all labels
        stackers: a file per block of labels
        thresholds: a file per block of labels
        votes: to write
        threads: to use
        labels: all of them
        features: labels whose members every stacker takes, too
        combiner: that made the stackers
        voting: aggregation, and the least and most labels of a photo
        runs: names of the runs, in the order of their predictions
        external: those of the runs that other programs trained
        fold_count: how many folds there are
    """
    image_ids = read_table(manifest, ["image_id"])["image_id"].to_numpy()
    files = files_of_runs(runs, predictions, fold_count)
    selected = read_table(members)
    stored = read_by_label(stackers, labels)
    cuts = read_values(thresholds, labels, "threshold")
    load, voted = combiner_of(combiner).load, {}
    for part in parts_of(labels, features, selected, fold_count * len(image_ids)):
        needed = feature_labels(part, features)
        scores = read_features(
            files, selected, image_ids, labels, external, wanted=None if needed == labels else needed
        )
        loaded = {}
        for label in part:
            ordered = stored[label].sort_values("fold")["stacker"]
            if len(ordered) != fold_count:
                raise InputError(f"stackers of {label!r}: found {len(ordered)}, expected one per fold: {fold_count}")
            try:
                loaded[label] = [load(raw, threads) for raw in ordered]
            except InputError as error:
                raise InputError(f"stackers of {label!r}: {error}") from error
        combined = {label: feature_labels([label], features) for label in part}
        voted |= combine_folds_by_label(scores, combined, loaded, cuts, voting["aggregation"])
    decided = limit_labels_by_photo(voted, cuts, voting["min_labels"], voting["max_labels"])
    write_table(photoset_votes(decided, image_ids), votes)


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
    run(main)
