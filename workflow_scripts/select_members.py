"""Select the members of each label of a block: by all photos and, for the honest estimate, without each fold."""

import argparse
import logging

from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.inputs import BLOCK_FILES, open_block
from stylevote.ensemble.rank import NONE
from stylevote.ensemble.select import select_by_fold
from stylevote.ensemble.size import read_sizes
from stylevote.program import add_spec, optional_path, parser, run


def main(arguments: argparse.Namespace) -> None:
    """Write every ranking with who is a member and why the others are not."""
    settings = dict(arguments.spec)
    labels, beta = settings.pop("labels"), settings.pop("beta")
    rankings, selected = read_by_label([arguments.rankings], labels), {}
    with open_block(arguments, selected=False) as block:
        sizes = read_sizes(arguments.sizes, block.folds) if arguments.sizes else None
        for label in labels:
            _, scores = block.candidates.of(label)
            selections = select_by_fold(
                rankings[label], scores, block.truth(label), block.folds, settings, sizes=sizes, beta=beta
            )
            selection = selections[selections["without"] == NONE]
            members = selection[selection["member"] > 0].sort_values("member")
            found = len(members), len(selection), members.to_string()
            logging.info("%s: %d members of %d candidates\n%s", label, *found)
            top_n = settings.get("top_n", 0)
            if not sizes and len(members) < top_n:
                runs = selection["run"].nunique()
                logging.info(
                    "%s: fewer than %d members: there are %d runs, and these differ enough", label, top_n, runs
                )
            selected[label] = selections
    write_by_label(selected, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        **{name: text for name, text in BLOCK_FILES.items() if name != "members"},
        rankings="rankings of the candidates",
        output="to write: rankings and members",
    )
    options.add_argument(
        "--sizes", type=optional_path, nargs="?", help="table of the sizes that `target` chose, if it did"
    )
    add_spec(
        options,
        '{"labels": [those of the block], "beta": 2, "method": "top_n", "top_n": 20, "correlation": 0.9}, {..., '
        '"method": "greedy", "greedy": {"bags": 20, "share": 0.5, "start": 5, "most": 50, "seed": 1}} or {..., '
        '"method": "all"}',
    )
    run(options, main)
