"""Put everything that the student's decisions need into one folder: a bundle of one network per fold."""

from pathlib import Path
from typing import Any

from stylevote.bundle.card import bundle_card
from stylevote.bundle.contents import stored_weights, write_bundle
from stylevote.cli import run
from stylevote.config.ensemble import Votes
from stylevote.ensemble.combiners.mean import Mean
from stylevote.files.tables import read_table


def main(
    chosen: Path,
    summary: Path,
    history: list[Path],
    weights: list[Path],
    bundle: Path,
    *,
    labels: list[str],
    beta: float,
    votes: Votes,
    run: str,
    setting: dict[str, Any],
) -> None:
    """Write the bundle. Its only member, for every label, is the student at its epoch.

    Args:
        chosen: epoch and thresholds of the student
        summary: comparison of the student with the ensemble, as text
        history: histories of the student's training, one table per fold
        weights: weights of the student, one folder per fold
        bundle: to write: folder of the bundle
        votes: aggregation, and the minimum and maximum number of labels per photo
        run: id of the student's run
        setting: setting of the student's run
    """
    folds = len(history)
    network = read_table(chosen).set_index("label").loc[labels]
    (epoch,) = network["epoch"].unique().tolist()
    content = {
        "labels": labels,
        "beta": beta,
        "folds": folds,
        "votes": votes.used(),
        "combiner": "mean",
        "features": {label: [label] for label in labels},
        "thresholds": network["threshold"].to_dict(),
        "precision_threshold": None,
        "members": {label: [[run, epoch]] for label in labels},
        "runs": {run: {**setting, "labels": labels}},
    }
    files = {(run, fold, epoch): stored_weights(history[fold], weights[fold], epoch) for fold in range(folds)}
    card = bundle_card(content, f"```text\n{summary.read_text(encoding='utf-8')}```", folds)
    stackers = {label: [Mean(1).to_bytes()] * folds for label in labels}
    write_bundle(bundle, content, files, stackers, card)


if __name__ == "__main__":
    run(main)
