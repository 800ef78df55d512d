"""List the epochs of one run that may become members, its best for each label; remove the other epochs' weights."""

import logging
from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.rank import best_epochs, rank_candidates
from stylevote.ensemble.scores import read_run
from stylevote.files.tables import fold_numbers, label_matrix, read_table, write_table
from stylevote.files.weights import forget_work


def main(
    predictions: list[Path],
    weights: list[Path],
    manifest: Path,
    folds: Path,
    epochs: Path,
    run: str,
    *,
    labels: list[str],
    beta: float,
) -> None:
    """Write label, run, epoch and F-beta of each label's best epoch; remove the other epochs' weights.

    Args:
        predictions: out-of-fold predictions of the run: one table per fold, in the order of the folds
        weights: folders of the run's weights: one per fold
        manifest: training photos
        folds: their folds
        epochs: to write
        run: id of the run
        labels: those that the run predicts
        beta: of F-beta
    """
    photos = read_table(manifest)
    of_photos = fold_numbers(photos, read_table(folds))
    read = read_run(predictions, photos["image_id"].to_numpy(), of_photos, labels)
    candidates = pd.DataFrame({"run": run, "epoch": read.epochs})
    truth = label_matrix(photos, labels)
    best = [
        best_epochs(rank_candidates(candidates, truth[:, k], read.scores[label], beta)).assign(label=label)
        for k, label in enumerate(labels)
    ]
    chosen = pd.concat(best)[["label", "run", "epoch", "f_beta"]].astype({"epoch": "int16"})
    write_table(chosen, epochs)
    remove_others(weights, set(chosen["epoch"]))


def remove_others(folders: list[Path], epochs: set[int]) -> None:
    """Remove the weights of all other epochs from the folders of a run's weights, one per fold."""
    kept = {f"epoch{epoch}.safetensors" for epoch in epochs}
    others = [path for folder in folders for path in folder.glob("epoch*.safetensors") if path.name not in kept]
    size = sum(path.stat().st_size for path in others)
    for path in others:
        path.unlink()
    for folder in folders:
        forget_work(folder)
    logging.info("kept: epochs %s; removed: the weights of %d others, %.1f MB", sorted(epochs), len(others), size / 1e6)


if __name__ == "__main__":
    run(main)
