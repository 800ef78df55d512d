"""Combine the folds' scores of a photoset into decisions for every photo and label."""

from pathlib import Path

from stylevote.cli import run
from stylevote.config.ensemble import Votes
from stylevote.ensemble.blocks import feature_labels, read_by_label, read_thresholds
from stylevote.ensemble.scores import divide_labels, files_of_runs, read_features
from stylevote.ensemble.stack import load_stackers
from stylevote.ensemble.vote import combine_folds_by_label, photoset_votes
from stylevote.files.tables import read_table, write_table


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
    voting: Votes,
    runs: list[str],
    external: list[str],
    fold_count: int,
) -> None:
    """Write a row per label and photo: each fold's score, the joint score, the votes and the decision.

    Args:
        predictions: predictions for the photoset, a file per run and fold; the folds of a run together
        manifest: photos of the photoset
        members: members of all labels
        stackers: stackers, a file per block of labels
        votes: to write: votes
        combiner: name of the combiner that made the stackers
        runs: names of the runs, in the order of their predictions
        external: the runs that other programs trained
    """
    image_ids = read_table(manifest, ["image_id"])["image_id"].to_numpy()
    files = files_of_runs(runs, predictions, fold_count)
    selected = read_table(members)
    stored = read_by_label(stackers, labels)
    of_labels = read_thresholds(thresholds, labels)
    tables = {}
    for group in divide_labels(labels, features, selected, fold_count * len(image_ids)):
        needed = feature_labels(group, features)
        scores = read_features(files, selected, image_ids, labels, external, wanted=needed)
        loaded = {label: load_stackers(label, stored[label], combiner, fold_count, threads) for label in group}
        combined = {label: feature_labels([label], features) for label in group}
        tables |= combine_folds_by_label(scores, combined, loaded, of_labels, voting.aggregation)
    write_table(photoset_votes(tables, of_labels, voting, image_ids), votes)


if __name__ == "__main__":
    run(main)
