"""Division of photos with an equal share of every label: into holdout photos and others, and into folds."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from iterstrat.ml_stratifiers import IterativeStratification

from stylevote.errors import InputError
from stylevote.files.tables import UNKNOWN, label_matrix, positive_matrix
from stylevote.photos.table_rows import Rows, TableRow, UnreadableError
from stylevote.wording import bullets, location, nearest, plural, quote, quote_all

ATTEMPTS = 20
EXCHANGES = 1000  # many more than a thousand labels of twenty photos each need
UNEVEN = 0.1  # difference between the largest and the smallest fold, as a fraction of the mean, that is worth a warning
DETOURS = 0.1  # fraction of the exchanges that are not the best
MAX_COMPARED = 200  # rows of a fold that are compared for an exchange


def hold_out_photos(manifest: pd.DataFrame, labels: list[str], share: float, folds: int, seed: int) -> np.ndarray:
    """Choose the holdout photos by iterative stratification; near-duplicates stay together.

    Args:
        manifest: columns group, and one per label.
        share: fraction of the photos (near-duplicates and groups counted once) to hold out.
        folds: number of folds of the other photos.

    Returns:
        bool, shape (photos,): the holdout photos.

    Raises:
        InputError: a label has no positive holdout photo, or fewer other positives than folds.
    """
    subset, counts = _divide(manifest, labels, [1 - share, share], [folds, 1], seed)
    lines = [
        f"label {labels[k]!r}: {counts[0, k]} to train on and {counts[1, k]} held out; change holdout.share, add photos"
        " or merge the label with another"
        for k in np.flatnonzero((counts[0] < folds) | (counts[1] < 1))
    ]
    if lines:
        title = (
            f"too few photos per label to hold some out; expected at least {folds} positives to train on (one per fold)"
            " and 1 held out, near-duplicates and groups counted once:"
        )
        raise InputError("\n".join([title, *lines]))
    holdout = subset == 1
    positives = count_positives(positive_matrix(manifest, labels), subset, 2)
    table = pd.DataFrame(positives.T, index=labels, columns=["to train on", "holdout"])
    logging.info("%d of %d photos held out; positives:\n%s", holdout.sum(), len(holdout), table.to_string())
    return holdout


def assign_folds(manifest: pd.DataFrame, labels: list[str], count: int, seed: int) -> pd.DataFrame:
    """Divide photos into folds by iterative stratification; near-duplicates stay together.

    Returns:
        image_id and fold (int16, 0 to ``count - 1``), in the manifest's order.

    Raises:
        InputError: a label has no positive in some fold, or no known negative at all.
    """
    folds, distinct = _divide(manifest, labels, [1 / count] * count, [1] * count, seed)
    return _checked(manifest, labels, folds, count, distinct.sum(axis=0))


def _checked(
    manifest: pd.DataFrame, labels: list[str], folds: np.ndarray, count: int, distinct: np.ndarray
) -> pd.DataFrame:
    """Return the table of folds; raise `InputError` if a label cannot be learnt in them, and warn of uneven ones.

    Args:
        manifest, labels, count: see `assign_folds`.
        folds: of the photos, int, shape (photos,).
        distinct: number of distinct positives of each label.
    """
    counts = count_positives(positive_matrix(manifest, labels), folds, count)
    lines = [
        f"label {labels[k]!r}: {', '.join(map(str, counts[:, k]))} positives in the {count} folds ({distinct[k]}"
        " distinct positives, near-duplicates and groups counted once); use fewer folds, add photos or merge the label"
        " with another"
        for k in np.flatnonzero((counts == 0).any(axis=0))
    ]
    if lines:
        raise InputError("\n".join(["some folds have no positive photo of a label:", *lines]))
    if constant := [label for label in labels if not (manifest[label] == 0).any()]:
        raise InputError(
            f"no photo is known to lack {quote_all(constant)}, so nothing can be learnt: leave out such a label; or, if"
            " an empty cell or -1 means no, say values: {'': 0} or {'-1': 0} in the description of the table"
        )
    table = pd.DataFrame(counts.T, index=labels, columns=[f"fold {fold}" for fold in range(count)])
    logging.info("positives:\n%s", table.to_string())
    sizes = np.bincount(folds, minlength=count)
    largest = manifest["group"].value_counts().max()
    if np.ptp(sizes) > max(1, UNEVEN * sizes.mean()):
        logging.warning(
            "folds differ in size: %s photos%s",
            ", ".join(map(str, sizes)),
            f"; the largest group of photos that stay together has {largest}. If these are near-duplicates by mistake,"
            " lower near_duplicates.max_difference; 0 keeps only files of the same content together"
            if largest > 1
            else "",
        )
    return pd.DataFrame({"image_id": manifest["image_id"].to_numpy(), "fold": folds.astype(np.int16)})


def read_folds(path: Path, count: int) -> pd.Series:
    """Read a user's table of folds.

    Args:
        path: CSV, TSV or Parquet with the columns ``image_id`` and ``fold``.
        count: number of folds.

    Returns:
        the folds, int, by image_id, sorted.

    Raises:
        InputError: it cannot be read, lacks a column, names a photo twice, or has other folds than 0 to ``count - 1``.
    """
    try:
        header, *rows = list(Rows(path)) or [TableRow(0, [])]
    except UnreadableError as error:
        row, text = error.args
        raise InputError(f"{location(path, row)}: {text}") from error
    for column in ("image_id", "fold"):
        if column not in header.fields:
            raise InputError(f"{path}: no column {quote(column)}{nearest(column, header.fields)}")
    name_at, fold_at = header.fields.index("image_id"), header.fields.index("fold")
    folds: dict[str, int] = {}
    known, problems = {str(fold) for fold in range(count)}, []
    for row in rows:
        name, fold = (row.fields[at] if at < len(row.fields) else "" for at in (name_at, fold_at))
        if name in folds:
            problems.append(f"{location(path, row.line)}: photo {quote(name)} occurs twice, expected each once")
        if fold not in known:
            found = f"photo {quote(name)} is in fold {quote(fold)}" if fold else f"photo {quote(name)} has no fold"
            problems.append(f"{location(path, row.line)}: {found}, expected 0 to {count - 1}; see folds.count")
        folds[name] = int(fold) if fold in known else -1
    if problems:
        raise InputError(bullets(f"{plural(len(problems), 'problem')} in the table of folds:", problems))
    return pd.Series(folds, dtype=np.int64).sort_index()


def folds_digest(folds: pd.Series) -> str:
    """Return a digest of what `read_folds` returns: order and format of the table do not count."""
    lines = "".join(f"{name}\0{fold}\n" for name, fold in folds.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def take_folds(
    manifest: pd.DataFrame, labels: list[str], count: int, given: pd.Series, *, divided: str = "warn"
) -> pd.DataFrame:
    """Take folds as a user's table has them.

    Near-duplicates, or a group of the label table, in several folds make estimates too high. Folds of a published
    benchmark cannot be changed, so a warning that names them may do.

    Args:
        manifest, labels, count: see `assign_folds`.
        given: from `read_folds`; photos that are no training photos do not count.
        divided: ``fail``, or ``warn`` to log a warning, if photos that should stay together are in several folds.

    Returns:
        see `assign_folds`.

    Raises:
        InputError: a photo has no fold; a label has no positive in some fold; or photos are divided that must not be.
    """
    ids = manifest["image_id"]
    missing = ids[~ids.isin(given.index)].tolist()
    if missing:
        title = f"folds.table has no fold for {plural(len(missing), 'training photo')}:"
        raise InputError(
            bullets(title, [f"{quote(name)}{nearest(name, given.index[:1000])}" for name in missing[:200]])
        )
    folds = given.loc[ids].to_numpy()
    logging.info("%d rows of folds.table are not of training photos", len(given) - len(ids))
    lines = [
        f"{', '.join(map(quote, group['image_id'][:5]))}: folds {', '.join(map(str, np.unique(group['fold'])))}"
        for _, group in manifest[["image_id", "group"]].assign(fold=folds).groupby("group")
        if group["fold"].nunique() > 1
    ]
    if lines:
        title = (
            f"{plural(len(lines), 'group')} of near-duplicates, or of the label table, in several folds of folds.table"
        )
        if divided == "fail":
            raise InputError(bullets(f"{title}; change the table, or set near_duplicates.divided to warn:", lines))
        logging.warning("%s", bullets(f"{title}: estimates will be too high:", lines))
    first = pd.DataFrame(positive_matrix(manifest, labels)).groupby(manifest["group"].to_numpy()).max()
    return _checked(manifest, labels, folds, count, first.sum().to_numpy())


def _divide(
    manifest: pd.DataFrame, labels: list[str], shares: Sequence[float], minima: Sequence[int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Divide photos into subsets of these shares.

    A group of near-duplicates counts as one photo that has every label of its photos. Photos whose label is unknown are
    divided evenly, too, so that folds measure each label on about as many photos. If a division leaves a subset
    with fewer positives of a label than its minimum, another one is drawn. With hundreds of rare labels, all draws may
    fail. Then groups of the last draw change places (`exchange`), if the shares allow the minima.

    Returns:
        each photo's subset (int, shape (photos,)); and each subset's positives with groups counted once (int, shape
        (subsets, labels)), which may still be too few.
    """
    values = label_matrix(manifest, labels)
    _, group = np.unique(manifest["group"], return_inverse=True)
    positives = np.zeros((group.max() + 1, len(labels)), dtype=bool)
    np.logical_or.at(positives, group, values == 1)
    known = np.zeros_like(positives)
    np.logical_or.at(known, group, values != UNKNOWN)
    divided = np.concatenate([positives, ~known[:, ~known.all(axis=0)]], axis=1)
    for attempt in range(ATTEMPTS):
        subset_of_group = stratify(divided, shares, [seed, attempt])
        counts = count_positives(positives, subset_of_group, len(shares))
        if (counts >= np.reshape(minima, (-1, 1))).all():
            break
    else:
        expected = np.outer(shares, positives.sum(axis=0))
        if (expected > np.reshape(minima, (-1, 1)) - 1e-9).all():
            subset_of_group = exchange(positives, subset_of_group, np.array(minima), seed)
            counts = count_positives(positives, subset_of_group, len(shares))
    return subset_of_group[group], counts


def exchange(positives: np.ndarray, subsets: np.ndarray, minima: np.ndarray, seed: int) -> np.ndarray:
    """Exchange rows between subsets, at most `EXCHANGES` times, until each has its minimum of positives.

    A search by min-conflicts (Minton, Johnston, Philips & Laird 1992): draw a subset that lacks a label. Of all
    exchanges that bring the label there, make one that leaves the fewest positives missing, and of these one that moves
    the fewest other labels. A few exchanges are drawn instead, so that the search does not go in circles (Wallace
    1996).

    Args:
        positives: bool, shape (rows, labels).
        subsets: subset of each row, int, shape (rows,).
        minima: positives of every label that each subset needs, int, shape (subsets,).

    Returns:
        subset of each row, int, shape (rows,).
    """
    generator = np.random.default_rng(seed)
    subsets, values = subsets.copy(), positives.astype(np.int16)
    counts = count_positives(values, subsets, len(minima))
    for _ in range(EXCHANGES):
        lacking = np.argwhere(counts < minima[:, None])
        if not len(lacking):
            break
        subset, label = lacking[generator.integers(len(lacking))]
        givers = generator.permutation(np.flatnonzero(positives[:, label] & (subsets != subset)))[:MAX_COMPARED]
        takers = generator.permutation(np.flatnonzero((subsets == subset) & ~positives[:, label]))[:MAX_COMPARED]
        if not len(givers) or not len(takers):
            continue
        best = []  # of each giver: the change of missing positives, the labels that move, and the index of the taker
        for giver in givers:
            moved, source = values[giver] - values[takers], subsets[giver]
            missing = np.maximum(minima[subset] - counts[subset] - moved, 0).sum(axis=1)
            missing += np.maximum(minima[source] - counts[source] + moved, 0).sum(axis=1)
            missing -= np.maximum(minima[[subset, source], None] - counts[[subset, source]], 0).sum()
            moves = np.abs(moved).sum(axis=1)
            taker = np.lexsort((moves, missing))[0]
            best.append((missing[taker], moves[taker], taker))
        chosen = int(generator.integers(len(best))) if generator.random() < DETOURS else best.index(min(best))
        giver, taker = givers[chosen], takers[best[chosen][2]]
        counts[subset] += values[giver] - values[taker]
        counts[subsets[giver]] += values[taker] - values[giver]
        subsets[[giver, taker]] = subset, subsets[giver]
    return subsets


def stratify(positives: np.ndarray, shares: Sequence[float], seed: list[int]) -> np.ndarray:
    """Divide rows into subsets by iterative stratification, with rows in random order.

    Sechidis, Tsoumakas & Vlahavas 2011, "On the stratification of multi-label data". The method takes rows with the
    same labels in the order of the table.

    Args:
        positives: bool, shape (rows, labels).
        shares: share of each subset; their sum is 1.

    Returns:
        subset of each row, int, shape (rows,).
    """
    generator = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))
    order = generator.permutation(len(positives))
    subsets = np.empty(len(positives), dtype=np.int64)
    subsets[order] = IterativeStratification(positives[order], np.array(shares), generator)
    return subsets


def count_positives(values: np.ndarray, subsets: np.ndarray, count: int) -> np.ndarray:
    """Return the number of positives, shape (subsets, labels), of 0/1 ``values`` of shape (photos, labels)."""
    return np.array([values[subsets == subset].sum(axis=0, dtype=np.int64) for subset in range(count)])
