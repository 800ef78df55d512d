"""Select one label's members: by all training photos, and, for the honest estimate, by those outside each fold."""

import argparse
import logging

from stylevote.ensemble.rank import NONE
from stylevote.ensemble.scores import read_candidates
from stylevote.ensemble.select import select_by_fold
from stylevote.ensemble.size import read_sizes
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write every ranking with who is a member and why the others are not."""
    settings = dict(arguments.spec)
    label, beta = settings.pop("label"), settings.pop("beta")
    manifest = read_table(arguments.manifest, ["image_id", label])
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    _, scores = read_candidates(arguments.scores, manifest["image_id"].to_numpy())
    truth = label_matrix(manifest, [label])[:, 0]
    sizes = read_sizes(arguments.sizes, folds) if arguments.sizes else None
    selections = select_by_fold(read_table(arguments.rankings), scores, truth, folds, settings, sizes=sizes, beta=beta)
    selection = selections[selections["without"] == NONE]
    members = selection[selection["member"] > 0].sort_values("member")
    logging.info("%s: %d members of %d candidates\n%s", label, len(members), len(selection), members.to_string())
    top_n = settings.get("top_n", 0)
    if not sizes and len(members) < top_n:
        runs = selection["run"].nunique()
        logging.info("%s: fewer than %d members: there are %d runs, and these differ enough", label, top_n, runs)
    write_table(selections, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="the label's candidates",
        rankings="their rankings",
        manifest="the training photos",
        fold_table="their folds",
        output="to write: rankings and members",
    )
    options.add_argument(
        "--sizes", type=optional_path, nargs="?", help="table of the sizes that `target` chose, if it did"
    )
    add_spec(
        options,
        '{"label": NAME, "beta": 2, "method": "top_n", "top_n": 20, "correlation": 0.9}, {..., "method": "greedy", '
        '"greedy": {"bags": 20, "share": 0.5, "start": 5, "most": 50, "seed": 1}} or {..., "method": "all"}',
    )
    run(options, main)
