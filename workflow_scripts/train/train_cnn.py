"""Train one run on one fold; write every epoch's weights and out-of-fold predictions."""

import hashlib
import logging
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from stylevote.cli import run
from stylevote.cnn.checkpoints import exit_on_signals
from stylevote.cnn.fold_data import FoldData, count_seen, open_caches, target_scores
from stylevote.cnn.outputs import UNFINISHED, predictions_table, publish, weights_path
from stylevote.cnn.settings import RunSetting
from stylevote.cnn.train import Training
from stylevote.config.identity import digest, file_sha256
from stylevote.files.tables import epoch_rows, fold_numbers, read_table
from stylevote.machine.device import open_device
from stylevote.machine.failures import explain_training_errors
from stylevote.machine.lock import folder_lock
from stylevote.machine.processes import joined, start_processes
from stylevote.tracking.code_digest import code_digest


def main(
    manifest: Path,
    folds: Path,
    epochs: Path,
    index: Path,
    pixels: Path,
    recolored_index: Path | None,
    recolored_pixels: Path | None,
    test_index: Path | None,
    test_pixels: Path | None,
    targets: Path | None,
    start: Path | None,
    head: Path | None,
    history: Path,
    validation: Path,
    weights: Path,
    run: str,
    fold: int,
    threads: int = 1,
    processes: int = 1,
    *,
    labels: list[str],
    setting: RunSetting,
) -> None:
    """Train one run on one fold; write every epoch's weights and out-of-fold predictions.

    Args:
        manifest: training photos and labels
        epochs: manifest of this fold's epochs
        index: index of the pixel cache
        pixels: pixel cache
        recolored_index: of the recoloured photos' pixel cache, if the run uses them
        recolored_pixels: that pixel cache
        test_index: of the photos' pixel cache at the run's `test_size`, if it has one
        test_pixels: that pixel cache
        targets: scores to learn instead of the labels, for the loss bce
        start: file of weights to start from, if any
        head: weights of the fold's probe whose head the network starts from, if any: a folder
        history: to write: one row per epoch
        validation: to write: out-of-fold predictions of every epoch
        weights: to write: folder of every epoch's weights
        fold: number of the fold held out
        processes: number of processes that share the job, each with its own GPU
    """

    def train() -> None:
        device = open_device(threads)
        with joined(device) as team:
            photos = read_table(manifest)
            held_out = fold_numbers(photos, read_table(folds)) == fold
            cache, variants = open_caches(photos, index, pixels, recolored_index, recolored_pixels, device)
            test_cache = None
            if test_index and test_pixels:
                test_cache, tested = open_caches(photos, test_index, test_pixels, None, None, device)
            scores = target_scores(photos, variants, held_out, labels, targets)
            ((name, parameters),) = setting["loss"].items()
            loss = import_module(f"stylevote.cnn.losses.{name}")
            orders = list(map(torch.from_numpy, epoch_rows(epochs, variants)))
            positives, seen = count_seen(scores, orders)
            data = FoldData(
                cache=cache,
                targets=scores.to(device),
                epochs=orders,
                validation=torch.from_numpy(np.flatnonzero(held_out)),
                loss=loss.make_loss(positives.to(device), seen.to(device), **parameters),
                test_cache=test_cache,
            )
            logging.info(
                "%d photos per epoch to train on, %d held out, on %s", len(data.epochs[0]), held_out.sum(), device
            )
            first_head = weights_path(head, 0) if head else None
            key = digest(
                [setting, labels, fold, code_digest(Path(__file__), Path(loss.__file__))]
                + [file_sha256(path) if path else None for path in (start, first_head)]
                + [variants["crc32"].tolist()]
                + ([tested["crc32"].tolist()] if test_cache else [])
                + [tensor_sha256(tensor) for tensor in (*data.epochs, scores, data.validation)],
                64,
            )
            work = history.parent / UNFINISHED
            training = Training(
                *(run, setting, fold, data),
                folder=work,
                device=device,
                key=key,
                weights=start,
                head=first_head,
                processes=team,
            )
            exit_on_signals(training.progress if team.is_main else None)
            table, probabilities = training.run()
            if team.is_main:
                ids = photos["image_id"].to_numpy()[held_out]
                predictions = predictions_table(probabilities, table["epoch"].tolist(), ids, labels)
                publish(table, predictions, work, history_path=history, predictions_path=validation, weights=weights)

    with explain_training_errors(f"run {run}, fold {fold}"):
        if dist.is_torchelastic_launched():
            train()
            return
        # Before a GPU is leased: an earlier process may still have it.
        with folder_lock(history.parent / ".training"):
            if processes > 1:
                start_processes(processes)
            else:
                train()


def tensor_sha256(tensor: torch.Tensor) -> str:
    """Return a digest of a tensor's numbers."""
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()


if __name__ == "__main__":
    run(main)
