"""Score a photoset with one run's networks of every fold, at the wanted epochs.

Scores are kept by the weights, photos, settings and code that they come from, and computed once. Without a missing one,
PyTorch is not imported: it takes seconds.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.cnn.kept_scores import KeptScores
from stylevote.config.identity import file_sha256
from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table
from stylevote.photos.pixels import check_index

# Of a run's setting, what its scores for given weights depend on.
USED = ("backbone", "backbone_args", "hidden_units", "dropout", "size", "tta")


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
    setting: dict[str, Any],
) -> None:
    """Read the scores that are kept, predict the others, and write each fold's wanted epochs.

    Args:
        manifest: photos of the photoset
        index: of their pixel cache
        pixels: their pixel cache
        wanted: label, run and epoch of the networks wanted: the ensemble's members, or all that may become some
        history: of the run on each fold
        weights: folder of the run's weights on each fold
        predictions: to write: one table per fold
        run: id of the run
        kept: folder of the scores that are kept
        code: digest of the code, by which kept scores are known
        threads: processor threads to use
        labels: those that the run predicts
        setting: of the run
    """
    members, photos = read_table(wanted), read_table(index)
    check_index(photos, read_table(manifest), index)
    epochs = sorted(members.loc[members["run"] == run, "epoch"].unique().tolist())
    logging.info("%d photos, epochs %s", len(photos), ", ".join(map(str, epochs)) or "none wanted")
    used = {key: value for key, value in setting.items() if key in USED}
    store = KeptScores(kept, labels, len(photos), [file_sha256(index), used, code])
    digests = [read_table(path).set_index("epoch")["weights_sha256"] for path in history]
    networks = [(fold, epoch, of_fold[epoch]) for fold, of_fold in enumerate(digests) for epoch in epochs]
    scores = {network[:2]: store.read(*network) for network in networks}
    missing = [network for network in networks if scores[network[:2]] is None]
    if missing:
        from stylevote.machine.failures import explain_shortages  # noqa: PLC0415

        remedy = "give the job more memory, or a GPU that it shares with nobody"
        with explain_shortages(f"run {run}", remedy):
            predict(pixels, photos, weights, missing, labels, setting, store, scores, threads)
    logging.info("%d networks scored the photos, %d had before", len(missing), len(networks) - len(missing))
    for fold, path in enumerate(predictions):
        parts = [empty_predictions(labels)]
        for epoch in epochs:
            part = pd.DataFrame(scores[fold, epoch], columns=labels)
            part.insert(0, "image_id", photos["image_id"].to_numpy())
            part.insert(1, "epoch", np.int16(epoch))
            parts.append(part)
        write_table(pd.concat(parts), path)


def predict(
    pixels: Path,
    index: pd.DataFrame,
    weights: list[Path],
    missing: list[tuple[int, int, str]],
    labels: list[str],
    setting: dict[str, Any],
    store: KeptScores,
    scores: dict[tuple[int, int], np.ndarray | None],
    threads: int,
) -> None:
    """Score the photos by the networks whose scores are missing, and keep these.

    Args:
        pixels: pixel cache of the photos.
        index: of the pixel cache.
        weights: folder of the run's weights on each fold.
        missing: fold, epoch and digest of the weights of each network.
        labels: those that the run predicts.
        setting: of the run.
        store: where scores are kept.
        scores: by fold and epoch; the missing ones are added, float32 of shape (photos, labels).
        threads: processor threads to use.
    """
    import torch  # noqa: PLC0415

    from stylevote.cnn.batches import PixelCache  # noqa: PLC0415
    from stylevote.cnn.network import Network  # noqa: PLC0415
    from stylevote.cnn.predict import predict as predict_photos  # noqa: PLC0415
    from stylevote.files.weights import forget_work, load_weights  # noqa: PLC0415
    from stylevote.machine.device import open_device  # noqa: PLC0415
    from stylevote.photos.pixels import open_pixels  # noqa: PLC0415

    device = open_device(threads)
    bank = PixelCache.open(open_pixels(pixels, index), index, device)
    network = Network({**setting, "weights": "none"}, len(labels))
    network = network.to(device, memory_format=torch.channels_last)
    rows = torch.arange(len(index))
    side, batch, tta = (setting[key] for key in ("size", "batch", "tta"))
    for fold, epoch, digest in missing:
        path = weights[fold] / f"epoch{epoch}.safetensors"
        check_digest(path, digest)
        load_weights(network, path)
        found = np.asarray(predict_photos(network, bank, rows, side, batch, tta=tta), dtype=np.float32)
        store.write(fold, epoch, digest, found)
        scores[fold, epoch] = found
    for folder in weights:
        forget_work(folder)


def empty_predictions(labels: list[str]) -> pd.DataFrame:
    """Return a predictions table without rows."""
    columns = {"image_id": "str", "epoch": "int16", **dict.fromkeys(labels, "float32")}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def check_digest(path: Path, expected: str) -> None:
    """Raise `InputError` unless the file is the one that training wrote."""
    from stylevote.files.weights import weights_sha256  # noqa: PLC0415

    found = weights_sha256(path)
    remedy = f"Remove the folder {path.parent} and start again: it is trained anew"
    if found is None:
        raise InputError(f"{path}: missing. {remedy}")
    if found != expected:
        raise InputError(f"{path}: damaged (its checksum is not that in the run's history). {remedy}")


if __name__ == "__main__":
    run(main)
