"""List the epochs of a run that may become members: its best for each label. Remove the other epochs' weights."""

import logging
from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.cnn.outputs import keep_epochs
from stylevote.ensemble.rank import best_epochs, rank_candidates
from stylevote.ensemble.scores import read_run
from stylevote.files.tables import fold_numbers, label_matrix, read_table, write_table


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
        epochs: to write: each label's best epoch
        run: id of the run
        labels: labels of the run
    """
    photos = read_table(manifest)
    fold_of = fold_numbers(photos, read_table(folds))
    scored = read_run(predictions, photos["image_id"].to_numpy(), fold_of, labels)
    candidates = pd.DataFrame({"run": run, "epoch": scored.epochs})
    truth = label_matrix(photos, labels)
    best = [
        best_epochs(rank_candidates(candidates, truth[:, k], scored.scores[label], beta)).assign(label=label)
        for k, label in enumerate(labels)
    ]
    chosen = pd.concat(best)[["label", "run", "epoch", "f_beta"]].astype({"epoch": "int16"})
    write_table(chosen, epochs)
    kept = set(chosen["epoch"])
    count, size = keep_epochs(weights, kept)
    logging.info("kept: epochs %s; removed: the weights of %d others, %.1f MB", sorted(kept), count, size / 1e6)


if __name__ == "__main__":
    run(main)
