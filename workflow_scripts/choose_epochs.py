"""List the epochs of one run that may become members, its best for each label; remove the other epochs' weights."""

import argparse
import logging
from pathlib import Path

import pandas as pd

from stylevote.ensemble.rank import best_epochs, rank_candidates
from stylevote.ensemble.scores import read_run
from stylevote.program import add_spec, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table
from stylevote.weights import forget_work


def main(arguments: argparse.Namespace) -> None:
    """Write label, run, epoch and F-beta of each label's best epoch; then make room."""
    labels, beta = arguments.spec["labels"], arguments.spec["beta"]
    manifest = read_table(arguments.manifest)
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    predictions = read_run(arguments.predictions, manifest["image_id"].to_numpy(), folds, labels)
    candidates = pd.DataFrame({"run": arguments.run, "epoch": predictions.epochs})
    truth = label_matrix(manifest, labels)
    best = [
        best_epochs(rank_candidates(candidates, truth[:, k], predictions.scores[label], beta)).assign(label=label)
        for k, label in enumerate(labels)
    ]
    chosen = pd.concat(best)[["label", "run", "epoch", "f_beta"]].astype({"epoch": "int16"})
    write_table(chosen, arguments.output)
    remove_others(arguments.weights, set(chosen["epoch"]))


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
    options = parser(
        __doc__,
        predictions="the run's out-of-fold predictions: one table per fold, in the order of the folds...",
        manifest="the training photos",
        fold_table="their folds",
        weights="folders of the run's weights: one per fold...",
        output="to write: table of epochs",
    )
    options.add_argument("--run", required=True, help="id of the run")
    add_spec(options, '{"labels": [...], "beta": 2}: those that the run predicts')
    run(options, main)
