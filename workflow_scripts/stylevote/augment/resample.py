"""The photos of each epoch, some repeated, dropped or recoloured, and their order; each epoch has its own draw."""

from decimal import Decimal

import numpy as np
import pandas as pd

from stylevote.augment.budget import Budget
from stylevote.config.identity import seed
from stylevote.errors import InputError
from stylevote.files.tables import UNKNOWN, label_matrix, positive_matrix, share_with


def resample(
    photos: pd.DataFrame, labels: list[str], recolored: pd.DataFrame, recipe: dict, fold: int, *, name: str
) -> pd.DataFrame:
    """Return every epoch's manifest of one fold (Ding & Wan 2018, II.B and II.C; ``balanced`` goes beyond the paper).

    An epoch starts from every training photo once. The steps of the recipe follow in this order:

    - ``drop``: the fraction ``keep``, rounded (a half up), stays of the photos with exactly one of the ``label_sets``,
      or one of the ``largest`` sets by number of photos (of equals, the first by its names). Sets with a label that
      less than the fraction ``rarer_than`` of the photos has are not among these: "only samples with relatively
      large-scaled labels are deleted". A photo with an unknown label has none of these sets.
    - ``repeat``: photos that stay and have one of ``labels`` appear ``times`` times.
    - ``recolored``: ``per_epoch`` recoloured photos, or all if there are fewer, whose source has one of ``labels``
      (None: any label) are added, of the rarest labels first (`Budget`), even if the source is dropped.
    - ``balanced``: entries are drawn from the pool of the steps before, as many as it has. Each is drawn as often as
      expected, rounded up or down (systematic sampling: Madow 1949, "On the theory of systematic sampling, II"). An
      entry's weight is ``(1 / share) ** power``, with the share of its rarest label in the pool, or 1 without labels.

    Each epoch and step has its own generator, so that more epochs do not change the first ones.

    Args:
        photos: column ``image_id`` and one per label (0, 1 or `UNKNOWN`): the fold's training photos.
        recolored: columns ``image_id`` (the source's) and ``variant``: the recoloured photos of any fold.
        recipe: ``seed``, ``epochs`` (their number), and the steps as above, each a dict or None.
        fold: number of the fold that is held out.
        name: of the recipe, for messages.

    Returns:
        Columns ``epoch`` (int16) and ``position`` (int32) from 0, ``image_id`` (of a recoloured photo, the source's),
        and ``variant`` ("original": the photo itself).

    Raises:
        InputError: the recipe is impossible with these photos.
    """
    where = f"recipe {name}, fold {fold}"
    sets = _dropped_sets(label_matrix(photos, labels), labels, recipe["drop"], where)
    values, known = positive_matrix(photos, labels), label_matrix(photos, labels) != UNKNOWN
    repeats = _repeats(values, labels, recipe["repeat"], where)
    if recipe["recolored"]:
        named = recipe["recolored"]["labels"]
        served = values[:, _columns(named, labels, values, f"{where}: `recolored`")] if named else values
        usable = _usable(photos["image_id"], served, recolored, where)
    manifests = []
    for epoch in range(recipe["epochs"]):
        rng = {
            purpose: np.random.default_rng(seed(recipe["seed"], fold, epoch, purpose))
            for purpose in ("drop", "recolored", "balanced", "order")
        }
        stays = np.ones(len(photos), dtype=bool)
        for rows in sets:
            kept = _rounded(recipe["drop"]["keep"], len(rows))
            stays[rng["drop"].choice(rows, size=len(rows) - kept, replace=False)] = False
        _check_left(values, values[stays], labels, f"{where}, epoch {epoch}: `drop`")
        rows = np.repeat(np.arange(len(photos)), stays * repeats)
        variants = np.full(len(rows), "original", dtype=object)
        if recipe["recolored"]:
            spent = _spend(usable, served, recipe["recolored"]["per_epoch"], rng["recolored"])
            rows, variants = np.append(rows, spent["row"]), np.append(variants, spent["variant"])
        if recipe["balanced"]:
            weights = _rarity(values[rows], known[rows]) ** recipe["balanced"]["power"]
            drawn = _draw_systematically(weights, rng["balanced"])
            rows, variants = rows[drawn], variants[drawn]
            _check_left(values, values[rows], labels, f"{where}, epoch {epoch}: `balanced`")
        order = rng["order"].permutation(len(rows))
        manifests.append(
            pd.DataFrame(
                {
                    "epoch": np.int16(epoch),
                    "position": np.arange(len(rows), dtype=np.int32),
                    "image_id": photos["image_id"].to_numpy()[rows[order]],
                    "variant": variants[order],
                }
            )
        )
    return pd.concat(manifests, ignore_index=True)


def positives_table(photos: pd.DataFrame, labels: list[str], epochs: pd.DataFrame) -> pd.DataFrame:
    """Return how often each label is seen, for the photos and the result of `resample`.

    A row per label: ``positives`` (among the photos), ``an epoch`` (mean over the epochs), and their ``ratio``.
    """
    values = positive_matrix(photos, labels)
    seen = np.bincount(pd.Index(photos["image_id"]).get_indexer(epochs["image_id"]), minlength=len(photos))
    table = pd.DataFrame({"positives": values.sum(axis=0, dtype=np.int64)}, index=labels)
    table["an epoch"] = seen @ values / epochs["epoch"].nunique()
    return table.assign(ratio=table["an epoch"] / table["positives"])


def _dropped_sets(values: np.ndarray, labels: list[str], drop: dict | None, where: str) -> list[np.ndarray]:
    """Return the rows of the photos of each label set that loses photos; ``values`` are 0, 1 or `UNKNOWN`."""
    if not drop:
        return []
    whole = np.flatnonzero((values != UNKNOWN).all(axis=1))
    distinct, set_of = np.unique(values[whole], axis=0, return_inverse=True)
    sets = [tuple(sorted(label for label, has in zip(labels, row, strict=True) if has)) for row in distinct]
    chosen = [tuple(sorted(names)) for names in drop["label_sets"] or []]
    for names in chosen:
        if names not in sets:
            raise InputError(f"{where}: `drop` names the label set {list(names)}, which no training photo has")
    sizes, rare = np.bincount(set_of), share_with(values) < drop["rarer_than"]
    common = np.flatnonzero(~distinct[:, rare].any(axis=1))
    largest = sorted(common, key=lambda k: (-sizes[k], sets[k]))[: drop["largest"] or 0]
    if not chosen and not largest:
        raise InputError(
            f"{where}: `drop` finds no photos: all have a label that less than {drop['rarer_than']:g} of them have;"
            " lower `rarer_than`, or name `label_sets`"
        )
    return [whole[set_of == k] for k in sorted({*map(sets.index, chosen), *largest})]


def _rounded(share: float, count: int) -> int:
    """Return the share of a count in decimal arithmetic, a half rounded up: 0.7 of 45 is 32."""
    return int(Decimal(str(share)) * count + Decimal("0.5"))


def _repeats(values: np.ndarray, labels: list[str], repeat: dict | None, where: str) -> np.ndarray:
    """Return how often each photo appears if it stays, int of shape (photos,)."""
    if not repeat:
        return np.ones(len(values), dtype=np.int64)
    columns = _columns(repeat["labels"], labels, values, f"{where}: `repeat`")
    return np.where(values[:, columns].any(axis=1), repeat["times"], 1)


def _usable(image_ids: pd.Series, served: np.ndarray, recolored: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the recoloured photos whose source has a served label: ``row`` of the source, ``variant``.

    ``served`` is 0/1, shape (photos, labels): the labels that recoloured photos are added for.
    """
    usable = recolored[["variant"]].assign(row=pd.Index(image_ids).get_indexer(recolored["image_id"]))
    usable = usable[(usable["row"] >= 0) & served.any(axis=1)[usable["row"]]].reset_index(drop=True)
    if usable.empty:
        raise InputError(
            f"{where}: `recolored` has no photos: none of the {len(recolored)} recoloured photos has one of its labels"
            " and a source outside the fold; recolour more, or change its labels"
        )
    return usable


def _spend(usable: pd.DataFrame, served: np.ndarray, amount: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the recoloured photos of one epoch: ``amount`` rows of ``usable``, or all, of the rarest labels first."""
    sources, source_of, capacity = np.unique(usable["row"], return_inverse=True, return_counts=True)
    budget = Budget(served[sources], served.sum(axis=0), capacity, rng)
    copies = np.bincount(budget.spend(amount), minlength=len(sources))
    order = rng.permutation(len(usable))
    order = order[np.argsort(source_of[order], kind="stable")]  # photos of a source together, in random order
    place = np.arange(len(order)) - np.repeat(np.cumsum(capacity) - capacity, capacity)
    return usable.loc[order[place < np.repeat(copies, capacity)]]


def _rarity(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return 1 / share of the rarest label of each row of 0/1 ``values`` (entries, labels); 1 without labels.

    The share is that of the entries for which the label is ``known``, bool in the same shape.
    """
    counts = values.sum(axis=0, dtype=np.int64)
    return np.where(values, known.sum(axis=0) / np.maximum(counts, 1), 1).max(axis=1)


def _draw_systematically(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw as many entries as there are weights, in proportion to them, by equal steps through them in random order.

    Each row of ``weights`` is returned as often as expected, rounded up or down.
    """
    order = rng.permutation(len(weights))
    ends = np.cumsum(weights[order])
    ends *= len(ends) / ends[-1]
    ends[-1] = len(ends)  # even if the product was rounded
    return np.repeat(order, np.diff(np.ceil(ends - rng.random()), prepend=0).astype(np.int64))


def _columns(names: list[str], labels: list[str], values: np.ndarray, where: str) -> list[int]:
    """Return the columns of a step's labels; raise `InputError` for a label without positives."""
    positives = dict(zip(labels, values.any(axis=0), strict=True))
    for label in names:
        if not positives.get(label):
            raise InputError(f"{where} names the label {label!r}, but no training photo has it; remove it")
    return [labels.index(label) for label in names]


def _check_left(before: np.ndarray, after: np.ndarray, labels: list[str], where: str) -> None:
    """Raise `InputError` for a label that loses all positives in a step; both arrays are 0/1, (entries, labels)."""
    for k in np.flatnonzero(before.any(axis=0) & ~after.any(axis=0)):
        raise InputError(
            f"{where} leaves none of the {before[:, k].sum(dtype=int)} positives of the label {labels[k]!r}"
        )
