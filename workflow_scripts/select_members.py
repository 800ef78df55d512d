"""Rank every epoch of every run for one label and select its members."""

import argparse
import logging

from stylevote.ensemble.rank import rank_candidates
from stylevote.ensemble.scores import read_candidates
from stylevote.ensemble.select import select_members
from stylevote.program import add_spec, parser, run
from stylevote.tables import label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the whole ranking, with who is a member and why the others are not."""
    label = arguments.spec["label"]
    settings = {name: value for name, value in arguments.spec.items() if name != "label"}
    manifest = read_table(arguments.manifest, ["image_id", label])
    candidates, scores = read_candidates(arguments.scores, manifest["image_id"].to_numpy())
    truth = label_matrix(manifest, [label])[:, 0]
    ranking = rank_candidates(candidates, truth, scores)
    selection = select_members(ranking, scores, truth, **settings)
    members = selection[selection["member"] > 0].sort_values("member")
    logging.info("%s: %d members of %d candidates\n%s", label, len(members), len(selection), members.to_string())
    top_n = settings.get("top_n", 0)
    if len(members) < top_n:
        runs = selection["run"].nunique()
        logging.info("%s: fewer than %d members: there are %d runs, and these differ enough", label, top_n, runs)
    write_table(selection, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__, scores="the label's candidates", manifest="the training photos", output="ranking and members to write"
    )
    add_spec(
        options,
        '{"label": NAME, "method": "top_n", "top_n": 20, "correlation": 0.9}, {"label": NAME, "method": "greedy", '
        '"greedy": {"bags": 20, "share": 0.5, "start": 5, "most": 50, "seed": 1}} or {"label": NAME, "method": "all"}',
    )
    run(options, main)
