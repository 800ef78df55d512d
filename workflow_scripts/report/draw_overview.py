"""Draw the report's pictures of all labels together, and write the figures of the report."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.decisions import decision_matrix
from stylevote.ensemble.scores import open_candidates
from stylevote.ensemble.threshold import apply_threshold
from stylevote.files.tables import fold_numbers, label_matrix, read_table, write_table
from stylevote.report.losses import loss_gains
from stylevote.report.measures import decide_by_one
from stylevote.report.overview import (
    best_run_by_epoch,
    bounds,
    compare_singles,
    label_figures,
    macro_figures,
    pictured_labels,
    resampled_counts,
    search_figures,
)
from stylevote.report.overview_pictures import overview_pictures, resampling_picture
from stylevote.report.pictures import write_picture
from stylevote.report.plots import label_curves, size_curve


def main(
    manifest: Path,
    folds: Path,
    test_manifest: Path | None,
    summary: Path,
    decisions: Path,
    candidates: list[Path],
    rankings: list[Path],
    stacked: list[Path],
    singles: list[Path],
    figures: list[Path],
    searches: list[Path],
    loss_samples: list[Path],
    votes: Path | None,
    scores: Path | None,
    fold_averaging: Path | None,
    sizes: Path | None,
    epochs: list[Path],
    tables: list[Path],
    pictures: list[Path],
    *,
    labels: list[str],
    beta: float,
    max_pictures: int,
    recipes: list[str],
    runs: list[str],
) -> None:
    """Write the report's figures, and the pictures of them.

    Args:
        summary: nested estimate
        decisions: of the nested estimate
        candidates: a file per block of labels
        rankings: of the candidates: a file per block
        stacked: out-of-fold scores of the stacks: a file per block
        singles: decisions of single networks, a file per block
        figures: thresholds, how flat F-beta is around them, and numbers of members: a file per block
        searches: thresholds of two searches on resamples, a file per block
        loss_samples: F-beta of each loss on resamples, if losses are compared: a file per block
        votes: votes for the test photos, if there are any
        scores: of the decisions for the test photos; empty if their labels are not known; None without test photos
        fold_averaging: expected gain from averaging the folds' networks, if it was estimated
        sizes: nested estimates of ensembles of other sizes, if they were made
        epochs: photos that the networks of one fold see: a file per recipe that resamples
        tables: to write, by their file names: macro, labels, gains, searches; if losses are compared, loss_gains; if a
            recipe resamples, resampling
        pictures: to write, by their file names: see `overview_pictures`; sizes; resampling; epochs
        max_pictures: number of labels that have a row or a picture of their own at most
        recipes: names of those that resample
        runs: ids of those that predict every label
    """
    photos, estimate, test_scores = (
        read_table(manifest, ["image_id", "group", *labels]),
        read_table(summary),
        read_table(scores) if scores else pd.DataFrame(),
    )
    truth, fold_of = label_matrix(photos, labels), fold_numbers(photos, read_table(folds))
    by_label = read_by_label(figures, labels)
    by_label = pd.concat(by_label.values()).assign(label=list(by_label))
    groups = photos["group"].to_numpy()
    naive = bounds(truth, apply_thresholds(stacked, labels, by_label["threshold"].to_numpy()), groups, beta=beta)
    test = bounds(*read_tested(test_manifest, votes, labels), beta=beta) if len(test_scores) else None
    gain = read_table(fold_averaging, ["gain"])["gain"].iloc[-1] if fold_averaging else None
    nested = read_table(decisions, labels).to_numpy(dtype=np.uint8)
    columns = ["held_out_fold", "run", "epoch", "rank", "f_beta", "threshold"]
    ranked = read_by_label(rankings, labels, columns)
    by_singles = decide_by_networks(singles, ranked, candidates, image_ids=photos["image_id"], folds=fold_of)
    table = {
        "macro": macro_figures(estimate, naive, test, test_scores, gain),
        "labels": label_figures(estimate, by_label, test, test_scores),
        "gains": compare_singles(truth, nested, by_singles, groups, beta=beta),
    }
    shown = pictured_labels(estimate, max_pictures)
    drawn = overview_pictures(*table.values(), truth, shown, max_pictures=max_pictures, beta=beta)
    table["searches"] = search_figures(pd.concat(map(read_table, searches)))
    if loss_samples:
        table["loss_gains"] = loss_gains(pd.concat(map(read_table, loss_samples)))
    if runs:
        by_epoch = best_run_by_epoch(ranked, runs)
        best = by_epoch.attrs
        title = f"F-beta of each label by epoch: {best['run']}"
        drawn["epochs"] = label_curves(by_epoch[shown], best["epoch"], title)
    if sizes:
        drawn["sizes"] = size_curve(read_table(sizes), "Size against score")
    if recipes:
        known = photos.set_index("image_id")[labels]
        counts = {"before": known[fold_of != 0].sum()}
        for recipe, path in zip(recipes, epochs, strict=True):
            counts[recipe] = resampled_counts(known, read_table(path, ["epoch", "image_id"]))
        counts = pd.DataFrame(counts)
        table["resampling"] = counts.reset_index(names="label")
        drawn["resampling"] = resampling_picture(counts, shown)
    for path in tables:
        write_table(table[path.stem], path)
    for path in pictures:
        write_picture(drawn[path.stem], path)


def apply_thresholds(stacked: list[Path], labels: list[str], thresholds: np.ndarray) -> np.ndarray:
    """Return the decisions for out-of-fold scores by the labels' thresholds: 0/1, shape (photos, labels)."""
    scores = [table["score"].to_numpy() for table in read_by_label(stacked, labels, ["score"]).values()]
    return np.stack([apply_threshold(*pair) for pair in zip(scores, thresholds, strict=True)], axis=1)


def read_tested(manifest: Path, votes: Path, labels: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the test photos' labels and the decisions for them, 0/1, shape (photos, labels), and their groups."""
    photos = read_table(manifest, ["image_id", "group", *labels])
    decided = read_table(votes, ["image_id", "label", "decision"])
    return (
        label_matrix(photos, labels),
        decision_matrix(decided, photos["image_id"].to_numpy(), labels),
        photos["group"].to_numpy(),
    )


def decide_by_networks(
    singles: list[Path],
    rankings: dict[str, pd.DataFrame],
    candidates: list[Path],
    *,
    image_ids: pd.Series,
    folds: np.ndarray,
) -> list[pd.DataFrame]:
    """Return the decisions of single networks for each label, and those of one network for all labels (``one``)."""
    # A block's table has a column for each backbone of any of its labels. If no run of a backbone predicts a label, the
    # column is empty.
    tables = [table.dropna(axis=1).astype("uint8") for table in read_by_label(singles, list(rankings)).values()]
    with open_candidates(candidates, image_ids.to_numpy()) as scores:
        readers = [partial(scores.members, label) for label in rankings]
        decided = decide_by_one(list(rankings.values()), readers, folds)
    return tables if decided is None else [table.assign(one=decided[:, k]) for k, table in enumerate(tables)]


if __name__ == "__main__":
    run(main)
