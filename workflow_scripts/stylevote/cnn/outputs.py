"""Files of a training: weights per epoch, tables, and the unfinished work next to them (see `cnn.checkpoints`).

Nothing here imports torch, which takes seconds.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.config.identity import file_sha256
from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table

UNFINISHED = "unfinished"  # name of the folder, next to the outputs, in which a training works


def weights_path(folder: Path, epoch: int) -> Path:
    """Return the file of an epoch in a folder of weights."""
    return folder / f"epoch{epoch}.safetensors"


def read_digests(history: Path) -> dict[int, str]:
    """Return the SHA-256 of each epoch's weights, from a training's history."""
    return read_table(history, ["epoch", "weights_sha256"]).set_index("epoch")["weights_sha256"].to_dict()


def check_weights(path: Path, expected: str) -> None:
    """Raise `InputError` unless a file of weights has the digest that the training's history expects."""
    if not path.is_file() or file_sha256(path) != expected:
        problem = "damaged (its checksum is not that in the run's history)" if path.is_file() else "missing"
        raise InputError(f"{path}: {problem}. Delete the folder {path.parent} and run again: the run is retrained")


def predictions_table(scores: np.ndarray, epochs: list[int], image_ids: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return scores of shape (epochs, photos, labels) as a table: image_id, epoch and a column per label."""
    table = pd.DataFrame(scores.reshape(-1, len(labels)), columns=labels, dtype=np.float32)
    table.insert(0, "image_id", pd.Series(np.tile(image_ids, len(epochs)), dtype="str"))
    table.insert(1, "epoch", np.repeat(np.array(epochs, dtype=np.int16), len(image_ids)))
    return table


def publish(
    history: pd.DataFrame,
    predictions: pd.DataFrame,
    work: Path,
    *,
    history_path: Path,
    predictions_path: Path,
    weights: Path,
) -> None:
    """Write the outputs of a finished training.

    Args:
        history: a row per epoch.
        predictions: out-of-fold scores of every epoch.
        work: folder in which the training worked. It stays, but not if the file system has no links: a second copy of
            the weights would take too much room.
        history_path, predictions_path: where to write the tables.
        weights: folder to write the weights to; its old content is removed.
    """
    shutil.rmtree(weights, ignore_errors=True)
    weights.mkdir(parents=True)
    # The work folder may also hold files of a killed job or another setting.
    are_linked = [
        _link(weights_path(work / "weights", epoch), weights_path(weights, epoch)) for epoch in history["epoch"]
    ]
    write_table(predictions, predictions_path)
    write_table(history, history_path)
    if not all(are_linked):
        shutil.rmtree(work)


def _link(source: Path, target: Path) -> bool:
    """Link a file to a second place, or copy it; return whether it was linked."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
        return False
    return True


def forget_work(output: Path) -> None:
    """Remove the unfinished work next to an output of a training, if the workflow knows the outputs."""
    shutil.rmtree(output.parent / UNFINISHED, ignore_errors=True)


def keep_epochs(folder: Path, epochs: set[int]) -> tuple[int, int]:
    """Remove all other epochs' weights from a fold's folder of weights; return how many files, and their bytes."""
    kept = {weights_path(folder, epoch) for epoch in epochs}
    removed = [path for path in folder.glob("epoch*.safetensors") if path not in kept]
    size = sum(path.stat().st_size for path in removed)
    for path in removed:
        path.unlink()
    forget_work(folder)
    return len(removed), size
