"""Score a photoset with one run's networks of every fold, at the wanted epochs.

Scores are kept by weights, photos, settings and code, and computed once. PyTorch, whose import takes seconds, is only
imported if scores are missing.
"""

import logging
from pathlib import Path

import numpy as np

from stylevote.cli import run
from stylevote.cnn.kept_scores import KeptScores
from stylevote.cnn.outputs import check_weights, forget_work, predictions_table, read_digests, weights_path
from stylevote.cnn.settings import RunSetting
from stylevote.config.identity import file_sha256
from stylevote.ensemble.rank import of_fold
from stylevote.files.tables import read_table, write_table
from stylevote.photos.pixels import check_index

# Keys of a run's setting on which its scores for given weights depend.
USED = ("backbone", "backbone_args", "hidden_units", "batch_norm", "size", "test_size", "tta")


def main(
    manifest: Path,
    index: Path,
    pixels: Path,
    wanted: Path,
    history: list[Path],
    weights: list[Path],
    predictions: list[Path],
    run: str,
    kept: Path,
    code: str,
    threads: int = 1,
    *,
    labels: list[str],
    setting: RunSetting,
) -> None:
    """Read the kept scores, predict the others, and write the scores of each fold's wanted epochs.

    Args:
        manifest: photos of the photoset
        index: index of their pixel cache, at the size at which the run scores
        pixels: that pixel cache
        wanted: run, epoch and fold of the networks: the ensemble's members, or all that may become members
        history: history of the run, a file per fold
        weights: weights of the run, a folder per fold
        predictions: to write: one table per fold
        kept: folder of the kept scores
        code: digest of the code, part of the key of kept scores
    """
    members, photos = read_table(wanted), read_table(index)
    check_index(photos, read_table(manifest), index)
    members = members[members["run"] == run]
    epochs = [sorted(of_fold(members, fold)["epoch"].unique().tolist()) for fold in range(len(predictions))]
    for fold, of_network in enumerate(epochs):
        text = ", ".join(map(str, of_network)) or "none wanted"
        logging.info("%d photos, fold %d: epochs %s", len(photos), fold, text)
    store = KeptScores(
        kept, labels, len(photos), [file_sha256(index), {key: setting[key] for key in USED if key in setting}, code]
    )
    stored = [read_digests(path) for path in history]
    digests = {(fold, epoch): stored[fold][epoch] for fold, of_network in enumerate(epochs) for epoch in of_network}
    scores = {network: store.read(*network, digest) for network, digest in digests.items()}
    missing = [network for network in scores if scores[network] is None]
    if missing:
        # They import torch.
        from stylevote.cnn.predict import predict_by_files  # noqa: PLC0415
        from stylevote.machine.failures import explain_shortages  # noqa: PLC0415

        files = [weights_path(weights[fold], epoch) for fold, epoch in missing]
        for network, path in zip(missing, files, strict=True):
            check_weights(path, digests[network])
        with explain_shortages(f"run {run}", "give the job more memory, or a GPU of its own"):
            predicted = predict_by_files(files, setting, len(labels), pixels, photos, threads)
            for network, probabilities in zip(missing, predicted, strict=True):
                store.write(*network, digests[network], probabilities)
                scores[network] = probabilities
        for path in history:
            forget_work(path)
    logging.info("%d networks scored the photos, %d had before", len(missing), len(scores) - len(missing))
    for fold, path in enumerate(predictions):
        stacked = np.array([scores[fold, epoch] for epoch in epochs[fold]])
        write_table(predictions_table(stacked, epochs[fold], photos["image_id"].to_numpy(), labels), path)


if __name__ == "__main__":
    run(main)
