"""Draw the report's pictures of all labels together, and write the figures that it says."""

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
from stylevote.report.markup import write_picture
from stylevote.report.measures import decide_by_one
from stylevote.report.overview import (
    bounds,
    compare_singles,
    label_figures,
    macro_figures,
    pictured_labels,
    resampled_counts,
)
from stylevote.report.overview_pictures import overview_pictures, resampling_picture
from stylevote.report.plots import size_curve


def main(
    manifest: Path,
    folds: Path,
    test_manifest: Path,
    honest: Path,
    decisions: Path,
    candidates: list[Path],
    rankings: list[Path],
    stacked: list[Path],
    singles: list[Path],
    figures: list[Path],
    votes: Path,
    scores: Path,
    joining: Path | None,
    sizes: Path | None,
    epochs: list[Path],
    macro: Path,
    by_label: Path,
    gains: Path,
    resampling: Path | None,
    pictures: list[Path],
    *,
    labels: list[str],
    beta: float,
    most: int,
    recipes: list[str],
) -> None:
    """Write the report's figures, and the pictures of them.

    Args:
        manifest: training photos
        folds: their folds
        test_manifest: test photos
        honest: honest estimate
        decisions: those that it is made of
        candidates: a file per block of labels
        rankings: of the candidates: a file per block
        stacked: out-of-fold scores of the stacks: a file per block
        singles: decisions of single networks: a file per block
        figures: thresholds, how flat F-beta is around them, and numbers of members: a file per block
        votes: on the test photos
        scores: of the decisions for the test photos; empty if their labels are not known
        joining: what joining the folds is expected to add, if it was estimated
        sizes: what ensembles of other sizes are worth, if it was measured
        epochs: what the networks of one fold see: a file per recipe that resamples
        macro: to write: macro F-beta, told in different ways
        by_label: to write: figures of every label
        gains: to write: ensemble and single networks
        resampling: to write, if a recipe resamples: photos an epoch by recipe
        pictures: to write; the name of each file says which picture it is
        labels: all of them
        beta: of F-beta
        most: number of labels that have a row or a picture of their own
        recipes: names of those that resample
    """
    photos, estimate, of_test = read_table(manifest, ["image_id", *labels]), read_table(honest), read_table(scores)
    truth, by_photo = label_matrix(photos, labels), fold_numbers(photos, read_table(folds))
    found = read_by_label(figures, labels)
    found = pd.concat(found.values()).assign(label=list(found))
    naive = bounds(truth, cut(stacked, labels, found["threshold"].to_numpy()), beta)
    test = bounds(*tested(test_manifest, votes, labels), beta) if len(of_test) else None
    joined = read_table(joining, ["gain"])["gain"].iloc[-1] if joining else None
    of_all = macro_figures(estimate, naive, test, of_test, joined)
    of_labels = label_figures(estimate, found, test, of_test)
    decided = read_table(decisions, labels).to_numpy(dtype=np.uint8)
    by_singles = decide_by_networks(singles, rankings, candidates, labels, image_ids=photos["image_id"], folds=by_photo)
    compared = compare_singles(truth, decided, by_singles, beta)
    for table, path in ((of_all, macro), (of_labels, by_label), (compared, gains)):
        write_table(table, path)

    shown = pictured_labels(estimate, most)
    drawn = overview_pictures(of_all, of_labels, compared, truth, shown, most=most, beta=beta)
    if sizes:
        drawn["sizes"] = size_curve(read_table(sizes), title="Size against score", name="sizes")
    if resampling:
        known = photos.set_index("image_id")[labels]
        counts = {"before": known[by_photo != 0].sum()}
        for recipe, path in zip(recipes, epochs, strict=True):
            counts[recipe] = resampled_counts(known, read_table(path, ["epoch", "image_id"]))
        counts = pd.DataFrame(counts)
        write_table(counts.reset_index(names="label"), resampling)
        drawn["resampling"] = resampling_picture(counts, shown)
    for path in pictures:
        write_picture(drawn[path.stem], path)


def cut(stacked: list[Path], labels: list[str], thresholds: np.ndarray) -> np.ndarray:
    """Return the decisions by the labels' thresholds for out-of-fold scores: 0/1, shape (photos, labels)."""
    scores = [table["score"].to_numpy() for table in read_by_label(stacked, labels, ["score"]).values()]
    return np.stack([apply_threshold(*pair) for pair in zip(scores, thresholds, strict=True)], axis=1)


def tested(manifest: Path, votes: Path, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the test photos' labels and the decisions for them: 0/1, shape (photos, labels)."""
    photos = read_table(manifest, ["image_id", *labels])
    decided = read_table(votes, ["image_id", "label", "decision"])
    return label_matrix(photos, labels), decision_matrix(decided, photos["image_id"].to_numpy(), labels)


def decide_by_networks(
    singles: list[Path],
    rankings: list[Path],
    candidates: list[Path],
    labels: list[str],
    *,
    image_ids: pd.Series,
    folds: np.ndarray,
) -> list[pd.DataFrame]:
    """Return the decisions of single networks for each label, those by one network for all labels among them."""
    # A block's table has a column for each backbone of any of its labels; that of none of a label's runs is empty.
    tables = [table.dropna(axis=1).astype("uint8") for table in read_by_label(singles, labels).values()]
    columns = ["held_out_fold", "run", "epoch", "rank", "f_beta", "threshold"]
    ranked = list(read_by_label(rankings, labels, columns).values())
    with open_candidates(candidates, image_ids.to_numpy()) as opened:
        one = decide_by_one(ranked, [partial(opened.members, label) for label in labels], folds)
    return tables if one is None else [table.assign(one=one[:, k]) for k, table in enumerate(tables)]


if __name__ == "__main__":
    run(main)
