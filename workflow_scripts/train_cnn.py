"""Train one run on one fold; keep every epoch's weights and out-of-fold predictions."""

import argparse
import hashlib
import logging
import os
import shutil
import signal
import threading
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist

from stylevote.cnn.batches import JoinedBanks, PhotoBank
from stylevote.cnn.failures import failures_explained
from stylevote.cnn.processes import Processes, joined, start_processes
from stylevote.cnn.train import FoldData, Training
from stylevote.device import open_device
from stylevote.digests import digest
from stylevote.errors import InputError
from stylevote.photos.pixels import check_index, open_pixels
from stylevote.program import add_spec, add_threads, optional_path, parser, run
from stylevote.provenance import code_digest
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table
from stylevote.takeover import taking_over
from stylevote.weights import UNFINISHED, weights_sha256

STOPPING = (signal.SIGTERM, signal.SIGINT)


def main(arguments: argparse.Namespace) -> None:
    """Train; what the machine cannot do ends in a line that says what to change."""
    if dist.is_torchelastic_launched():
        compute(arguments)
        return
    # Before there is a GPU: it may be the other's.
    with taking_over(arguments.history.parent / ".training"):
        if arguments.processes > 1:
            start_processes(arguments.processes)
        else:
            compute(arguments)


def compute(arguments: argparse.Namespace) -> None:
    """Train in this process, alone or as one of several."""
    with failures_explained(f"run {arguments.run}, fold {arguments.fold}"):
        device = open_device(arguments.threads)
        with joined(device) as processes:
            train_fold(arguments, device, processes)


def train_fold(arguments: argparse.Namespace, device: torch.device, processes: Processes) -> None:
    """Read the fold's photos, train, and put what came of it into its place."""
    labels, setting, fold = arguments.spec["labels"], arguments.spec["setting"], arguments.fold
    manifest, index = read_table(arguments.manifest), read_table(arguments.index)
    check_index(index, manifest, arguments.index)
    bank = PhotoBank.open(open_pixels(arguments.pixels, index), index, device)
    photos = index[["image_id", "crc32"]].assign(variant="original")
    if arguments.recolored_index:
        recolored = read_table(arguments.recolored_index)
        more = PhotoBank.open(open_pixels(arguments.recolored_pixels, recolored), recolored, device)
        bank = JoinedBanks((bank, more))
        photos = pd.concat([photos, recolored[["image_id", "crc32", "variant"]]], ignore_index=True)
    epochs = epoch_rows(read_table(arguments.epochs), photos, arguments.epochs)
    held_out = fold_numbers(manifest, read_table(arguments.fold_table)) == fold
    targets = label_matrix(manifest, labels).astype(np.float32)
    if arguments.targets:
        targets[~held_out] = soft_targets(arguments.targets, manifest["image_id"][~held_out], labels)
    rows = pd.Series(np.arange(len(manifest)), index=manifest["image_id"]).loc[photos["image_id"]].to_numpy()
    targets = torch.from_numpy(targets[rows])
    ((loss_name, loss_settings),) = setting["loss"].items()
    loss = import_module(f"stylevote.cnn.losses.{loss_name}")
    data = FoldData(
        bank=bank,
        targets=targets.to(device),
        epochs=epochs,
        validation=torch.from_numpy(np.flatnonzero(held_out)),
        loss=loss.make_loss(
            torch.tensor(label_matrix(manifest[~held_out], labels).sum(axis=0), dtype=torch.float32, device=device),
            int((~held_out).sum()),
            **loss_settings,
        ),
    )
    logging.info("%d photos an epoch to train on, %d held out, on %s", len(epochs[0]), held_out.sum(), device)
    work = arguments.history.parent / UNFINISHED  # not declared to the workflow, so that a retry finds it
    start = weights_sha256(arguments.start) if arguments.start else None
    key = digest(
        [setting, labels, fold, code_digest(Path(__file__), Path(loss.__file__)), start, photos["crc32"].tolist()]
        + [hashlib.sha256(part.numpy().tobytes()).hexdigest() for part in (*epochs, targets, torch.tensor(held_out))],
        64,
    )
    training = Training(arguments.run, setting, fold, data, folder=work, device=device, key=key, processes=processes)
    stop_with_a_word(training)
    history, scores = training.run()
    if processes.rank > 0:
        return
    predictions = pd.DataFrame(scores.reshape(-1, len(labels)), columns=labels)
    predictions.insert(0, "image_id", np.tile(manifest["image_id"].to_numpy()[held_out], len(scores)))
    predictions.insert(1, "epoch", np.repeat(np.arange(len(scores), dtype=np.int16), held_out.sum()))
    # A job that is killed here, or of whose end the workflow does not learn, begins again without its outputs, and
    # finds all of its work where it was. It stays until the workflow knows of the outputs, or a program reads them.
    shutil.rmtree(arguments.weights, ignore_errors=True)
    arguments.weights.mkdir(parents=True)
    # Files of other names are a killed job's, or another setting's.
    names = [f"epoch{epoch}.safetensors" for epoch in history["epoch"]]
    linked = [link(work / "weights" / name, arguments.weights / name) for name in names]
    write_table(predictions, arguments.validation)
    write_table(history, arguments.history)
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
    options = parser(
        __doc__,
        manifest="training photos and labels",
        fold_table="fold of each training photo",
        epochs="manifest of this fold's epochs",
        index="index of the pixel cache",
        pixels="pixel cache",
        history="to write: one row per epoch",
        validation="to write: out-of-fold predictions of every epoch",
        weights="to write: folder of every epoch's weights",
    )
    options.add_argument("--run", required=True, help="id of the run, for messages")
    options.add_argument("--fold", type=int, required=True, help="number of the fold held out")
    for name, what in (("index", "index of the recoloured photos' pixel cache"), ("pixels", "that pixel cache")):
        options.add_argument(f"--recolored-{name}", type=optional_path, nargs="?", help=f"{what}, if they are used")
    options.add_argument(
        "--start", type=optional_path, nargs="?", help="file of weights to start from, if there is one"
    )
    options.add_argument(
        "--targets",
        type=optional_path,
        help="scores that the photos to train on are to get, in the place of their labels (with the loss bce alone)",
    )
    add_spec(options, "`labels` and the run's `setting`")
    add_threads(options)
    options.add_argument(
        "--processes", type=int, default=1, help="processes that share the job, each with a GPU of its own (default 1)"
    )
    run(options, main)
