"""Try each label's ensemble on shuffled labels and on random scores; measure its runs fold by fold."""

import logging
from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.config.ensemble import Selection, Stack, Threshold
from stylevote.ensemble.inputs import open_block
from stylevote.estimate.leakage import measure_leakage
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
    selection: Selection,
    stack: Stack,
    threshold: Threshold,
    seed: int,
) -> None:
    """Write two alarms per label, raised or not, and the figures of every run's best epoch.

    Args:
        scores: candidates of the block, and of the labels in `features`
        members: members of the same labels
        alarms: to write: alarms of the labels
        figures: to write: AUCs by run and fold
        seed: of the random order and of the noise
    """
    of_labels, aucs = [], []
    with open_block(scores, manifest, folds, labels, members=members, common=features) as block:
        for label in labels:
            of_label, of_runs = measure_leakage(
                block, label, selection, stack, threshold, seed=seed, beta=beta, threads=threads
            )
            of_labels += of_label
            aucs.append(of_runs.assign(label=label))
    table = pd.DataFrame(of_labels)
    logging.info("%s", table.to_string(index=False))
    write_table(table, alarms)
    write_table(pd.concat(aucs), figures)


if __name__ == "__main__":
    run(main)
