"""Decide each label of a block for every training photo by an ensemble that was chosen without the photo's fold."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

from stylevote.cli import run
from stylevote.ensemble.blocks import write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.estimate.nested import predict_nested
from stylevote.metrics import f_beta


def main(
    scores: list[Path],
    members: list[Path],
    manifest: Path,
    folds: Path,
    estimates: Path,
    threads: int,
    *,
    labels: list[str],
    beta: float,
    features: list[str],
    stack: dict[str, Any],
    threshold: dict[str, Any],
) -> None:
    """Write each photo's fold, score, threshold and decision, and how many members its ensemble had.

    Args:
        scores: candidates of the block, and of the labels in `features`
        members: of the same labels
        manifest: training photos
        folds: their folds
        estimates: to write: honest decisions
        threads: to use
        labels: those of the block
        beta: of F-beta
        features: labels whose members every stacker takes, too
        stack: combiner and its settings, as for stack_members
        threshold: method and its settings, as for search_thresholds
    """
    settings, decided = {"stack": stack, "threshold": threshold}, {}
    with open_block(scores, manifest, folds, labels, members=members, others=features) as block:
        for label in labels:
            truth, features_without = block.truth(label), partial(block.stack_features, label)
            estimate = predict_nested(features_without, truth, block.folds, settings, beta=beta, threads=threads)
            logging.info("%s: honest F%g %.4f", label, beta, f_beta(truth, estimate["decision"].to_numpy(), beta))
            estimate.insert(0, "image_id", block.image_ids)
            decided[label] = estimate
    write_by_label(decided, estimates)


if __name__ == "__main__":
    run(main)
