"""The student: its targets, its epoch and thresholds, its decisions, and its comparison with the ensemble."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from stylevote.bootstrap import compare_decisions
from stylevote.config.ensemble import Stack, Threshold
from stylevote.ensemble.stack import fit_stack
from stylevote.ensemble.threshold import apply_threshold, search_threshold
from stylevote.ensemble.vote import limit_labels
from stylevote.metrics import BETA, best_threshold, f_beta, mean_of_known


def distillation_targets(
    features_without: Callable[[int], np.ndarray],
    labels: np.ndarray,
    folds: np.ndarray,
    stack: Stack,
    *,
    groups: np.ndarray | None = None,
    beta: float = BETA,
    threads: int = 1,
) -> pd.DataFrame:
    """Return one label's soft targets for the students of all folds (Hinton, Vinyals and Dean 2015).

    The student of a fold is trained on the photos of the other folds, and evaluated on the fold. Its target for a photo
    is an out-of-fold score of an ensemble that is selected and stacked without the student's fold. The nested estimate
    uses the same ensemble (`nested.predict_nested`). So no network, stacker or choice has seen both the photo and the
    fold, with one exception: the members' networks of the other folds were trained on the fold's labels.

    Args:
        features_without: returns the out-of-fold scores, float32 of shape (photos, members), of the members that were
            selected without the fold of this number.
        labels: 0, 1 or `UNKNOWN`, shape (photos,). A photo with an unknown label has a target, too.
        folds: shape (photos,); at least three different ones.
        stack: the combiner and its settings.
        groups: of the photos, see `stack.fit_stack`.
        beta: of the F-beta that the stack optimizes.
        threads: that the stack may use.

    Returns:
        columns held_out_fold (int16: the student's fold), photo (int32: number of a photo of another fold, ascending)
        and score (float32).
    """
    parts = []
    for fold in np.unique(folds):
        known = folds != fold
        features = features_without(fold)[known]
        known_groups = None if groups is None else groups[known]
        fitted = fit_stack(
            features, labels[known], folds[known], stack, groups=known_groups, beta=beta, threads=threads
        )
        parts.append(pd.DataFrame({"held_out_fold": fold, "photo": np.flatnonzero(known), "score": fitted.scores}))
    return pd.concat(parts, ignore_index=True).astype({"held_out_fold": "int16", "photo": "int32"})


def choose_epoch(
    labels: np.ndarray, scores: np.ndarray, threshold: Threshold, beta: float = BETA
) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the epoch whose networks decide all labels, and the labels' thresholds.

    The epoch has the highest mean over labels of F-beta, each label at its best threshold; of equal epochs, it is the
    earliest. The thresholds are then searched as the ensemble's are.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos, labels).
        scores: out-of-fold, float32, shape (epochs, photos, labels).
        threshold: method of the search.

    Returns:
        the epoch's position in ``scores``; thresholds, and the F-beta at these, both of shape (labels,).
    """
    numbers = range(labels.shape[1])
    macro = [np.mean([best_threshold(labels[:, k], epoch[:, k], beta)[1] for k in numbers]) for epoch in scores]
    best = int(np.argmax(macro))
    searches = [search_threshold(labels[:, k], scores[best, :, k], **threshold.arguments(), beta=beta) for k in numbers]
    return best, *np.array(searches).T


def nested_decisions(
    labels: np.ndarray,
    scores: np.ndarray,
    folds: np.ndarray,
    threshold: Threshold,
    min_labels: int = 0,
    max_labels: int | None = None,
    *,
    beta: float = BETA,
) -> np.ndarray:
    """Return decisions by each photo's out-of-fold student, with epoch and thresholds chosen by the other folds.

    Args:
        labels, scores, threshold, beta: see `choose_epoch`.
        folds: shape (photos,).
        min_labels, max_labels: limits per photo, see `vote.limit_labels`.

    Returns:
        uint8, shape (photos, labels).
    """
    decisions = np.zeros_like(labels, dtype=np.uint8)
    for fold in np.unique(folds):
        held_out = folds == fold
        epoch, thresholds, _ = choose_epoch(labels[~held_out], scores[:, ~held_out], threshold, beta)
        of_fold = scores[epoch, held_out]
        unlimited = apply_threshold(of_fold, thresholds)
        decisions[held_out] = limit_labels(unlimited, of_fold, thresholds, min_labels, max_labels)
    return decisions


def compare_student(
    labels: np.ndarray,
    ensemble: np.ndarray,
    student: np.ndarray,
    singles: np.ndarray | None,
    names: list[str],
    groups: np.ndarray | None = None,
    *,
    beta: float = BETA,
) -> pd.DataFrame:
    """Compare the student with the ensemble and the best single networks, by their decisions for the same photos.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos, labels).
        ensemble, student, singles: decisions of each, in the same shape; ``singles`` may be missing.
        names: the labels.
        groups: see `bootstrap_f_beta`.

    Returns:
        a row per label and a last row ``macro`` (the means; of ``positives`` the sum): label, positives, single_f_beta
        (if there are singles), ensemble_f_beta, student_f_beta, difference (student minus ensemble), low and high (the
        95 % interval of the difference, see `bootstrap.compare_decisions`).
    """
    table = compare_decisions(labels, ensemble, student, names, groups, beta=beta)
    table = table.rename(columns={"first": "ensemble_f_beta", "second": "student_f_beta"})
    if singles is not None:
        single_f_beta = [f_beta(labels[:, k], singles[:, k], beta) for k in range(len(names))]
        table.insert(2, "single_f_beta", [*single_f_beta, mean_of_known(single_f_beta)])
    return table
