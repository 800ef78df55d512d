"""Decide each label of a block for every training photo by ensembles of several sizes, chosen without its fold."""

import argparse
import logging

import pandas as pd

from stylevote.ensemble.blocks import read_by_label, write_by_label
from stylevote.ensemble.honest import decide_outside
from stylevote.ensemble.inputs import BLOCK_FILES, BlockInputs, open_block
from stylevote.ensemble.rank import NONE
from stylevote.ensemble.size import select_sizes
from stylevote.metrics import f_beta
from stylevote.program import add_spec, add_threads, parser, run


def main(arguments: argparse.Namespace) -> None:
    """Write the estimates of each label and size, one below the other, and the members."""
    spec = arguments.spec
    estimates, members = {}, {}
    with open_block(arguments, selected=False) as block:
        needed = list(dict.fromkeys([*block.labels, *block.others]))
        rankings = read_by_label(arguments.rankings, needed)
        sizes = {}
        for label in needed:
            _, scores = block.candidates.of(label)
            truth = block.truth(label)
            sizes[label] = select_sizes(
                rankings[label], scores, truth, block.folds, spec["selection"], beta=spec["beta"]
            )
        for label in block.labels:
            estimates[label], members[label] = estimate_sizes(block, label, sizes, spec, arguments.threads)
    write_by_label(estimates, arguments.estimates)
    write_by_label(members, arguments.members)


def estimate_sizes(
    block: BlockInputs, label: str, sizes: dict[str, dict[str, pd.DataFrame]], spec: dict, threads: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a label's estimates by size, and the members that all photos choose.

    Args:
        block: the inputs.
        label: one of the block's.
        sizes: for each label and size the selections (`size.select_sizes`).
        spec: the program's settings.
        threads: to use.
    """
    truth, named = block.truth(label), block.feature_labels(label)
    estimates, members, before = [], [], None
    for size in sizes[label]:
        chosen = {name: sizes[name][size] for name in named}
        taken = [part[["without", "run", "epoch", "weight"]].to_numpy().tolist() for part in chosen.values()]
        if taken != before:  # with no more runs to take, a larger size is the same ensemble
            estimate = decide_outside(
                lambda fold, chosen=chosen: block.candidates.stack_features(named, chosen, fold),
                truth,
                block.folds,
                spec,
                beta=spec["beta"],
                threads=threads,
            )
        before = taken
        estimates.append(estimate.assign(size=size, image_id=block.image_ids))
        reached = f_beta(truth, estimate["decision"].to_numpy(), spec["beta"])
        logging.info("%s, size %s: honest F%g %.4f", label, size, spec["beta"], reached)
        final = chosen[label]
        members.append(final.loc[final["without"] == NONE, ["run", "epoch"]].assign(size=size))
    return pd.concat(estimates), pd.concat(members)


if __name__ == "__main__":
    options = parser(
        __doc__,
        **{name: text for name, text in BLOCK_FILES.items() if name != "members"},
        rankings="rankings of the candidates, in the same order...",
        estimates="to write: estimates",
        members="to write: members",
    )
    add_spec(
        options,
        '{"labels": [those of the block], "features": [labels whose members every stacker takes besides], "beta": 2, '
        '"selection": {...}, "stack": {"combiner": ...}, "threshold": {"method": ...}}',
    )
    add_threads(options)
    run(options, main)
