"""Rank the candidates of each label of a block, on all training photos and without the photos of each fold."""

import logging
from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.blocks import write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.ensemble.rank import ALL, rank_by_fold


def main(scores: list[Path], manifest: Path, folds: Path, rankings: Path, *, labels: list[str], beta: float) -> None:
    """Write the rankings of each label of a block.

    Args:
        scores: candidates of the block
        rankings: to write: rankings
    """
    by_label = {}
    with open_block(scores, manifest, folds, labels) as block:
        for label in labels:
            candidates, of_label = block.candidates.of(label)
            by_label[label] = ranking = rank_by_fold(candidates, block.truth(label), of_label, block.folds, beta)
            best = ranking[ranking["held_out_fold"] == ALL].head(10)
            logging.info("%s: %d candidates; the best are\n%s", label, len(candidates), best.to_string(index=False))
    write_by_label(by_label, rankings)


if __name__ == "__main__":
    run(main)
