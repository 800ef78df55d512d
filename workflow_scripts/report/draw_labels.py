"""Draw the pictures of a block's labels for the report, and decide by single networks to compare the ensemble with."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, read_values, write_by_label
from stylevote.ensemble.inputs import open_block
from stylevote.ensemble.select import members_of
from stylevote.files.tables import UNKNOWN, label_matrix, read_table, write_table
from stylevote.report.contents import loss_names
from stylevote.report.label_pictures import (
    DecidedLabel,
    correlation_picture,
    drawn_group,
    loss_picture,
    reliability_picture,
    shown_networks,
    threshold_figures,
    threshold_picture,
)
from stylevote.report.losses import FIGURES, SAMPLES, runs_of_label, sample_losses
from stylevote.report.measures import SEARCHES, compare_searches, decide_by_singles
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
    votes: Path | None,
    checked_manifest: Path | None,
    summary: Path | None,
    predictions: list[Path],
    pictures: list[Path],
    singles: Path,
    figures: Path,
    searches: Path,
    losses: list[Path],
    *,
    labels: list[str],
    beta: float,
    max_pictures: int,
    external: list[str],
    compared: list[dict[str, str]],
) -> None:
    """Write a block's pictures, the decisions of single networks, and how flat F-beta is around each threshold.

    Args:
        scores: candidates of the block
        rankings: of the candidates
        members: of the block's labels
        stacked: out-of-fold scores of the stacks
        estimate: nested scores
        threshold: of each label
        votes: for photos that chose nothing: the test photos, the holdout photos if only their labels are
            known, or None
        checked_manifest: of these photos
        summary: nested estimate, if there are too many labels to draw all
        predictions: for these photos, if losses are compared: RUN/FILE for each fold, in the order of the folds
        pictures: folders to write, KIND/BLOCK: thresholds, reliability, correlation and, if losses are compared, losses
        singles: to write: decisions of the best single network and of each backbone's best
        figures: to write: thresholds, how flat F-beta is around them, and numbers of members
        searches: to write: thresholds of two searches on resamples, for the labels with pictures
        losses: to write, if losses are compared: figures of the drawn runs, and F-beta of each loss on resamples
        max_pictures: maximum number of labels with pictures
        external: names of the external members
        compared: groups of runs that differ in nothing but the loss: the run of each loss
    """
    folder_of = {folder.parent.name: folder for folder in pictures}
    for folder in pictures:
        folder.mkdir(parents=True, exist_ok=True)
    drawn = set(pictured_labels(read_table(summary), max_pictures)) if summary else set(labels)
    ranking_of = read_by_label([rankings], labels)
    stacked_of, nested_of = (read_by_label([path], labels, ["score"]) for path in (stacked, estimate))
    thresholds = read_values([threshold], labels, "threshold")
    checked = read_checked(checked_manifest, votes, labels) if checked_manifest else {}
    image_ids = read_table(checked_manifest, ["image_id"])["image_id"] if checked_manifest else None
    new_scores = partial(mean_scores, predictions, image_ids)
    names, decided, rows, searched, of_losses, sampled = loss_names(compared), {}, [], [], [], []
    with open_block(scores, manifest, folds, labels, members=members) as block:
        for name in labels:
            out_of_fold = stacked_of[name]["score"].to_numpy()
            label = DecidedLabel(name, block.truth(name), out_of_fold, thresholds[name], checked.get(name), beta)
            measured = threshold_figures(label)
            networks, counts = shown_networks(members_of(block.selections[name]))
            rows.append({"label": name, **measured, **counts})
            read_scores = partial(block.candidates.members, name)
            decided[name] = decide_by_singles(ranking_of[name], read_scores, block.folds, set(external))
            groups = runs_of_label(compared, ranking_of[name])
            if groups:
                samples = sample_losses(
                    ranking_of[name], read_scores, label.truth, block.folds, groups, block.groups, beta=beta
                )
                sampled.append(samples.assign(label=name))
            if name not in drawn:
                continue
            searched.append(compare_searches(label.truth, out_of_fold, block.groups, beta=beta).assign(label=name))
            svg = {
                "thresholds": threshold_picture(label, measured),
                "reliability": reliability_picture(label, nested_of[name]["score"].to_numpy()),
                "correlation": correlation_picture(name, networks["member"].tolist(), read_scores(networks)),
            }
            if group := drawn_group(groups, names):
                svg["losses"], found = loss_picture(
                    label, ranking_of[name], read_scores, group, names, partial(new_scores, name)
                )
                of_losses.append(found)
            for kind, picture in svg.items():
                write_label_picture(picture, folder_of[kind], name)
    write_by_label(decided, singles)
    write_table(pd.DataFrame(rows), figures)
    write_rows(searched, SEARCHES, searches)
    table = {"losses": (of_losses, FIGURES), "loss_samples": (sampled, SAMPLES)}
    for path in losses:
        write_rows(*table[path.stem], path)


def write_rows(tables: list[pd.DataFrame], columns: dict[str, type], path: Path) -> None:
    """Write the rows of all tables as one table of these columns; it may be empty."""
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    write_table(pd.concat(tables)[list(columns)].astype(columns) if tables else empty, path)


def read_checked(manifest: Path, votes: Path, labels: list[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the truth and the scores of the checked photos for each label that is known for one of them."""
    photos = read_table(manifest)
    known = [label for label in labels if label in photos and (photos[label] != UNKNOWN).any()]
    scores = read_by_label([votes], known, ["score"]) if known else {}
    return {label: (label_matrix(photos, [label])[:, 0], scores[label]["score"].to_numpy()) for label in known}


def mean_scores(predictions: list[Path], image_ids: pd.Series, label: str, name: str, epoch: int) -> np.ndarray | None:
    """Return the mean over folds of a run's scores for the checked photos; None if the epoch did not decide them."""
    tables = [read_table(path, ["image_id", "epoch", label]) for path in predictions if path.parent.name == name]
    scores = [table[table["epoch"] == epoch].set_index("image_id")[label] for table in tables]
    if any(fold.empty for fold in scores):
        return None
    return np.mean([fold.loc[image_ids] for fold in scores], axis=0)


if __name__ == "__main__":
    run(main)
