"""Fit the heads of a probe on all folds; write what a training writes."""

import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.cnn.outputs import predictions_table, weights_path
from stylevote.cnn.settings import RunSetting
from stylevote.config.identity import file_sha256
from stylevote.files.arrays import write_arrays
from stylevote.files.tables import epoch_rows, fold_numbers, read_table, target_matrix, write_table
from stylevote.photos.pixels import check_index
from stylevote.probe.features import open_features
from stylevote.probe.heads import fit_heads
from stylevote.probe.logits import log_losses
from stylevote.probe.scores import HEAD, probabilities
from stylevote.wording import plural


def main(
    manifest: Path,
    folds: Path,
    epochs: list[Path],
    indexes: list[Path],
    features: list[Path],
    recolored_indexes: list[Path],
    recolored_features: list[Path],
    history: list[Path],
    validation: list[Path],
    weights: list[Path],
    penalties: Path,
    run: str,
    *,
    labels: list[str],
    setting: RunSetting,
) -> None:
    """Fit a head per fold; write its weights, its out-of-fold predictions and a history of one epoch.

    Args:
        manifest: training photos and labels
        epochs: manifest of the epoch, a file per fold
        indexes: index of the photos' features, a file per shard
        features: those features
        recolored_indexes: index of the recoloured photos' features, if the run uses them
        recolored_features: those features
        history: to write: a row, in a file per fold
        validation: to write: out-of-fold predictions, a file per fold
        weights: to write: a folder per fold
        penalties: to write: the penalty of each fold and label
    """
    start = time.monotonic()
    photos = read_table(manifest)
    fold_of = fold_numbers(photos, read_table(folds))
    opened, rows = open_features(features + recolored_features, indexes + recolored_indexes)
    check_index(rows.iloc[: len(photos)], photos, indexes[0])
    rows["variant"] = rows["variant"].fillna("original") if "variant" in rows else "original"
    of_photo = pd.Series(np.arange(len(photos)), index=photos["image_id"]).loc[rows["image_id"]].to_numpy()
    targets = target_matrix(photos, labels)
    training_rows = [np.concatenate(epoch_rows(path, rows)) for path in epochs]
    logging.info("run %s: %d features of %d photos", run, opened.width, len(rows))
    heads = list(fit_heads(opened, targets[of_photo], training_rows, fold_of[of_photo], setting))
    seconds = (time.monotonic() - start) / len(heads)
    for fold, head in enumerate(heads):
        held_out = np.flatnonzero(fold_of == fold)
        path = weights_path(weights[fold], 0)
        write_arrays({HEAD + name: array for name, array in head.state.items()}, path)
        scores = probabilities(head.state, opened, held_out)
        ids = photos["image_id"].to_numpy()[held_out]
        write_table(predictions_table(scores[None], [0], ids, labels), validation[fold])
        row = {
            "epoch": 0,
            "phase": 0,
            "photos": len(training_rows[fold]),
            "highest_lr": 0.0,
            "train_loss": head.train_loss,
            "validation_loss": mean_loss(scores, targets[held_out]),
            "seconds": seconds,
            "weights_sha256": file_sha256(path),
        }
        write_table(pd.DataFrame([row]), history[fold])
        text = "fold %d: %d photos to train on, %d held out, loss %.4f, validation loss %.4f, %s"
        penalty = "penalties " + " ".join(f"{value:g}" for value in head.penalties)
        chosen = plural(head.epochs, "epoch") if head.epochs else penalty
        logging.info(text, fold, row["photos"], len(held_out), row["train_loss"], row["validation_loss"], chosen)
    chosen = [
        {"fold": k, "label": name, "penalty": head.penalties[i]}
        for k, head in enumerate(heads)
        for i, name in enumerate(labels)
    ]
    write_table(pd.DataFrame(chosen), penalties)


def mean_loss(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean cross-entropy of probabilities over known labels, as a training's history has it."""
    known = ~np.isnan(truth)
    scores, truth = scores[known].astype(np.float64), truth[known]
    with np.errstate(divide="ignore"):
        logits = (np.log(scores) - np.log1p(-scores)).clip(-100, 100)
    return float(log_losses(logits, truth)[0].mean())


if __name__ == "__main__":
    run(main)
