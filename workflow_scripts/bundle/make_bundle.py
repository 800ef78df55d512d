"""Put everything that a decision needs into one folder, from which photos are decided without the workflow."""

import logging
from pathlib import Path
from typing import Any

from stylevote.bundle.contents import bundle_card, stored_weights, worth_of_ensemble, write_bundle
from stylevote.cli import run
from stylevote.ensemble.blocks import feature_labels, read_by_label, read_values
from stylevote.ensemble.scores import files_of_runs
from stylevote.files.tables import read_json, read_table


def main(
    members: Path,
    whole: Path,
    runs: Path,
    histories: list[Path],
    weights: list[Path],
    stackers: list[Path],
    thresholds: list[Path],
    certain: list[Path],
    honest: Path,
    bundle: Path,
    *,
    labels: list[str],
    beta: float,
    votes: dict[str, Any],
    combiner: str,
    features: list[str],
) -> None:
    """Write the bundle.

    Args:
        members: of all labels
        whole: members of the whole ensemble, of which the bundle may have fewer
        runs: settings of all runs, as JSON
        histories: a file per run and fold: run by run, in the order of their ids
        weights: a folder per run and fold, in the same order
        stackers: a file per block of labels
        thresholds: a file per block of labels
        certain: what search_precision_thresholds found: a file per block of labels, or none
        honest: estimate of the whole ensemble
        bundle: to write: folder
        labels: all of them
        beta: of F-beta
        votes: aggregation, and the least and most labels of a photo
        combiner: of the stackers
        features: labels whose members the stackers of every label take, too
    """
    chosen, settings = read_table(members), read_json(runs)
    ordered = chosen.sort_values("member")
    pairs = {
        label: [[one.run, int(one.epoch)] for one in ordered[ordered["label"] == label].itertuples()]
        for label in labels
    }
    used = sorted({(name, epoch) for of_label in pairs.values() for name, epoch in of_label})
    folds = len(histories) // len(settings)
    history_of, weights_of = (files_of_runs(sorted(settings), paths, folds) for paths in (histories, weights))
    content = {
        "labels": labels,
        "beta": beta,
        "votes": votes,
        "combiner": combiner,
        "features": {label: feature_labels([label], features) for label in labels},
        "folds": folds,
        "thresholds": read_values(thresholds, labels, "threshold"),
        "precision_threshold": read_values(certain, labels, "precision_threshold") if certain else None,
        "members": pairs,
        "runs": {name: settings[name] for name in sorted({name for name, _ in used})},
    }
    files = {
        (name, fold, epoch): stored_weights(history_of[name][fold], weights_of[name][fold], epoch)
        for name, epoch in used
        for fold in range(folds)
    }
    of_label = {
        label: table.sort_values("fold")["stacker"].tolist() for label, table in read_by_label(stackers, labels).items()
    }
    worth = worth_of_ensemble(read_table(honest), f"F{beta:g}", part=len(chosen) < len(read_table(whole)))
    write_bundle(bundle, content, files, of_label, bundle_card(content, worth, len(files)))
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    logging.info("%d networks of %d runs, %.1f MB", len(files), len(content["runs"]), size / 1e6)


if __name__ == "__main__":
    run(main)
