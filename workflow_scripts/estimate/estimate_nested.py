"""Decide each label of a block for every training photo by an ensemble that was chosen without the photo's fold."""

import logging
from functools import partial
from pathlib import Path

from stylevote.cli import run
from stylevote.config.ensemble import Stack, Threshold
from stylevote.ensemble.blocks import write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.ensemble.nested import predict_nested
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
    stack: Stack,
    threshold: Threshold,
) -> None:
    """Write each photo's fold, score, threshold and decision, and the number of members of its ensemble.

    Args:
        scores: candidates of the block, and of the labels in `features`
        members: members of the same labels
        estimates: to write: nested decisions
    """
    by_label = {}
    with open_block(scores, manifest, folds, labels, members=members, common=features) as block:
        for label in labels:
            truth, of_members = block.truth(label), partial(block.features, label)
            estimate = predict_nested(
                of_members, truth, block.folds, stack, threshold, groups=block.groups, beta=beta, threads=threads
            )
            logging.info("%s: nested F%g %.4f", label, beta, f_beta(truth, estimate["decision"].to_numpy(), beta))
            estimate.insert(0, "image_id", block.image_ids)
            by_label[label] = estimate
    write_by_label(by_label, estimates)


if __name__ == "__main__":
    run(main)
