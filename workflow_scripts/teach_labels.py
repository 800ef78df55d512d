"""Score the training photos for each fold's student, by an ensemble chosen without the fold; each label of a block."""

import argparse
import logging
from functools import partial

from stylevote.ensemble.blocks import write_by_label
from stylevote.ensemble.distillation import teach
from stylevote.ensemble.inputs import BLOCK_FILES, open_block
from stylevote.program import add_spec, add_threads, parser, run


def main(arguments: argparse.Namespace) -> None:
    """Write for each student's fold the other folds' photos and their scores."""
    spec, beta = arguments.spec, arguments.spec["beta"]
    taught = {}
    with open_block(arguments) as block:
        for label in block.labels:
            truth, features = block.truth(label), partial(block.stack_features, label)
            targets = teach(features, truth, block.folds, spec["stack"], beta=beta, threads=arguments.threads)
            mean = targets["score"].mean()
            logging.info("%s: mean score %.4f, share of positives %.4f", label, mean, truth.mean())
            targets.insert(1, "image_id", block.image_ids[targets.pop("photo")])
            taught[label] = targets
    write_by_label(taught, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        **BLOCK_FILES,
        output="to write: scores",
    )
    add_spec(
        options,
        '{"labels": [those of the block], "features": [labels whose members every stacker takes besides], "beta": 2, '
        '"stack": {"combiner": "mean"} or another, as for stack_members}',
    )
    add_threads(options)
    run(options, main)
