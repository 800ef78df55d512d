"""Choose the student's epoch and thresholds; decide on the training photos by it, and by single networks, honestly."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.scores import open_candidates, read_run
from stylevote.estimate.single_networks import predict_by_best_network
from stylevote.files.tables import fold_numbers, label_matrix, read_table, write_table
from stylevote.student.distillation import choose_network, decide_honestly


def main(
    predictions: list[Path],
    scores: list[Path],
    rankings: list[Path],
    manifest: Path,
    folds: Path,
    chosen: Path,
    decisions: Path,
    singles: Path,
    *,
    labels: list[str],
    beta: float,
    threshold: dict[str, Any],
    limits: dict[str, int | None],
) -> None:
    """Write the student's epoch and thresholds by all training photos, and both kinds of honest decisions.

    Args:
        predictions: out-of-fold predictions of the student: one table per fold, in the order of the folds
        scores: candidates: a file per block
        rankings: of the candidates: a file per block
        manifest: training photos
        folds: their folds
        chosen: to write: for each label the epoch, which is the same, and the threshold
        decisions: to write: the student's honest decision for every photo and label
        singles: to write: the same of the label's best single network
        labels: all of them
        beta: of F-beta
        threshold: method of search and its settings, as for search_thresholds
        limits: least and most labels of a photo
    """
    photos = read_table(manifest, ["image_id", *labels])
    truth, image_ids = label_matrix(photos, labels), photos["image_id"].to_numpy()
    of_photos = fold_numbers(photos, read_table(folds))
    student = read_run(predictions, image_ids, of_photos, labels)
    student_scores = np.stack([student.scores[label] for label in labels], axis=2)
    place, thresholds, reached = choose_network(truth, student_scores, threshold, beta)
    epoch = np.int16(student.epochs[place])
    logging.info("epoch %d: macro F%g %.4f on the photos that chose it", epoch, beta, reached.mean())
    network = pd.DataFrame({"label": labels, "run": "student", "epoch": epoch, "threshold": thresholds})
    write_table(network, chosen)
    least, most = limits["min_labels"], limits["max_labels"]
    decided = decide_honestly(truth, student_scores, of_photos, threshold, limits=(least, most), beta=beta)
    ranked = read_by_label(rankings, labels)
    with open_candidates(scores, image_ids) as candidates:
        best = [
            predict_by_best_network(ranking, partial(candidates.members, label), of_photos)
            for label, ranking in ranked.items()
        ]
    write_decided(image_ids, labels, decided, decisions)
    write_decided(image_ids, labels, np.stack(best, axis=1), singles)


def write_decided(image_ids: np.ndarray, labels: list[str], decided: np.ndarray, path: Path) -> None:
    """Write decisions, shape (photos, labels), as the columns image_id and one per label."""
    table = pd.DataFrame(decided, columns=labels)
    table.insert(0, "image_id", image_ids)
    write_table(table, path)


if __name__ == "__main__":
    run(main)
