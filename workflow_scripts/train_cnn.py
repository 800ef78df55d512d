"""Train one run on one fold; keep every epoch's weights and out-of-fold predictions."""

import argparse
import hashlib
import logging
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stylevote.cnn.batches import PhotoBank
from stylevote.cnn.train import FoldData, Training
from stylevote.device import open_device
from stylevote.digests import digest
from stylevote.photos.pixels import check_index, open_pixels
from stylevote.program import add_spec, add_threads, optional_path, parser, run
from stylevote.provenance import code_digest
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table
from stylevote.weights import weights_sha256


def main(arguments: argparse.Namespace) -> None:
    """Read the fold's photos, train, and move what came of it into its place."""
    labels, setting, fold = arguments.spec["labels"], arguments.spec["setting"], arguments.fold
    device = open_device(arguments.threads)
    manifest, index = read_table(arguments.manifest), read_table(arguments.index)
    check_index(index, manifest, arguments.index)
    validation = np.flatnonzero(fold_numbers(manifest, read_table(arguments.fold_table)) == fold)
    data = FoldData(
        bank=PhotoBank.open(open_pixels(arguments.pixels, index), index, device),
        targets=torch.tensor(label_matrix(manifest, labels), dtype=torch.float32, device=device),
        epochs=[rows.to(device) for rows in epoch_rows(read_table(arguments.epochs), manifest)],
        validation=torch.from_numpy(validation).to(device),
    )
    logging.info("%d photos to train on, %d held out, on %s", len(data.epochs[0]), len(validation), device)
    work = arguments.history.parent / "unfinished"  # not declared to the workflow, so that a retry finds it
    start = weights_sha256(arguments.start) if arguments.start else None
    parts = [*data.epochs, data.targets, data.validation]
    key = digest(
        [setting, labels, fold, code_digest(Path(__file__)), start, index["crc32"].tolist()]
        + [hashlib.sha256(part.cpu().numpy().tobytes()).hexdigest() for part in parts],
        64,
    )
    history, scores = Training(arguments.run, setting, fold, data, folder=work, device=device, key=key).run()
    predictions = pd.DataFrame(scores.reshape(-1, len(labels)), columns=labels)
    predictions.insert(0, "image_id", np.tile(manifest["image_id"].to_numpy()[validation], len(scores)))
    predictions.insert(1, "epoch", np.repeat(np.arange(len(scores), dtype=np.int16), len(validation)))
    shutil.rmtree(arguments.weights, ignore_errors=True)
    (work / "weights").replace(arguments.weights)
    write_table(predictions, arguments.validation)
    write_table(history, arguments.history)
    shutil.rmtree(work)


def epoch_rows(epochs: pd.DataFrame, manifest: pd.DataFrame) -> list[torch.Tensor]:
    """Return each epoch's photos as rows of the manifest, in the order in which the epoch sees them."""
    row_of = pd.Series(np.arange(len(manifest)), index=manifest["image_id"])
    return [torch.from_numpy(row_of.loc[part["image_id"]].to_numpy()) for _, part in epochs.groupby("epoch", sort=True)]


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="training photos and labels",
        fold_table="fold of each training photo",
        epochs="manifest of this fold's epochs",
        index="index of the pixel cache",
        pixels="pixel cache",
        history="to write: a row an epoch",
        validation="to write: out-of-fold predictions of every epoch",
        weights="to write: folder of every epoch's weights",
    )
    options.add_argument("--run", required=True, help="id of the run, for messages")
    options.add_argument("--fold", type=int, required=True, help="number of the fold held out")
    options.add_argument(
        "--start", type=optional_path, nargs="?", help="file of weights to start from, if there is one"
    )
    add_spec(options, "`labels` and the run's `setting`")
    add_threads(options)
    run(options, main)
