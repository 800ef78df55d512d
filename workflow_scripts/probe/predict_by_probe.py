"""Score a photoset by the heads of a probe, from the photoset's features."""

import logging
from pathlib import Path

import numpy as np

from stylevote.cli import run
from stylevote.cnn.outputs import check_weights, predictions_table, read_digests, weights_path
from stylevote.ensemble.rank import of_fold
from stylevote.files.arrays import read_arrays
from stylevote.files.tables import read_table, write_table
from stylevote.photos.pixels import check_index
from stylevote.probe.features import open_features
from stylevote.probe.scores import HEAD, probabilities


def main(
    manifest: Path,
    indexes: list[Path],
    features: list[Path],
    wanted: Path,
    history: list[Path],
    weights: list[Path],
    predictions: list[Path],
    run: str,
    *,
    labels: list[str],
) -> None:
    """Write the scores of each fold's head, if the fold wants it.

    Args:
        manifest: photos of the photoset
        indexes: index of their features, a file per shard
        features: those features
        wanted: run, epoch and fold of the networks: the ensemble's members, or all that may become members
        history: history of the run, a file per fold
        weights: weights of the run, a folder per fold
        predictions: to write: one table per fold
    """
    members, photos = read_table(wanted), read_table(manifest)
    members = members[members["run"] == run]
    opened, rows = open_features(features, indexes)
    check_index(rows, photos, indexes[0])
    for fold, path in enumerate(predictions):
        epochs = sorted(of_fold(members, fold)["epoch"].unique().tolist())
        scores = np.empty((len(epochs), len(photos), len(labels)), np.float32)
        for number, epoch in enumerate(epochs):
            file = weights_path(weights[fold], epoch)
            check_weights(file, read_digests(history[fold])[epoch])
            head = {name.removeprefix(HEAD): array for name, array in read_arrays(file).items()}
            scores[number] = probabilities(head, opened, np.arange(len(photos)))
        write_table(predictions_table(scores, epochs, photos["image_id"].to_numpy(), labels), path)
    logging.info("%d photos", len(photos))


if __name__ == "__main__":
    run(main)
