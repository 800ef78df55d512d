"""Set the honest estimate of every label and of the macro F-beta beside the naive one."""

import argparse
import logging

from stylevote.ensemble.blocks import read_by_label, read_values
from stylevote.ensemble.decisions import decision_matrix, honest_scores, locked_scores
from stylevote.ensemble.honest import join_labels
from stylevote.errors import InputError
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.tables import label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the decisions, a row per label and one of their means. The naive figures are of each label by itself."""
    labels, votes, beta = arguments.spec["labels"], arguments.spec["votes"], arguments.spec["beta"]
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    decisions = join_labels(read_by_label(arguments.estimates, labels), manifest["image_id"], votes)
    naive = list(read_values(arguments.thresholds, labels, "f_beta").values())
    table = honest_scores(label_matrix(manifest, labels), decisions, naive, labels, beta)
    if (arguments.locked_votes is None) != (arguments.locked_manifest is None):
        raise InputError("--locked-votes and --locked-manifest: found one of the two, expected both or none")
    if arguments.locked_votes:
        locked = read_table(arguments.locked_manifest, ["image_id", *labels])
        decided = decision_matrix(read_table(arguments.locked_votes), locked["image_id"].to_numpy(), labels)
        table = table.join(locked_scores(label_matrix(locked, labels), decided, labels, beta))
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_table(manifest[["image_id"]].assign(**dict(zip(labels, decisions.T, strict=True))), arguments.decisions)
    write_table(table, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        estimates="honest decisions: a file per block...",
        manifest="the training photos",
        thresholds="thresholds: a file per block...",
        decisions="to write: the honest decision for every photo and label",
        output="to write: for each label, the honest F-beta beside the naive one",
    )
    for name, text in (("votes", "votes on photos that were locked away"), ("manifest", "these photos")):
        options.add_argument(f"--locked-{name}", type=optional_path, nargs="?", help=f"{text}, if there are any")
    add_spec(
        options, '{"labels": [...], "beta": 2, "votes": {"aggregation": "average_scores", "least": 0, "most": null}}'
    )
    run(options, main)
