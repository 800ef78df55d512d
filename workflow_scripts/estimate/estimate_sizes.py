"""Decide each label of a block for every training photo by ensembles of several sizes, chosen without its fold."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import feature_labels, read_by_label, write_by_label
from stylevote.ensemble.inputs import BlockInputs, open_block
from stylevote.ensemble.rank import ALL
from stylevote.estimate.nested import predict_nested
from stylevote.estimate.sizes import select_sizes
from stylevote.metrics import f_beta


def main(
    scores: list[Path],
    rankings: list[Path],
    manifest: Path,
    folds: Path,
    estimates: Path,
    members: Path,
    threads: int,
    *,
    labels: list[str],
    beta: float,
    features: list[str],
    selection: dict[str, Any],
    stack: dict[str, Any],
    threshold: dict[str, Any],
) -> None:
    """Write the estimates of each label and size, one below the other, and the members.

    Args:
        scores: candidates of the block, and of the labels in `features`
        rankings: of the same candidates
        manifest: training photos
        folds: their folds
        estimates: to write
        members: to write
        threads: to use
        labels: those of the block
        beta: of F-beta
        features: labels whose members every stacker takes, too
        selection: method and its settings, as for select_members
        stack: combiner and its settings, as for stack_members
        threshold: method and its settings, as for search_thresholds
    """
    settings, decided, selected = {"stack": stack, "threshold": threshold}, {}, {}
    with open_block(scores, manifest, folds, labels, others=features) as block:
        needed = feature_labels(labels, features)
        ranked = read_by_label(rankings, needed)
        sizes = {}
        for label in needed:
            _, of_label = block.candidates.of(label)
            truth = block.truth(label)
            sizes[label] = select_sizes(ranked[label], of_label, truth, block.folds, selection, beta=beta)
        for label in labels:
            decided[label], selected[label] = estimate_sizes(
                block, label, sizes, settings=settings, beta=beta, threads=threads
            )
    write_by_label(decided, estimates)
    write_by_label(selected, members)


def estimate_sizes(
    block: BlockInputs,
    label: str,
    sizes: dict[str, dict[str, pd.DataFrame]],
    *,
    settings: dict[str, dict[str, Any]],
    beta: float,
    threads: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a label's estimates by size, and the members that all photos choose.

    Args:
        block: the inputs.
        label: one of the block's.
        sizes: for each label and size the selections (`size.select_sizes`).
        settings, beta, threads: see `honest.predict_nested`.
    """
    truth, named = block.truth(label), block.feature_labels(label)
    estimates, members, before = [], [], None
    for size in sizes[label]:
        chosen = {name: sizes[name][size] for name in named}
        taken = [part[["held_out_fold", "run", "epoch", "weight"]].to_numpy().tolist() for part in chosen.values()]
        if taken != before:  # with no more runs to take, a larger size is the same ensemble
            estimate = predict_nested(
                lambda fold, chosen=chosen: block.candidates.stack_features(named, chosen, fold),
                truth,
                block.folds,
                settings,
                beta=beta,
                threads=threads,
            )
        before = taken
        estimates.append(estimate.assign(size=size, image_id=block.image_ids))
        reached = f_beta(truth, estimate["decision"].to_numpy(), beta)
        logging.info("%s, size %s: honest F%g %.4f", label, size, beta, reached)
        final = chosen[label]
        members.append(final.loc[final["held_out_fold"] == ALL, ["run", "epoch"]].assign(size=size))
    return pd.concat(estimates), pd.concat(members)


if __name__ == "__main__":
    run(main)
