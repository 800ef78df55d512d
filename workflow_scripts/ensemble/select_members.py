"""Select the members of each label of a block, on all training photos and without the photos of each fold."""

import logging
from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.config.ensemble import Selection
from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.select import select_by_fold
from stylevote.ensemble.sizes import read_sizes


def main(
    scores: list[Path],
    rankings: Path,
    manifest: Path,
    folds: Path,
    sizes: Path | None,
    members: Path,
    *,
    labels: list[str],
    beta: float,
    selection: Selection,
) -> None:
    """Write the rankings of each label of a block, with each member's number, and why the others are no members.

    Args:
        scores: candidates of the block
        rankings: rankings of the candidates
        sizes: table of the sizes that `target` chose, if it did
        members: to write: rankings and members
        selection: method (top_n, greedy, each_backbone or all) and its settings
    """
    ranked, by_label = read_by_label([rankings], labels), {}
    with open_block(scores, manifest, folds, labels) as block:
        by_fold = read_sizes(sizes, block.folds) if sizes else None
        for label in labels:
            _, of_label = block.candidates.of(label)
            by_label[label] = selected = select_by_fold(
                ranked[label],
                of_label,
                block.truth(label),
                block.folds,
                block.halves(label),
                selection,
                sizes=by_fold,
                beta=beta,
            )
            top_n = selection.top_n if selection.method == "top_n" and by_fold is None else 0
            _log(label, selected[selected["held_out_fold"] == ALL], top_n)
    write_by_label(by_label, members)


def _log(label: str, ranking: pd.DataFrame, top_n: int) -> None:
    members = ranking[ranking["member"] > 0].sort_values(["fold", "member"])
    logging.info("%s: %d members of %d candidates\n%s", label, len(members), len(ranking), members.to_string())
    runs, counts = ranking["run"].nunique(), members.groupby("fold")["member"].size()
    if counts.min() < top_n:
        logging.info("%s: fewer than %d members: of %d runs, only these differ enough", label, top_n, runs)
    if counts.min() < counts.max():
        text = (
            "%s: folds found %s members that differ enough; each keeps the first %d, as stackers need as many of each"
        )
        logging.warning(text, label, ", ".join(map(str, counts)), counts.min())


if __name__ == "__main__":
    run(main)
