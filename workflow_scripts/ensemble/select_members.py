"""Select the members of each label of a block: by all photos and, for the honest estimate, without each fold."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.select import select_by_fold
from stylevote.estimate.sizes import read_sizes


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
    selection: dict[str, Any],
) -> None:
    """Write the rankings of each label of a block with who is a member and why the others are not.

    Args:
        scores: candidates of the block
        rankings: of the candidates
        manifest: training photos
        folds: their folds
        sizes: table of the sizes that `target` chose, if it did
        members: to write: rankings and members
        labels: those of the block
        beta: of F-beta
        selection: method (top_n, greedy or all) and its settings
    """
    ranked, selected = read_by_label([rankings], labels), {}
    with open_block(scores, manifest, folds, labels) as block:
        wanted = read_sizes(sizes, block.folds) if sizes else None
        for label in labels:
            _, of_label = block.candidates.of(label)
            chosen = select_by_fold(
                ranked[label], of_label, block.truth(label), block.folds, selection, sizes=wanted, beta=beta
            )
            _log(label, chosen[chosen["held_out_fold"] == ALL], selection.get("top_n", 0) if wanted is None else 0)
            selected[label] = chosen
    write_by_label(selected, members)


def _log(label: str, ranking: pd.DataFrame, top_n: int) -> None:
    members = ranking[ranking["member"] > 0].sort_values("member")
    logging.info("%s: %d members of %d candidates\n%s", label, len(members), len(ranking), members.to_string())
    if len(members) < top_n:
        runs = ranking["run"].nunique()
        logging.info("%s: fewer than %d members: there are %d runs, and these differ enough", label, top_n, runs)


if __name__ == "__main__":
    run(main)
