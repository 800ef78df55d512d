"""Put all that a student's decisions need into one folder: a bundle of one network a fold."""

from pathlib import Path
from typing import Any

from stylevote.bundle.contents import bundle_card, stored_weights, write_bundle
from stylevote.cli import run
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
    limits: dict[str, int | None],
    run: str,
    setting: dict[str, Any],
) -> None:
    """Write the bundle: its only member, for every label, is the student at its epoch.

    Args:
        chosen: epoch and thresholds of the student
        summary: text that says what the student is worth
        history: of the student on each fold
        weights: folder of the student's weights on each fold
        bundle: to write: folder
        labels: all of them
        beta: of F-beta
        limits: least and most labels of a photo
        run: id of the student
        setting: of the student
    """
    folds = len(history)
    network = read_table(chosen).set_index("label").loc[labels]
    (epoch,) = network["epoch"].unique().tolist()
    content = {
        "labels": labels,
        "beta": beta,
        "folds": folds,
        "votes": {"aggregation": "average_scores", **limits},
        "combiner": "mean",
        "features": {label: [label] for label in labels},
        "thresholds": network["threshold"].to_dict(),
        "precision_threshold": None,
        "members": {label: [[run, epoch]] for label in labels},
        "runs": {run: {**setting, "labels": labels}},
    }
    files = {
        (run, fold, epoch): stored_weights(*of_fold, epoch)
        for fold, of_fold in enumerate(zip(history, weights, strict=True))
    }
    card = bundle_card(content, f"```text\n{summary.read_text(encoding='utf-8')}```", folds)
    stackers = {label: [Mean(1).to_bytes()] * folds for label in labels}
    write_bundle(bundle, content, files, stackers, card)


if __name__ == "__main__":
    run(main)
