"""List a run's epochs that may become members: each label's best by all photos and by each fold. Remove the others."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.cnn.outputs import keep_epochs
from stylevote.ensemble.rank import ALL, best_epochs, of_fold, rank_candidates
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
    """Write label, run, epoch, fold and F-beta of the best epochs; remove the other epochs' weights.

    Args:
        predictions: out-of-fold predictions of the run: one table per fold, in the order of the folds
        weights: folders of the run's weights: one per fold
        epochs: to write: the best epochs
    """
    photos = read_table(manifest)
    fold_of = fold_numbers(photos, read_table(folds))
    scored = read_run(predictions, photos["image_id"].to_numpy(), fold_of, labels)
    candidates = pd.DataFrame({"run": run, "epoch": scored.epochs})
    truth = label_matrix(photos, labels)
    best = []
    # Both, whatever selects members: configurations that share networks may differ in `selection.by`.
    for fold in [ALL, *np.unique(fold_of)]:
        known = (fold_of == fold) | (fold == ALL)
        for k, label in enumerate(labels):
            ranking = rank_candidates(candidates, truth[known, k], scored.scores[label][:, known], beta)
            best.append(best_epochs(ranking).assign(label=label, fold=fold))
    chosen = pd.concat(best)[["label", "run", "epoch", "fold", "f_beta"]].astype({"epoch": "int16", "fold": "int16"})
    write_table(chosen, epochs)
    for fold, folder in enumerate(weights):
        kept = set(of_fold(chosen, fold)["epoch"])
        count, size = keep_epochs(folder, kept)
        text = "fold %d: kept epochs %s; removed the weights of %d others, %.1f MB"
        logging.info(text, fold, sorted(kept), count, size / 1e6)


if __name__ == "__main__":
    run(main)
