"""Try the ensemble of each label of a block on labels in random order and on noise; measure its runs by fold."""

import argparse
import logging

import pandas as pd

from stylevote.digests import seed as seed_of
from stylevote.ensemble.alarms import fold_figures, noise_alarm, permuted_alarm, shuffled
from stylevote.ensemble.honest import estimate_label
from stylevote.ensemble.inputs import BLOCK_FILES, BlockInputs, open_block
from stylevote.ensemble.rank import NONE, best_epochs
from stylevote.program import add_spec, add_threads, parser, run
from stylevote.tables import write_table


def main(arguments: argparse.Namespace) -> None:
    """Write two alarms per label, raised or not, and the figures of every run's best epoch."""
    spec = arguments.spec
    alarms, figures = [], []
    with open_block(arguments) as block:
        for label in block.labels:
            of_label, of_runs = check_label(block, label, spec, arguments.threads)
            alarms += of_label
            figures.append(of_runs.assign(label=label))
    logging.info("%s", pd.DataFrame(alarms).to_string(index=False))
    write_table(pd.DataFrame(alarms), arguments.alarms)
    write_table(pd.concat(figures), arguments.figures)


def check_label(block: BlockInputs, label: str, spec: dict, threads: int) -> tuple[list[dict], pd.DataFrame]:
    """Return a label's alarms, and the figures of every run's best epoch.

    Args:
        block: the inputs.
        label: one of the block's.
        spec: the program's settings.
        threads: to use.
    """
    beta, selection, truth, folds = spec["beta"], spec["selection"], block.truth(label), block.folds
    candidates, scores = block.candidates.of(label)
    others = block.feature_labels(label)[1:]
    random_labels = truth[shuffled(folds, seed_of(spec["seed"], label, "labels in random order"))]
    estimate = estimate_label(
        candidates,
        scores,
        random_labels,
        folds,
        spec,
        others_without=(lambda fold: block.candidates.stack_features(others, block.selections, fold))
        if others
        else None,
        beta=beta,
        threads=threads,
    )
    alarms = [
        permuted_alarm(label, random_labels, estimate["decision"].to_numpy(), beta),
        noise_alarm(label, candidates, scores, truth, folds, settings=selection, seed=spec["seed"], beta=beta),
    ]
    members = block.selections[label]
    best = best_epochs(members[members["without"] == NONE].set_index("candidate").sort_values("rank"))
    return alarms, fold_figures(best[["run", "epoch"]], scores[best.index], truth, folds)


if __name__ == "__main__":
    options = parser(
        __doc__,
        **BLOCK_FILES,
        alarms="to write: the labels' alarms",
        figures="to write: AUCs by run and fold",
    )
    add_spec(
        options,
        '{"labels": [those of the block], "features": [labels whose members every stacker takes besides], "beta": 2, '
        '"seed": 1, "selection": {"method": ...}, "stack": {"combiner": ...}, "threshold": {"method": ...}}',
    )
    add_threads(options)
    run(options, main)
