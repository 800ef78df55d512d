"""Draw the pictures of a block's labels for the report, and decide by single networks to compare the ensemble with."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, read_values, write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.ensemble.scores import files_of_runs
from stylevote.ensemble.select import members_of
from stylevote.files.tables import label_matrix, read_table, write_table
from stylevote.report.label_pictures import (
    DecidedLabel,
    correlation_picture,
    loss_picture,
    picture_path,
    reliability_picture,
    shown_networks,
    threshold_figures,
    threshold_picture,
)
from stylevote.report.markup import write_picture
from stylevote.report.measures import decide_by_singles
from stylevote.report.overview import pictured_labels


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
    honest: Path | None,
    predictions: list[Path],
    threshold_pictures: Path,
    reliability_pictures: Path,
    correlation_pictures: Path,
    loss_pictures: Path | None,
    singles: Path,
    figures: Path,
    runs: list[str],
    *,
    labels: list[str],
    beta: float,
    most: int,
    external: list[str],
    losses: dict[str, list[str]],
) -> None:
    """Write a block's pictures, the decisions of single networks, and how flat F-beta is around each threshold.

    Args:
        scores: candidates of the block
        rankings: of the candidates
        members: of the block's labels
        stacked: out-of-fold scores of the stacks
        estimate: honest decisions
        threshold: of each label
        manifest: training photos
        folds: their folds
        votes: on the test photos
        test_manifest: test photos
        honest: honest estimate, if there are too many labels to draw all
        predictions: for the test photos, if losses are compared: a file per run and fold, the folds of a run together
        threshold_pictures: folder to write: F-beta against the threshold
        reliability_pictures: folder to write: how often a label is there against its score
        correlation_pictures: folder to write: correlation of the members
        loss_pictures: folder to write, if losses are compared
        singles: to write: decisions of the best single network and of each backbone's best
        figures: to write: thresholds, how flat F-beta is around them, and numbers of members
        runs: ids of the runs that the predictions belong to
        labels: those of the block
        beta: of F-beta
        most: number of labels that are drawn
        external: names of the external members
        losses: runs that were trained with each loss, if there are several
    """
    for folder in (threshold_pictures, reliability_pictures, correlation_pictures, loss_pictures):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    drawn = set(pictured_labels(read_table(honest), most)) if honest else set(labels)
    of_rankings = read_by_label([rankings], labels)
    of_stacks, of_estimate = (read_by_label([path], labels, ["score"]) for path in (stacked, estimate))
    thresholds = read_values([threshold], labels, "threshold")
    tested_photos, tested = read_tested(test_manifest, votes, labels)
    decided, rows = {}, []
    with open_block(scores, manifest, folds, labels, members=members) as block:
        files = files_of_runs(runs, predictions, int(block.folds.max()) + 1)
        for name in labels:
            out_of_fold = of_stacks[name]["score"].to_numpy()
            label = DecidedLabel(name, block.truth(name), out_of_fold, thresholds[name], tested.get(name), beta)
            found = threshold_figures(label)
            shown, counts = shown_networks(members_of(block.selections[name]))
            rows.append({"label": name, **found, **counts})
            read_scores = partial(block.candidates.members, name)
            decided[name] = decide_by_singles(of_rankings[name], read_scores, block.folds, set(external))
            if name not in drawn:
                continue
            write_picture(threshold_picture(label, found), picture_path(threshold_pictures, name))
            picture = reliability_picture(label, of_estimate[name]["score"].to_numpy())
            write_picture(picture, picture_path(reliability_pictures, name))
            picture = correlation_picture(name, shown["member"].tolist(), read_scores(shown))
            write_picture(picture, picture_path(correlation_pictures, name))
            if loss_pictures:
                read_of_run = partial(read_mean, files, name, tested_photos)
                picture = loss_picture(label, of_rankings[name], read_scores, losses, read_of_run)
                write_picture(picture, picture_path(loss_pictures, name))
    write_by_label(decided, singles)
    write_table(pd.DataFrame(rows), figures)


def read_tested(
    manifest: Path, votes: Path, labels: list[str]
) -> tuple[Sequence[str], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Return the test photos, and their 0/1 and scores for each label that is known."""
    photos = read_table(manifest)
    known = [label for label in labels if label in photos]
    scores = read_by_label([votes], known, ["score"]) if known else {}
    tested = {label: (label_matrix(photos, [label])[:, 0], scores[label]["score"].to_numpy()) for label in known}
    return photos["image_id"], tested


def read_mean(
    files: dict[str, list[Path]], label: str, image_ids: Sequence[str], name: str, epoch: int
) -> np.ndarray | None:
    """Return the mean over folds of a run's scores for the test photos; None if it did not decide them at the epoch."""
    tables = [read_table(path, ["image_id", "epoch", label]) for path in files[name]]
    found = [table[table["epoch"] == epoch].set_index("image_id")[label] for table in tables]
    if any(part.empty for part in found):
        return None
    return np.mean([part.loc[image_ids] for part in found], axis=0)


if __name__ == "__main__":
    run(main)
