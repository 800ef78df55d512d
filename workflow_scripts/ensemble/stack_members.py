"""Fit the stackers of each label of a block, one per fold, over its members' out-of-fold scores."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.ensemble.stack import fit_stack


def main(
    scores: list[Path],
    members: list[Path],
    manifest: Path,
    folds: Path,
    stackers: Path,
    grid: Path,
    stacked: Path,
    threads: int,
    *,
    labels: list[str],
    beta: float,
    features: list[str],
    stack: dict[str, Any],
) -> None:
    """Write the stackers, the grids and the out-of-fold stacked scores.

    Args:
        scores: candidates of the block, and of the labels in `features`
        members: of the same labels
        manifest: training photos
        folds: their folds
        stackers: to write, a row per label and fold
        grid: to write: table of the grids' points
        stacked: to write: out-of-fold stacked scores
        threads: to use
        labels: those of the block
        beta: of F-beta
        features: labels whose members every stacker takes, too
        stack: combiner and, under its name, its settings, if it has any
    """
    fitted, grids, combined = {}, {}, {}
    with open_block(scores, manifest, folds, labels, members=members, others=features) as block:
        for label in labels:
            of_members = block.stack_features(label)
            found = fit_stack(of_members, block.truth(label), block.folds, stack, beta=beta, threads=threads)
            chosen = found.grid[found.grid["chosen"]].to_string(index=False)
            logging.info("%s: %d members\n%s", label, of_members.shape[1], chosen)
            columns = {"fold": np.unique(block.folds), "stacker": [stacker.to_bytes() for stacker in found.stackers]}
            fitted[label], grids[label] = pd.DataFrame(columns), found.grid
            combined[label] = pd.DataFrame({"image_id": block.image_ids, "fold": block.folds, "score": found.scores})
    write_by_label(fitted, stackers)
    write_by_label(grids, grid)
    write_by_label(combined, stacked)


if __name__ == "__main__":
    run(main)
