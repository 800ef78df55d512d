"""Rank every epoch of every run for one label and select the best that differ from each other."""

import argparse
import logging

from stylevote.ensemble.rank import rank_candidates
from stylevote.ensemble.scores import read_candidates
from stylevote.ensemble.select import members_of, select_members
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the whole ranking, with who is a member and why the others are not."""
    label, top_n, correlation = (arguments.spec[name] for name in ("label", "top_n", "correlation"))
    manifest = read_table(arguments.manifest, ["image_id", label])
    candidates, scores = read_candidates(arguments.scores, manifest["image_id"].to_numpy())
    ranking = rank_candidates(candidates, label_matrix(manifest, [label])[:, 0], scores)
    selection = select_members(ranking, scores, top_n, correlation)
    members = members_of(selection)
    logging.info("%s: %d members of %d candidates\n%s", label, len(members), len(selection), members.to_string())
    if len(members) < top_n:
        runs = selection["run"].nunique()
        logging.info("%s: fewer than %d members: there are %d runs, and these differ enough", label, top_n, runs)
    write_table(selection, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__, scores="the label's candidates", manifest="the training photos", output="ranking and members to write"
    )
    add_spec(options, '{"label": NAME, "top_n": 20, "correlation": 0.9}')
    run(options, main)
