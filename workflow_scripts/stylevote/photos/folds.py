"""Division of the training photos into folds that have an equal share of every label."""

import logging

import numpy as np
import pandas as pd
from iterstrat.ml_stratifiers import IterativeStratification

from stylevote.program import InputError
from stylevote.tables import label_matrix

ATTEMPTS = 20


def assign_folds(manifest: pd.DataFrame, labels: list[str], count: int, seed: int) -> pd.DataFrame:
    """Divide photos into folds by iterative stratification, near-duplicates together.

    A group of near-duplicates is divided as one photo that has every label of its photos. A division can leave a
    fold without a positive of a rare label although there are enough of them; then others are drawn.

    Args:
        manifest: columns image_id, group, and one a label.
        labels: the labels to balance.
        count: number of folds.
        seed: another seed gives another division.

    Returns:
        image_id and fold (int16, 0 to ``count - 1``), in the manifest's order.

    Raises:
        InputError: a label has no positive in some fold.
    """
    values = label_matrix(manifest, labels)
    _, group = np.unique(manifest["group"], return_inverse=True)
    positives = np.zeros((group.max() + 1, len(labels)), dtype=bool)
    np.logical_or.at(positives, group, values.astype(bool))
    divisions = (stratify(positives, count, [seed, attempt]) for attempt in range(ATTEMPTS))
    for fold_of_group in divisions:
        folds = fold_of_group[group]
        counts = positives_by_fold(values, folds, count)
        if counts.all():
            break
    else:
        raise InputError(_unequal(labels, counts, positives.sum(axis=0)))
    table = pd.DataFrame(counts.T, index=labels, columns=[f"fold {fold}" for fold in range(count)])
    logging.info("positives:\n%s", table.to_string())
    return pd.DataFrame({"image_id": manifest["image_id"].to_numpy(), "fold": folds.astype(np.int16)})


def stratify(positives: np.ndarray, count: int, seed: list[int]) -> np.ndarray:
    """Return a fold for every row of ``positives`` (bool, shape (rows, labels)), int of shape (rows,).

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011, "On the stratification of multi-label data"), over
    the rows in random order, since it deals out those that are alike in the order in which they come.
    """
    generator = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))
    order = generator.permutation(len(positives))
    folds = np.empty(len(positives), dtype=np.int64)
    folds[order] = IterativeStratification(positives[order], np.full(count, 1 / count), generator)
    return folds


def positives_by_fold(values: np.ndarray, folds: np.ndarray, count: int) -> np.ndarray:
    """Return the number of positives, shape (folds, labels), of 0/1 ``values`` of shape (photos, labels)."""
    return np.array([values[folds == fold].sum(axis=0, dtype=np.int64) for fold in range(count)])


def _unequal(labels: list[str], counts: np.ndarray, groups: np.ndarray) -> str:
    """Return the message for a division of which ``counts`` (folds, labels) holds a zero."""
    lines = ["some folds have no positive photo of a label:"]
    for k in np.flatnonzero((counts == 0).any(axis=0)):
        by_fold = ", ".join(map(str, counts[:, k]))
        lines.append(
            f"label {labels[k]!r}: {by_fold} positives in the {len(counts)} folds ({groups[k]} distinct positives,"
            " near-duplicates counted once); use fewer folds, add photos or merge the label with another"
        )
    return "\n".join(lines)
