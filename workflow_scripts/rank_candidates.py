"""Rank every epoch of every run for each label of a block: by all training photos, and by those outside each fold."""

import argparse
import logging

from stylevote.ensemble.blocks import write_by_label
from stylevote.ensemble.inputs import BLOCK_FILES, open_block
from stylevote.ensemble.rank import NONE, rank_by_fold
from stylevote.program import add_spec, parser, run


def main(arguments: argparse.Namespace) -> None:
    """Write the rankings, one below the other."""
    labels, rankings = arguments.spec["labels"], {}
    with open_block(arguments, selected=False) as block:
        for label in labels:
            candidates, scores = block.candidates.of(label)
            ranking = rank_by_fold(candidates, block.truth(label), scores, block.folds, arguments.spec["beta"])
            best = ranking[ranking["without"] == NONE].head(10)
            logging.info("%s: %d candidates; the best are\n%s", label, len(candidates), best.to_string(index=False))
            rankings[label] = ranking
    write_by_label(rankings, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        **{name: text for name, text in BLOCK_FILES.items() if name != "members"},
        output="to write: rankings",
    )
    add_spec(options, '{"labels": [those of the block], "beta": 2}')
    run(options, main)
