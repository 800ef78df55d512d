"""Score each label of a block for each fold's student, by an ensemble chosen without the fold."""

import logging
from functools import partial
from pathlib import Path

from stylevote.cli import run
from stylevote.config.ensemble import Stack
from stylevote.ensemble.blocks import write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.metrics import drop_unknown
from stylevote.student.distillation import distillation_targets


def main(
    scores: list[Path],
    members: list[Path],
    manifest: Path,
    folds: Path,
    taught: Path,
    threads: int = 1,
    *,
    labels: list[str],
    features: list[str],
    beta: float,
    stack: Stack,
) -> None:
    """Write for each label and each student's fold the scores of the other folds' photos.

    Args:
        scores: candidates of the block, and of the labels in `features`
        members: members of the same labels
        taught: to write: scores to learn
    """
    taught_by_label = {}
    with open_block(scores, manifest, folds, labels, members=members, common=features) as block:
        for label in labels:
            truth, features_without = block.truth(label), partial(block.features, label)
            targets = distillation_targets(
                features_without, truth, block.folds, stack, groups=block.groups, beta=beta, threads=threads
            )
            mean = targets["score"].mean()
            (known,) = drop_unknown(truth)
            logging.info("%s: mean score %.4f, share of positives %.4f", label, mean, known.mean())
            targets.insert(1, "image_id", block.image_ids[targets.pop("photo")])
            taught_by_label[label] = targets
    write_by_label(taught_by_label, taught)


if __name__ == "__main__":
    run(main)
