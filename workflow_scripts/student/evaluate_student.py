"""Choose the student's epoch and thresholds; decide training photos by it and by single networks, out of fold."""

import logging
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.config.ensemble import Threshold, Votes
from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.rank import ALL
from stylevote.ensemble.scores import open_candidates, read_run
from stylevote.estimate.single_networks import predict_by_best_network
from stylevote.files.tables import fold_numbers, label_matrix, read_table, write_table
from stylevote.student.distillation import choose_epoch, nested_decisions


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
    threshold: Threshold,
    votes: Votes,
    run: str,
) -> None:
    """Write the student's epoch and thresholds by all training photos, and two tables of nested decisions.

    Args:
        predictions: out-of-fold predictions of the student: one table per fold, in the order of the folds
        scores: candidates, a file per block
        rankings: rankings of the candidates, a file per block
        chosen: to write: run, epoch, fold (all) and threshold per label; the epoch is the same for all
        decisions: to write: the student's decision for every photo and label
        singles: to write: the decisions of each label's best single network
        votes: minimum and maximum number of labels per photo
        run: id of the student's run
    """
    photos = read_table(manifest, ["image_id", *labels])
    truth, image_ids = label_matrix(photos, labels), photos["image_id"].to_numpy()
    by_photo = fold_numbers(photos, read_table(folds))
    student = read_run(predictions, image_ids, by_photo, labels)
    student_scores = np.stack([student.scores[label] for label in labels], axis=2)
    position, thresholds, f_betas = choose_epoch(truth, student_scores, threshold, beta)
    epoch = np.int16(student.epochs[position])
    logging.info("epoch %d: macro F%g %.4f on the photos that chose it", epoch, beta, f_betas.mean())
    network = {"run": run, "epoch": epoch, "fold": np.int16(ALL)}
    write_table(pd.DataFrame({"label": labels, **network, "threshold": thresholds}), chosen)
    by_student = nested_decisions(
        truth, student_scores, by_photo, threshold, votes.min_labels, votes.max_labels, beta=beta
    )
    with open_candidates(scores, image_ids) as candidates:
        by_singles = [
            predict_by_best_network(ranking, partial(candidates.members, label), by_photo)
            for label, ranking in read_by_label(rankings, labels).items()
        ]
    for path, matrix in ((decisions, by_student), (singles, np.stack(by_singles, axis=1))):
        write_table(pd.DataFrame({"image_id": image_ids, **dict(zip(labels, matrix.T, strict=True))}), path)


if __name__ == "__main__":
    run(main)
