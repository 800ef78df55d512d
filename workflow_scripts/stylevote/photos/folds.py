"""Division of photos with an equal share of every label: into folds, and before that into holdout ones and others."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from iterstrat.ml_stratifiers import IterativeStratification

from stylevote.errors import InputError
from stylevote.files.tables import label_matrix

ATTEMPTS = 20
EXCHANGES = 1000  # many more than a thousand labels of twenty photos each need
DETOURS = 0.1  # share of the exchanges that are not the best
TRIED = 200  # rows of a part that are compared for an exchange


def hold_out_photos(manifest: pd.DataFrame, labels: list[str], share: float, folds: int, seed: int) -> np.ndarray:
    """Choose the photos that nothing is to see before the end, by iterative stratification, near-duplicates together.

    Args:
        manifest: columns group, and one per label.
        labels: the labels to balance.
        share: of the photos (groups of near-duplicates counted once) that is chosen, between 0 and 1.
        folds: number of folds that the other photos will be divided into.
        seed: another seed chooses others.

    Returns:
        bool, shape (photos,): which photos are chosen.

    Raises:
        InputError: a label has no positive among those that are chosen, or fewer than folds among the others.
    """
    part, counts = _divide(manifest, labels, [1 - share, share], [folds, 1], seed)
    if (counts[0] < folds).any() or (counts[1] < 1).any():
        raise InputError(_unlockable(labels, counts, folds))
    holdout = part == 1
    positives = positives_by_part(label_matrix(manifest, labels), part, 2)
    table = pd.DataFrame(positives.T, index=labels, columns=["to train on", "holdout"])
    logging.info("%d of %d photos held out; positives:\n%s", holdout.sum(), len(holdout), table.to_string())
    return holdout


def assign_folds(manifest: pd.DataFrame, labels: list[str], count: int, seed: int) -> pd.DataFrame:
    """Divide photos into folds by iterative stratification, near-duplicates together.

    Args:
        manifest: columns image_id, group, and one per label.
        labels: the labels to balance.
        count: number of folds.
        seed: another seed gives another division.

    Returns:
        image_id and fold (int16, 0 to ``count - 1``), in the manifest's order.

    Raises:
        InputError: a label has no positive in some fold.
    """
    folds, distinct = _divide(manifest, labels, [1 / count] * count, [1] * count, seed)
    counts = positives_by_part(label_matrix(manifest, labels), folds, count)
    if not counts.all():
        raise InputError(_unequal(labels, counts, distinct.sum(axis=0)))
    table = pd.DataFrame(counts.T, index=labels, columns=[f"fold {fold}" for fold in range(count)])
    logging.info("positives:\n%s", table.to_string())
    return pd.DataFrame({"image_id": manifest["image_id"].to_numpy(), "fold": folds.astype(np.int16)})


def _divide(
    manifest: pd.DataFrame, labels: list[str], shares: Sequence[float], least: Sequence[int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Divide photos into parts of these shares, near-duplicates together.

    A group of near-duplicates is divided as one photo that has every label of its photos. A division can leave a
    part with fewer than its ``least`` positives of a rare label although there are enough of them; then others are
    drawn. With hundreds of rare labels none may do: then groups of the last one change places (`exchange`), if each
    part is due its least by its share.

    Returns:
        each photo's part (int, shape (photos,)), and each part's positives with near-duplicates counted once (int,
        shape (parts, labels)); where some are still too few, of the last division that was drawn.
    """
    values = label_matrix(manifest, labels)
    _, group = np.unique(manifest["group"], return_inverse=True)
    positives = np.zeros((group.max() + 1, len(labels)), dtype=bool)
    np.logical_or.at(positives, group, values.astype(bool))
    for attempt in range(ATTEMPTS):
        part_of_group = stratify(positives, shares, [seed, attempt])
        counts = positives_by_part(positives, part_of_group, len(shares))
        if (counts >= np.reshape(least, (-1, 1))).all():
            break
    else:
        due = np.outer(shares, positives.sum(axis=0))
        if (due > np.reshape(least, (-1, 1)) - 1e-9).all():
            part_of_group = exchange(positives, part_of_group, np.array(least), seed)
            counts = positives_by_part(positives, part_of_group, len(shares))
    return part_of_group[group], counts


def exchange(positives: np.ndarray, parts: np.ndarray, least: np.ndarray, seed: int) -> np.ndarray:
    """Exchange rows between parts until each part has its ``least`` positives of each label, or time is up.

    A search by least conflicts (Minton, Johnston, Philips & Laird 1992): a part that lacks a label is drawn, and of all
    exchanges that bring the label there, one that leaves the fewest positives missing is made; of equals, one that
    changes least else. Now and then another one is made, so that the search does not go in circles (Wallace 1996).
    Sizes of parts stay.

    Args:
        positives: bool, shape (rows, labels).
        parts: part of each row, int, shape (rows,).
        least: positives of every label that each part needs, int, shape (parts,).
        seed: of the draws.

    Returns:
        part of each row, int, shape (rows,).
    """
    generator = np.random.default_rng(seed)
    parts, values = parts.copy(), positives.astype(np.int16)
    counts = positives_by_part(values, parts, len(least))
    for _ in range(EXCHANGES):
        needy = np.argwhere(counts < least[:, None])
        if not len(needy):
            break
        part, label = needy[generator.integers(len(needy))]
        givers = generator.permutation(np.flatnonzero(positives[:, label] & (parts != part)))[:TRIED]
        takers = generator.permutation(np.flatnonzero((parts == part) & ~positives[:, label]))[:TRIED]
        pairs = [_best_taker(values, counts, least, giver, parts[giver], takers, part) for giver in givers]
        if not pairs or not len(takers):
            continue
        chosen = int(generator.integers(len(pairs))) if generator.random() < DETOURS else pairs.index(min(pairs))
        giver, taker = givers[chosen], takers[pairs[chosen][2]]
        counts[part] += values[giver] - values[taker]
        counts[parts[giver]] += values[taker] - values[giver]
        parts[[giver, taker]] = part, parts[giver]
    return parts


def _best_taker(
    values: np.ndarray, counts: np.ndarray, least: np.ndarray, giver: int, of_giver: int, takers: np.ndarray, part: int
) -> tuple[int, int, int]:
    """Return the positives missing after a row's best exchange, the labels that it moves, and with which of ``takers``.

    Args:
        values, counts, least: see `exchange`; positives of each part, int, shape (parts, labels).
        giver, of_giver: the row that goes to ``part``, and its part.
        takers: rows of ``part``.
        part: the needy one.
    """
    moved = values[giver] - values[takers]
    missing = np.maximum(least[part] - counts[part] - moved, 0).sum(axis=1)
    missing += np.maximum(least[of_giver] - counts[of_giver] + moved, 0).sum(axis=1)
    missing -= np.maximum(least[[part, of_giver], None] - counts[[part, of_giver]], 0).sum()
    order = np.lexsort((np.abs(moved).sum(axis=1), missing))
    return int(missing[order[0]]), int(np.abs(moved[order[0]]).sum()), int(order[0])


def stratify(positives: np.ndarray, shares: Sequence[float], seed: list[int]) -> np.ndarray:
    """Return a part for every row of ``positives`` (bool, shape (rows, labels)), int of shape (rows,).

    ``shares`` are those of the parts, with the sum 1.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011, "On the stratification of multi-label data"), over
    the rows in random order, since it deals out those that are alike in the order in which they come.
    """
    generator = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))
    order = generator.permutation(len(positives))
    parts = np.empty(len(positives), dtype=np.int64)
    parts[order] = IterativeStratification(positives[order], np.array(shares), generator)
    return parts


def positives_by_part(values: np.ndarray, parts: np.ndarray, count: int) -> np.ndarray:
    """Return the number of positives, shape (parts, labels), of 0/1 ``values`` of shape (photos, labels)."""
    return np.array([values[parts == part].sum(axis=0, dtype=np.int64) for part in range(count)])


def _unlockable(labels: list[str], counts: np.ndarray, folds: int) -> str:
    """Return the message for too few positives in ``counts``, shape (2, labels): those that stay, and those holdout."""
    lines = [
        f"too few photos of a label to lock some away; expected at least {folds} positives to train on (one per fold)"
        " and 1 held out, near-duplicates counted once:"
    ]
    for k in np.flatnonzero((counts[0] < folds) | (counts[1] < 1)):
        lines.append(
            f"label {labels[k]!r}: {counts[0, k]} to train on and {counts[1, k]} held out; change holdout.share, add"
            " photos or merge the label with another"
        )
    return "\n".join(lines)


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
