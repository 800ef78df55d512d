"""Score a photoset with one run's networks of every fold, at the wanted epochs."""

import argparse
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stylevote.cnn.batches import PhotoBank
from stylevote.cnn.failures import shortages_explained
from stylevote.cnn.network import Network
from stylevote.cnn.predict import predict
from stylevote.device import open_device
from stylevote.photos.pixels import check_index, open_pixels
from stylevote.program import InputError, add_spec, add_threads, parser, run
from stylevote.tables import read_table, write_table
from stylevote.weights import forget_work, load_weights, weights_sha256


def main(arguments: argparse.Namespace) -> None:
    """Predict; what the machine cannot do ends in a line that says what to change."""
    remedy = "give the job more memory, or a GPU that it shares with nobody"
    with shortages_explained(f"run {arguments.run}", remedy):
        predict_folds(arguments)


def predict_folds(arguments: argparse.Namespace) -> None:
    """Predict with each fold's stored weights of each wanted epoch."""
    labels, setting = arguments.spec["labels"], arguments.spec["setting"]
    wanted, index = read_table(arguments.wanted), read_table(arguments.index)
    check_index(index, read_table(arguments.manifest), arguments.index)
    epochs = sorted(wanted.loc[wanted["run"] == arguments.run, "epoch"].unique())
    logging.info("%d photos, epochs %s", len(index), ", ".join(map(str, epochs)) or "none wanted")
    if epochs:
        device = open_device(arguments.threads)
        bank = PhotoBank.open(open_pixels(arguments.pixels, index), index, device)
        network = Network({**setting, "weights": "none"}, len(labels)).to(device, memory_format=torch.channels_last)
        rows = torch.arange(len(index))
        side, batch, test_time = (setting[key] for key in ("size", "batch", "test_time"))
    for history, weights, output in zip(arguments.history, arguments.weights, arguments.output, strict=True):
        digests = read_table(history).set_index("epoch")["weights_sha256"]
        parts = [empty_predictions(labels)]
        for epoch in epochs:
            path = weights / f"epoch{epoch}.safetensors"
            check_digest(path, digests[epoch])
            load_weights(network, path)
            scores = pd.DataFrame(predict(network, bank, rows, side, batch, test_time=test_time), columns=labels)
            scores.insert(0, "image_id", index["image_id"].to_numpy())
            scores.insert(1, "epoch", np.int16(epoch))
            parts.append(scores)
        write_table(pd.concat(parts), output)
        forget_work(weights)


def empty_predictions(labels: list[str]) -> pd.DataFrame:
    """Return a predictions table without rows."""
    columns = {"image_id": "str", "epoch": "int16", **dict.fromkeys(labels, "float32")}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def check_digest(path: Path, expected: str) -> None:
    """Raise `InputError` unless the file is the one that training wrote."""
    found = weights_sha256(path)
    remedy = f"Remove the folder {path.parent} and start again: it is trained anew"
    if found is None:
        raise InputError(f"{path}: missing. {remedy}")
    if found != expected:
        raise InputError(f"{path}: damaged (its checksum is not that in the run's history). {remedy}")


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the photoset's photos",
        index="index of the photoset's pixel cache",
        pixels="the photoset's pixel cache",
        wanted="label, run and epoch of the networks wanted: the ensemble's members, or all that may become some",
        history="the run's history on each fold...",
        weights="folder of the run's weights on each fold...",
        output="to write: predictions table of each fold...",
    )
    options.add_argument("--run", required=True, help="id of the run")
    add_spec(options, "`labels` and the run's `setting`")
    add_threads(options)
    run(options, main)
