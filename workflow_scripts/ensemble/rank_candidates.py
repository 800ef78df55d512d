"""Rank every epoch of every run for each label of a block: by all training photos, and by those outside each fold."""

import logging
from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.blocks import write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.ensemble.rank import ALL, rank_by_fold


def main(scores: list[Path], manifest: Path, folds: Path, rankings: Path, *, labels: list[str], beta: float) -> None:
    """Write the rankings of each label of a block, by all training photos and by those outside each fold.

    Args:
        scores: candidates of the block
        manifest: training photos
        folds: their folds
        rankings: to write
        labels: those of the block
        beta: of F-beta
    """
    ranked = {}
    with open_block(scores, manifest, folds, labels) as block:
        for label in labels:
            candidates, of_label = block.candidates.of(label)
            ranking = rank_by_fold(candidates, block.truth(label), of_label, block.folds, beta)
            best = ranking[ranking["held_out_fold"] == ALL].head(10)
            logging.info("%s: %d candidates; the best are\n%s", label, len(candidates), best.to_string(index=False))
            ranked[label] = ranking
    write_by_label(ranked, rankings)


if __name__ == "__main__":
    run(main)
