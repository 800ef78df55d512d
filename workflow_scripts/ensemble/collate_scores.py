"""Collate the out-of-fold predictions of every run into one file of candidates per block of labels."""

import logging
from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.scores import collate_scores, files_of_runs
from stylevote.errors import InputError
from stylevote.files.tables import fold_numbers, read_table


def main(
    predictions: list[Path],
    manifest: Path,
    folds: Path,
    scores: list[Path],
    *,
    blocks: list[list[str]],
    runs: list[str],
    external: list[str],
) -> None:
    """Write the candidates of every block. The predictions of each run are read once.

    Args:
        predictions: out-of-fold predictions, a file per run and fold; the folds of a run together
        scores: to write: candidates, a file per block
        blocks: labels of each block
        runs: names of the runs, in the order of their predictions
        external: the runs that other programs trained
    """
    if len(scores) != len(blocks):
        raise InputError(f"--scores: found {len(scores)} files, expected {len(blocks)}, one per block of labels")
    photos = read_table(manifest, ["image_id"])
    of_photos = fold_numbers(photos, read_table(folds))
    files = files_of_runs(runs, predictions, len(set(of_photos)))
    outputs = dict(zip(scores, blocks, strict=True))
    collate_scores(files, photos["image_id"].to_numpy(), of_photos, outputs, external)
    labels = sum(map(len, blocks))
    logging.info("%d runs and external members, %d photos, %d labels", len(files), len(photos), labels)


if __name__ == "__main__":
    run(main)
