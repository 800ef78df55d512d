"""Train one run on one fold; keep every epoch's weights and out-of-fold predictions."""

import hashlib
import logging
import os
import shutil
import signal
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist

from stylevote.cli import run
from stylevote.cnn.batches import JoinedCaches, PixelCache
from stylevote.cnn.train import FoldData, Training
from stylevote.config.identity import digest
from stylevote.errors import InputError
from stylevote.files.tables import fold_numbers, label_matrix, read_table, write_table
from stylevote.files.weights import UNFINISHED, weights_sha256
from stylevote.machine.device import open_device
from stylevote.machine.failures import explain_training_errors
from stylevote.machine.lock import folder_lock
from stylevote.machine.processes import joined, start_processes
from stylevote.photos.pixels import check_index, open_pixels
from stylevote.tracking.code_digest import code_digest

STOPPING = (signal.SIGTERM, signal.SIGINT)


def main(
    manifest: Path,
    folds: Path,
    epochs: Path,
    index: Path,
    pixels: Path,
    recolored_index: Path | None,
    recolored_pixels: Path | None,
    targets: Path | None,
    start: Path | None,
    history: Path,
    validation: Path,
    weights: Path,
    run: str,
    fold: int,
    threads: int = 1,
    processes: int = 1,
    *,
    labels: list[str],
    setting: dict[str, Any],
) -> None:
    """Train one run on one fold; write every epoch's weights and out-of-fold predictions.

    Args:
        manifest: training photos and labels
        folds: their folds
        epochs: manifest of this fold's epochs
        index: of the pixel cache
        pixels: pixel cache
        recolored_index: of the recoloured photos' pixel cache, if the run uses them
        recolored_pixels: that pixel cache
        targets: scores that the photos to train on get in the place of their labels (with the loss bce alone)
        start: file of weights to start from, if there is one
        history: to write: one row per epoch
        validation: to write: out-of-fold predictions of every epoch
        weights: to write: folder of every epoch's weights
        run: id of the run, for messages
        fold: number of the fold held out
        threads: processor threads to use
        processes: how many share the job, each with a GPU of its own
        labels: those that the run predicts
        setting: of the run
    """

    def train() -> None:
        with explain_training_errors(f"run {run}, fold {fold}"):
            device = open_device(threads)
            with joined(device) as team:
                photos = read_table(manifest)
                held_out = fold_numbers(photos, read_table(folds)) == fold
                bank, variants = open_banks(photos, index, pixels, recolored_index, recolored_pixels, device)
                orders = epoch_rows(read_table(epochs), variants, epochs)
                learned = learned_scores(photos, variants, held_out, labels, targets)
                loss, loss_settings = chosen_loss(setting)
                truth = torch.tensor(label_matrix(photos[~held_out], labels), dtype=torch.float32, device=device)
                data = FoldData(
                    bank=bank,
                    targets=learned.to(device),
                    epochs=orders,
                    validation=torch.from_numpy(np.flatnonzero(held_out)),
                    loss=loss.make_loss(truth.sum(dim=0), len(truth), **loss_settings),
                )
                logging.info(
                    "%d photos an epoch to train on, %d held out, on %s", len(orders[0]), held_out.sum(), device
                )
                key = digest(
                    [setting, labels, fold, code_digest(Path(__file__), Path(loss.__file__))]
                    + [weights_sha256(start) if start else None, variants["crc32"].tolist()]
                    + [bytes_sha256(part) for part in (*orders, learned, torch.tensor(held_out))],
                    64,
                )
                work = history.parent / UNFINISHED  # not declared to the workflow, so that a retry finds it
                training = Training(run, setting, fold, data, folder=work, device=device, key=key, processes=team)
                stop_with_a_word(training)
                table, scores = training.run()
                if team.rank == 0:
                    predictions = predictions_table(scores, photos["image_id"].to_numpy()[held_out], labels)
                    put_in_place(table, predictions, work, history, validation, weights)

    if dist.is_torchelastic_launched():
        train()
        return
    # First the folder, then a GPU: the process that is waited for may hold the only one.
    with folder_lock(history.parent / ".training"):
        if processes > 1:
            start_processes(processes)
        else:
            train()


def open_banks(
    photos: pd.DataFrame,
    index: Path,
    pixels: Path,
    recolored_index: Path | None,
    recolored_pixels: Path | None,
    device: torch.device,
) -> tuple[PixelCache | JoinedCaches, pd.DataFrame]:
    """Return the pixels of the photos, and of recoloured ones if they are used, and what each is.

    Returns:
        the pixels; and image_id, crc32 and variant of each of them, in the same order.
    """
    table = read_table(index)
    check_index(table, photos, index)
    bank = PixelCache.open(open_pixels(pixels, table), table, device)
    variants = table[["image_id", "crc32"]].assign(variant="original")
    if recolored_index and recolored_pixels:
        recolored = read_table(recolored_index)
        more = PixelCache.open(open_pixels(recolored_pixels, recolored), recolored, device)
        bank = JoinedCaches((bank, more))
        variants = pd.concat([variants, recolored[["image_id", "crc32", "variant"]]], ignore_index=True)
    return bank, variants


def chosen_loss(setting: dict[str, Any]) -> tuple[ModuleType, dict[str, Any]]:
    """Return the module of the loss that a setting chooses, and the loss's own settings."""
    ((name, settings),) = setting["loss"].items()
    return import_module(f"stylevote.cnn.losses.{name}"), settings


def bytes_sha256(tensor: torch.Tensor) -> str:
    """Return a digest of a tensor's numbers."""
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()


def predictions_table(scores: np.ndarray, image_ids: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return the predictions table of scores of shape (epochs, photos, labels)."""
    predictions = pd.DataFrame(scores.reshape(-1, len(labels)), columns=labels)
    predictions.insert(0, "image_id", np.tile(image_ids, len(scores)))
    predictions.insert(1, "epoch", np.repeat(np.arange(len(scores), dtype=np.int16), len(image_ids)))
    return predictions


def put_in_place(
    table: pd.DataFrame, predictions: pd.DataFrame, work: Path, history: Path, validation: Path, weights: Path
) -> None:
    """Write the outputs of a finished training, whose own folder is ``work``.

    A job that is killed here, or of whose end the workflow does not learn, begins again without its outputs, and finds
    all of its work in its folder. The folder stays until the workflow knows of the outputs, or a program reads them.
    """
    shutil.rmtree(weights, ignore_errors=True)
    weights.mkdir(parents=True)
    # Files of other names are a killed job's, or another setting's.
    names = [f"epoch{epoch}.safetensors" for epoch in table["epoch"]]
    linked = [link(work / "weights" / name, weights / name) for name in names]
    write_table(predictions, validation)
    write_table(table, history)
    if not all(linked):
        shutil.rmtree(work)  # two copies would take too much room


def stop_with_a_word(training: Training) -> None:
    """Let SIGTERM and SIGINT end the program at once, saying from where it goes on; its status is 128 + the signal's.

    Nothing has to be saved then: every finished epoch lies on the disk. Python runs a signal's handler between two of
    its own instructions, for which a GPU, or other processes, may let it wait; so a thread waits for the signal, too.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)

    def stop() -> None:
        number = os.read(heard, 1)[0]
        if training.processes.rank == 0:
            done = f"after {training.kept} of {len(training.phase_of)} epochs"
            # Not by the log, which may be in the middle of a line.
            os.write(2, f"stopped by {signal.Signals(number).name}: the next start goes on {done}\n".encode())
        os._exit(128 + number)

    stopping = threading.Thread(target=stop, daemon=True)
    stopping.start()
    for number in STOPPING:
        signal.signal(number, lambda *_: stopping.join())


def link(source: Path, target: Path) -> bool:
    """Make a file appear in a second place, without a copy where the file system can do so; say whether it could."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
        return False
    return True


def learned_scores(
    photos: pd.DataFrame, variants: pd.DataFrame, held_out: np.ndarray, labels: list[str], targets: Path | None
) -> torch.Tensor:
    """Return the scores that a network is to give each variant of the photos: labels, or those of ``targets``.

    Returns:
        float32, shape (variants, labels).
    """
    scores = label_matrix(photos, labels).astype(np.float32)
    if targets:
        scores[~held_out] = soft_targets(targets, photos["image_id"][~held_out], labels)
    rows = pd.Series(np.arange(len(photos)), index=photos["image_id"]).loc[variants["image_id"]].to_numpy()
    return torch.from_numpy(scores[rows])


def soft_targets(path: Path, image_ids: pd.Series, labels: list[str]) -> np.ndarray:
    """Return the scores that a network is to learn in the place of labels, float32 of shape (photos, labels).

    Raises:
        InputError: the table is not of these photos, in this order.
    """
    table = read_table(path, ["image_id", *labels])
    if table["image_id"].tolist() != image_ids.tolist():
        raise InputError(f"{path}: its {len(table)} photos are not the {len(image_ids)} to train on")
    return table[labels].to_numpy(np.float32)


def epoch_rows(epochs: pd.DataFrame, photos: pd.DataFrame, path: Path) -> list[torch.Tensor]:
    """Return each epoch's photos as rows of ``photos`` (image_id, variant), in the order in which the epoch sees them.

    Raises:
        InputError: an epoch, of the table read from ``path``, wants a photo that is not there.
    """
    columns = ["image_id", "variant"]
    rows = pd.MultiIndex.from_frame(photos[columns]).get_indexer(pd.MultiIndex.from_frame(epochs[columns]))
    if (rows < 0).any():
        missing = epochs.loc[rows < 0, columns].iloc[0].tolist()
        raise InputError(
            f"{path}: {(rows < 0).sum()} photos are not in the pixel cache, first {missing}; delete the cache"
        )
    return [torch.from_numpy(rows[part]) for part in epochs.groupby("epoch", sort=True).indices.values()]


if __name__ == "__main__":
    run(main)
