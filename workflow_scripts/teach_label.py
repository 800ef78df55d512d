"""Score one label of the training photos for each fold's student, by an ensemble that was chosen without the fold."""

import argparse
import logging

from stylevote.ensemble.distillation import teach
from stylevote.ensemble.scores import read_stack_features
from stylevote.program import add_spec, add_threads, check_number, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write for each student's fold the other folds' photos and their scores."""
    label, beta = arguments.spec["label"], arguments.spec["beta"]
    check_number("members", arguments.members, len(arguments.scores), "file of scores")
    manifest = read_table(arguments.manifest, ["image_id", label])
    image_ids = manifest["image_id"].to_numpy()
    selections = [read_table(path) for path in arguments.members]
    targets = teach(
        lambda fold: read_stack_features(arguments.scores, selections, image_ids, fold),
        label_matrix(manifest, [label])[:, 0],
        fold_numbers(manifest, read_table(arguments.fold_table)),
        arguments.spec["stack"],
        beta=beta,
        threads=arguments.threads,
    )
    logging.info("%s: mean score %.4f, share of positives %.4f", label, targets["score"].mean(), manifest[label].mean())
    targets.insert(1, "image_id", image_ids[targets.pop("photo")])
    write_table(targets, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="candidates: the label's own, then those of other labels whose members are features, too...",
        members="selections, in the same order...",
        manifest="the training photos",
        fold_table="their folds",
        output="to write: scores",
    )
    add_spec(options, '{"label": NAME, "beta": 2, "stack": {"combiner": "mean"} or another, as for stack_members}')
    add_threads(options)
    run(options, main)
