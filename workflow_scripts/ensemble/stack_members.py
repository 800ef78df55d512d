"""Fit the stackers of each label of a block, one per fold, to its members' out-of-fold scores."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.config.ensemble import Stack
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
    stack: Stack,
) -> None:
    """Write the stackers, the grids and the out-of-fold stacked scores.

    Args:
        scores: candidates of the block, and of the labels in `features`
        members: members of the same labels
        stackers: to write: stackers, a row per label and fold
        grid: to write: the grids' points
        stacked: to write: out-of-fold stacked scores
    """
    fitted, grids, out_of_fold = {}, {}, {}
    with open_block(scores, manifest, folds, labels, members=members, common=features) as block:
        for label in labels:
            of_members = block.features(label)
            result = fit_stack(
                of_members, block.truth(label), block.folds, stack, groups=block.groups, beta=beta, threads=threads
            )
            chosen = result.grid[result.grid["chosen"]].to_string(index=False)
            logging.info("%s: %d members\n%s", label, of_members.shape[1], chosen)
            raw = [stacker.to_bytes() for stacker in result.stackers]
            fitted[label] = pd.DataFrame({"fold": np.unique(block.folds), "stacker": raw})
            grids[label] = result.grid
            columns = {"image_id": block.image_ids, "fold": block.folds, "score": result.scores}
            out_of_fold[label] = pd.DataFrame(columns)
    write_by_label(fitted, stackers)
    write_by_label(grids, grid)
    write_by_label(out_of_fold, stacked)


if __name__ == "__main__":
    run(main)
