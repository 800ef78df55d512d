"""Put everything that a decision needs into one folder, which decides photos without the workflow."""

import logging
from pathlib import Path

from stylevote.bundle.card import bundle_card, worth_of_ensemble
from stylevote.bundle.contents import stored_weights, write_bundle
from stylevote.cli import run
from stylevote.config.ensemble import Votes
from stylevote.config.identity import features_id
from stylevote.ensemble.blocks import feature_labels, read_by_label, read_thresholds, read_values
from stylevote.ensemble.rank import ALL, of_fold
from stylevote.ensemble.scores import files_of_runs
from stylevote.files.tables import read_json, read_table
from stylevote.photos.findings import ranges_of


def main(
    manifest: Path,
    members: Path,
    whole: Path,
    runs: Path,
    histories: list[Path],
    weights: list[Path],
    backbones: list[Path],
    stackers: list[Path],
    thresholds: list[Path],
    precision_thresholds: list[Path],
    estimate: Path,
    bundle: Path,
    *,
    labels: list[str],
    beta: float,
    votes: Votes,
    combiner: str,
    features: list[str],
) -> None:
    """Write the bundle.

    Args:
        members: members of all labels
        whole: members of the whole ensemble; the bundle may have fewer
        runs: settings of all runs, as JSON
        histories: histories of the trainings, a file per run and fold: run by run, in the order of their ids
        weights: weights, a folder per run and fold, in the same order
        backbones: of all probes, each named by the id of its features
        stackers: stackers, a file per block of labels
        precision_thresholds: scores with the precision of `abstain`, a file per block of labels, or none
        estimate: nested estimate of the whole ensemble
        bundle: to write: folder of the bundle
        votes: aggregation, and the minimum and maximum number of labels per photo
        combiner: combiner that made the stackers
    """
    selected, settings = read_table(members), read_json(runs)
    by_label = selected.sort_values(["fold", "member"]).groupby("label")
    columns = ["run", "epoch"] if (selected["fold"] == ALL).all() else ["run", "epoch", "fold"]
    listed = {label: by_label.get_group(label)[columns].to_numpy().tolist() for label in labels}
    folds = len(histories) // len(settings)
    history_of, weights_of = (files_of_runs(sorted(settings), paths, folds) for paths in (histories, weights))
    content = {
        "labels": labels,
        "beta": beta,
        "votes": votes.used(),
        "combiner": combiner,
        "features": {label: feature_labels([label], features) for label in labels},
        "folds": folds,
        "thresholds": read_thresholds(thresholds, labels),
        "precision_threshold": (
            read_values(precision_thresholds, labels, "precision_threshold") if precision_thresholds else None
        ),
        "members": listed,
        **({"ranges": ranges} if (ranges := ranges_of(read_table(manifest, ["pixel_range"]))) else {}),
        "runs": {run: settings[run] for run in sorted(selected["run"].unique())},
    }
    files = {
        (run, fold, epoch): stored_weights(history_of[run][fold], weights_of[run][fold], epoch)
        for fold in range(folds)
        for run, epoch in of_fold(selected, fold)[["run", "epoch"]].drop_duplicates().to_numpy().tolist()
    }
    by_fold = {
        label: table.sort_values("fold")["stacker"].tolist() for label, table in read_by_label(stackers, labels).items()
    }
    worth = worth_of_ensemble(read_table(estimate), f"F{beta:g}", part=len(selected) < len(read_table(whole)))
    frozen = {features_id(setting) for setting in content["runs"].values() if setting.get("probe")}
    used = [path for path in backbones if path.stem in frozen]
    write_bundle(bundle, content, files, by_fold, bundle_card(content, worth, len(files)), used)
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    logging.info("%d networks of %d runs, %.1f MB", len(files), len(content["runs"]), size / 1e6)


if __name__ == "__main__":
    run(main)
