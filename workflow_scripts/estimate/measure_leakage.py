"""Try the ensemble of each label of a block on labels in random order and on noise; measure its runs by fold."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from stylevote.cli import run
from stylevote.config.identity import seed as seed_of
from stylevote.ensemble.inputs import BlockInputs, open_block
from stylevote.ensemble.rank import ALL, best_epochs
from stylevote.estimate.leakage import fold_aucs, noise_alarm, permuted_alarm, shuffle_within_folds
from stylevote.estimate.nested import select_and_predict_nested
from stylevote.files.tables import write_table


def main(
    scores: list[Path],
    members: list[Path],
    manifest: Path,
    folds: Path,
    alarms: Path,
    figures: Path,
    threads: int,
    *,
    labels: list[str],
    beta: float,
    features: list[str],
    selection: dict[str, Any],
    stack: dict[str, Any],
    threshold: dict[str, Any],
    seed: int,
) -> None:
    """Write two alarms per label, raised or not, and the figures of every run's best epoch.

    Args:
        scores: candidates of the block, and of the labels in `features`
        members: of the same labels
        manifest: training photos
        folds: their folds
        alarms: to write: alarms of the labels
        figures: to write: AUCs by run and fold
        threads: to use
        labels: those of the block
        beta: of F-beta
        features: labels whose members every stacker takes, too
        selection: method and its settings, as for select_members
        stack: combiner and its settings, as for stack_members
        threshold: method and its settings, as for search_thresholds
        seed: of the random order and of the noise
    """
    settings = {"selection": selection, "stack": stack, "threshold": threshold}
    raised, measured = [], []
    with open_block(scores, manifest, folds, labels, members=members, others=features) as block:
        for label in labels:
            of_label, of_runs = check_label(block, label, settings, seed=seed, beta=beta, threads=threads)
            raised += of_label
            measured.append(of_runs.assign(label=label))
    logging.info("%s", pd.DataFrame(raised).to_string(index=False))
    write_table(pd.DataFrame(raised), alarms)
    write_table(pd.concat(measured), figures)


def check_label(
    block: BlockInputs, label: str, settings: dict[str, dict[str, Any]], *, seed: int, beta: float, threads: int
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return a label's alarms, and the figures of every run's best epoch.

    Args:
        block: the inputs.
        label: one of the block's.
        settings, beta, threads: see `honest.select_and_predict_nested`.
        seed: of the random order and of the noise.
    """
    truth, folds = block.truth(label), block.folds
    candidates, scores = block.candidates.of(label)
    others = block.feature_labels(label)[1:]
    random_labels = truth[shuffle_within_folds(folds, seed_of(seed, label, "labels in random order"))]
    estimate = select_and_predict_nested(
        candidates,
        scores,
        random_labels,
        folds,
        settings,
        others_without=(lambda fold: block.candidates.stack_features(others, block.selections, fold))
        if others
        else None,
        beta=beta,
        threads=threads,
    )
    alarms = [
        permuted_alarm(label, random_labels, estimate["decision"].to_numpy(), beta),
        noise_alarm(label, candidates, scores, truth, folds, settings=settings["selection"], seed=seed, beta=beta),
    ]
    members = block.selections[label]
    best = best_epochs(members[members["held_out_fold"] == ALL].set_index("candidate").sort_values("rank"))
    return alarms, fold_aucs(best[["run", "epoch"]], scores[best.index], truth, folds)


if __name__ == "__main__":
    run(main)
