"""One network in the place of the ensemble: what a student learns, which of its epochs counts, and what it decides."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from stylevote.bootstrap import compare_decisions
from stylevote.config.ensemble import Stack
from stylevote.ensemble.stack import fit_stack
from stylevote.ensemble.threshold import apply_threshold, search_threshold
from stylevote.ensemble.vote import limit_labels
from stylevote.metrics import BETA, best_threshold, f_beta


def distillation_targets(
    features_without: Callable[[int], np.ndarray],
    labels: np.ndarray,
    folds: np.ndarray,
    stack: Stack,
    *,
    beta: float = BETA,
    threads: int = 1,
) -> pd.DataFrame:
    """Return one label's soft targets for the students of all folds (Hinton, Vinyals and Dean 2015).

    The student of a fold is trained on the photos of the others, and judged by the fold's. What it learns of a photo is
    the out-of-fold score by the ensemble that is chosen and stacked without the student's fold, the one that the honest
    estimate (`nested.predict_nested`) judges by these same photos: neither the photo's own network and stacker nor
    anything that was chosen by the fold's photos has a part in it, except that the members' networks of the other folds
    were trained on the fold's labels.

    Args:
        features_without: returns the out-of-fold scores, float32 of shape (photos, members), of the members that were
            selected without the fold of this number.
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least three different ones.
        stack: the combiner and its settings.
        beta: of the F-beta that is to be high.
        threads: that the stack may use.

    Returns:
        columns without (int16: the student's fold), photo (int32: number of a photo of another fold, ascending) and
        score (float32).
    """
    parts = []
    for fold in np.unique(folds):
        known = folds != fold
        features = features_without(fold)[known]
        fitted = fit_stack(features, labels[known], folds[known], stack, beta=beta, threads=threads)
        parts.append(pd.DataFrame({"held_out_fold": fold, "photo": np.flatnonzero(known), "score": fitted.scores}))
    return pd.concat(parts, ignore_index=True).astype({"held_out_fold": "int16", "photo": "int32"})


def choose_network(
    labels: np.ndarray, scores: np.ndarray, threshold: dict[str, Any], beta: float = BETA
) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the epoch whose networks decide, and the labels' thresholds.

    It is one epoch for all labels, so that one network decides: that of the highest mean over labels of F-beta, each
    label at its best cut; of equals the earliest. The thresholds are then searched as the ensemble's are.

    Args:
        labels: 0/1, shape (photos, labels).
        scores: out-of-fold, float32, shape (epochs, photos, labels).
        threshold: the further arguments of `threshold.search_threshold`.
        beta: weight of recall against precision.

    Returns:
        the epoch's place in ``scores``; thresholds and the F-beta that they reach here, both of shape (labels,).
    """
    numbers = range(labels.shape[1])
    reached = [np.mean([best_threshold(labels[:, k], epoch[:, k], beta)[1] for k in numbers]) for epoch in scores]
    best = int(np.argmax(reached))
    found = [search_threshold(labels[:, k], scores[best, :, k], **threshold, beta=beta) for k in numbers]
    return best, *np.array(found).T


def decide_honestly(
    labels: np.ndarray,
    scores: np.ndarray,
    folds: np.ndarray,
    threshold: dict[str, Any],
    *,
    limits: tuple[int, int | None],
    beta: float = BETA,
) -> np.ndarray:
    """Decide on every photo by its fold's student, whose epoch and thresholds are chosen by the other folds' photos.

    Args:
        labels, scores, threshold, beta: see `choose_network`.
        folds: shape (photos,).
        limits: the least and the most labels of a photo, as `vote.limit_labels` takes them.

    Returns:
        uint8, shape (photos, labels).
    """
    decisions = np.zeros_like(labels, dtype=np.uint8)
    for fold in np.unique(folds):
        outside = folds == fold
        epoch, thresholds, _ = choose_network(labels[~outside], scores[:, ~outside], threshold, beta)
        own = scores[epoch, outside]
        decisions[outside] = limit_labels(apply_threshold(own, thresholds), own, thresholds, *limits)
    return decisions


def compare_student(
    labels: np.ndarray,
    decided: tuple[np.ndarray, np.ndarray, np.ndarray],
    names: list[str],
    beta: float = BETA,
) -> pd.DataFrame:
    """Set the student beside the ensemble and the best single networks, all by honest decisions for the same photos.

    Args:
        labels: 0/1, shape (photos, labels).
        decided: the decisions of ensemble, student and single networks, in the same shape.
        names: the labels.
        beta: weight of recall against precision.

    Returns:
        a row per label and a last row ``macro`` (the means; of ``positives`` the sum): label, positives, single_f_beta,
        ensemble_f_beta, student_f_beta, difference (student less ensemble), low and high (what holds 95 % of the
        differences in resampled photos, see `bootstrap.compare_decisions`).
    """
    ensemble, student, singles = decided
    table = compare_decisions(labels, ensemble, student, names, beta=beta)
    table = table.rename(columns={"first": "ensemble_f_beta", "second": "student_f_beta"})
    alone = [f_beta(labels[:, k], singles[:, k], beta) for k in range(len(names))]
    table.insert(2, "single_f_beta", [*alone, np.mean(alone)])
    return table


def compare_holdout(
    labels: np.ndarray, ensemble: np.ndarray, student: np.ndarray, names: list[str], beta: float = BETA
) -> pd.DataFrame:
    """Set the student beside the ensemble on photos that were held out, whose labels had no part in either.

    Args:
        labels: 0/1, shape (photos, labels).
        ensemble, student: the decisions of each, in the same shape.
        names: the labels.
        beta: weight of recall against precision.

    Returns:
        a row per label and a last row of the means, as in `compare_student`: holdout_ensemble_f_beta,
        holdout_student_f_beta, holdout_difference, holdout_low, holdout_high.
    """
    table = compare_decisions(labels, ensemble, student, names, beta=beta).drop(columns=["label", "positives"])
    return table.rename(columns={"first": "ensemble_f_beta", "second": "student_f_beta"}).add_prefix("holdout_")
