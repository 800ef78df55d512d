"""Decide each label of a block for every training photo by ensembles of several sizes, chosen without its fold."""

from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.config.ensemble import Selection, Stack, Threshold
from stylevote.ensemble.blocks import feature_labels, read_by_label, write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.ensemble.sizes import SIZES
from stylevote.estimate.sizes import estimate_sizes, select_sizes


def main(
    scores: list[Path],
    rankings: list[Path],
    manifest: Path,
    folds: Path,
    estimates: Path,
    members: Path,
    threads: int,
    *,
    labels: list[str],
    beta: float,
    features: list[str],
    selection: Selection,
    stack: Stack,
    threshold: Threshold,
) -> None:
    """Write the nested decisions of each label and size, and the members.

    Args:
        scores: candidates of the block, and of the labels in `features`
        rankings: rankings of the same candidates
        estimates: to write: nested decisions
        members: to write: members
    """
    nested, selected = {}, {}
    with open_block(scores, manifest, folds, labels, common=features) as block:
        selections: dict[str, dict[str, pd.DataFrame]] = {size: {} for size in SIZES}
        for label, ranking in read_by_label(rankings, feature_labels(labels, features)).items():
            _, of_label = block.candidates.of(label)
            by_size = select_sizes(
                ranking, of_label, block.truth(label), block.folds, block.halves(label), selection, beta=beta
            )
            for size, table in by_size.items():
                selections[size][label] = table
        for label in labels:
            nested[label], selected[label] = estimate_sizes(
                block, label, selections, stack, threshold, beta=beta, threads=threads
            )
    write_by_label(nested, estimates)
    write_by_label(selected, members)


if __name__ == "__main__":
    run(main)
