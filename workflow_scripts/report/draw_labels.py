"""Draw the pictures of a block's labels for the report, and decide by single networks to compare the ensemble with."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, read_values, write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.ensemble.select import members_of
from stylevote.files.tables import label_matrix, read_table, write_table
from stylevote.report.label_pictures import (
    DecidedLabel,
    correlation_picture,
    loss_picture,
    reliability_picture,
    shown_networks,
    threshold_figures,
    threshold_picture,
)
from stylevote.report.measures import decide_by_singles
from stylevote.report.overview import pictured_labels
from stylevote.report.pictures import write_label_picture


def main(
    scores: list[Path],
    rankings: Path,
    members: list[Path],
    stacked: Path,
    estimate: Path,
    threshold: Path,
    manifest: Path,
    folds: Path,
    votes: Path,
    test_manifest: Path,
    summary: Path | None,
    predictions: list[Path],
    pictures: list[Path],
    singles: Path,
    figures: Path,
    *,
    labels: list[str],
    beta: float,
    max_pictures: int,
    external: list[str],
    losses: dict[str, list[str]],
) -> None:
    """Write a block's pictures, the decisions of single networks, and how flat F-beta is around each threshold.

    Args:
        scores: candidates of the block
        rankings: of the candidates
        members: of the block's labels
        stacked: out-of-fold scores of the stacks
        estimate: nested scores
        threshold: of each label
        votes: votes for the test photos
        summary: nested estimate, if there are too many labels to draw all
        predictions: for the test photos, if losses are compared: RUN/FILE for each fold, in the order of the folds
        pictures: folders to write, KIND/BLOCK: thresholds, reliability, correlation and, if losses are compared, losses
        singles: to write: decisions of the best single network and of each backbone's best
        figures: to write: thresholds, how flat F-beta is around them, and numbers of members
        labels: labels of the block
        max_pictures: maximum number of labels with pictures
        external: names of the external members
        losses: runs that were trained with each loss, if there are several
    """
    folder_of = {folder.parent.name: folder for folder in pictures}
    for folder in pictures:
        folder.mkdir(parents=True, exist_ok=True)
    drawn = set(pictured_labels(read_table(summary), max_pictures)) if summary else set(labels)
    ranking_of = read_by_label([rankings], labels)
    stacked_of, nested_of = (read_by_label([path], labels, ["score"]) for path in (stacked, estimate))
    thresholds = read_values([threshold], labels, "threshold")
    tested = read_tested(test_manifest, votes, labels)
    test_scores = partial(mean_test_scores, predictions, read_table(test_manifest, ["image_id"])["image_id"])
    decided, rows = {}, []
    with open_block(scores, manifest, folds, labels, members=members) as block:
        for name in labels:
            out_of_fold = stacked_of[name]["score"].to_numpy()
            label = DecidedLabel(name, block.truth(name), out_of_fold, thresholds[name], tested.get(name), beta)
            measured = threshold_figures(label)
            networks, counts = shown_networks(members_of(block.selections[name]))
            rows.append({"label": name, **measured, **counts})
            read_scores = partial(block.candidates.members, name)
            decided[name] = decide_by_singles(ranking_of[name], read_scores, block.folds, set(external))
            if name not in drawn:
                continue
            svg = {
                "thresholds": threshold_picture(label, measured),
                "reliability": reliability_picture(label, nested_of[name]["score"].to_numpy()),
                "correlation": correlation_picture(name, networks["member"].tolist(), read_scores(networks)),
            }
            if losses:
                svg["losses"] = loss_picture(label, ranking_of[name], read_scores, losses, partial(test_scores, name))
            for kind, picture in svg.items():
                write_label_picture(picture, folder_of[kind], name)
    write_by_label(decided, singles)
    write_table(pd.DataFrame(rows), figures)


def read_tested(manifest: Path, votes: Path, labels: list[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the 0/1 and the scores of the test photos for each label that is known."""
    photos = read_table(manifest)
    known = [label for label in labels if label in photos]
    scores = read_by_label([votes], known, ["score"]) if known else {}
    return {label: (label_matrix(photos, [label])[:, 0], scores[label]["score"].to_numpy()) for label in known}


def mean_test_scores(
    predictions: list[Path], image_ids: pd.Series, label: str, name: str, epoch: int
) -> np.ndarray | None:
    """Return the mean over folds of a run's scores for the test photos; None if it did not decide them at the epoch."""
    tables = [read_table(path, ["image_id", "epoch", label]) for path in predictions if path.parent.name == name]
    scores = [table[table["epoch"] == epoch].set_index("image_id")[label] for table in tables]
    if any(fold.empty for fold in scores):
        return None
    return np.mean([fold.loc[image_ids] for fold in scores], axis=0)


if __name__ == "__main__":
    run(main)
