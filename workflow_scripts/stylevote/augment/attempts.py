"""Recoloured copies of a shard's photos: which photos to attempt, and the outcome of each attempt."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from stylevote.augment.budget import Budget, Outcome
from stylevote.augment.garments import NO_PERSON, Unsuitable, find_garments
from stylevote.augment.quality import failure, measure
from stylevote.augment.recolor import draw_recoloring, recolor
from stylevote.augment.shards import MADE, Attempt
from stylevote.config.identity import seed
from stylevote.config.photos import Recolor
from stylevote.errors import InputError
from stylevote.files.tables import label_matrix, positive_matrix, share_with

Opened = tuple[np.ndarray, np.ndarray | None]


def rare_labels(manifest: pd.DataFrame, labels: list[str], settings: Recolor) -> list[str]:
    """Return the labels whose photos are recoloured: named ones or rare ones; raise `InputError` if none is rare."""
    if settings.labels is not None:
        return settings.labels
    shares = dict(zip(labels, share_with(label_matrix(manifest, labels)), strict=True))
    rare = [label for label in labels if shares[label] < settings.rarer_than]
    if not rare:
        raise InputError(
            f"recolor.rarer_than: no label is on less than {settings.rarer_than:g} of the training photos (the"
            f" rarest is on {min(shares.values()):.3f}); raise it, set recolor.labels, or use no recoloured photos"
        )
    return rare


def recolor_shard(
    manifest: pd.DataFrame,
    labels: list[str],
    settings: Recolor,
    shards: int,
    shard: int,
    open_photo: Callable[[int], Opened],
) -> Iterator[Attempt]:
    """Attempt recoloured copies of a shard's photos, rarest labels first, until its share of the budget is spent.

    The share is the number of copies that the shard's photos get if the whole budget is spent and every attempt
    succeeds. After a failure, another photo of the shard is copied instead.

    Args:
        manifest: the training photos: image_id, and a column per label.
        shards: number of shards.
        shard: number of the shard, which holds every ``shards``-th photo.
        open_photo: returns the photo of a row (uint8, shape (height, width, 3)) and its mask (bool, shape (height,
            width)), or None if no mask was found.
    """
    positives = positive_matrix(manifest, labels)
    counts = positives.sum(axis=0, dtype=np.float64)
    capacity = np.full(len(manifest), settings.copies)
    rows = np.arange(len(manifest))[shard::shards]
    plan = Budget(positives, counts, capacity, _generator(settings, "plan")).spend(settings.total)
    missing = sum(row % shards == shard for row in plan)
    budget = Budget(positives[rows], counts / shards, capacity[rows], _generator(settings, shard, "spending"))
    while missing and (item := budget.choose()) is not None:
        image_id = manifest["image_id"].iloc[rows[item]]
        attempt = attempt_copy(image_id, budget.attempts[item], *open_photo(rows[item]), settings)
        if attempt.outcome == MADE:
            missing -= 1
            budget.record(item, Outcome.MADE)
        else:  # another attempt draws other hues, which changes nothing if the photo is unsuitable
            budget.record(item, Outcome.FAILED if attempt.figures else Outcome.HOPELESS)
        yield attempt


def attempt_copy(image_id: str, copy: int, photo: np.ndarray, mask: np.ndarray | None, settings: Recolor) -> Attempt:
    """Recolour a photo's clothes once, and keep the new colours if the result passes the gates."""
    variant = f"recolored{copy}"
    try:
        if mask is None:
            raise Unsuitable(NO_PERSON)
        garments = find_garments(photo, mask, settings)
    except Unsuitable as reason:
        return Attempt(image_id, variant, str(reason), [], [], {}, None)
    recoloring = draw_recoloring(photo, mask, garments, settings, _generator(settings, image_id, copy))
    after, weight = recolor(photo, recoloring)
    figures = measure(photo, after, mask, weight)
    failed = failure(figures, settings.gates.used())
    outcome, encoded = (f"gate: {failed}", None) if failed else (MADE, recoloring.to_bytes())
    hues = recoloring.hues_from.tolist(), recoloring.hues_to.tolist()
    return Attempt(image_id, variant, outcome, *hues, figures, encoded)


def _generator(settings: Recolor, *purpose: int | str) -> np.random.Generator:
    return np.random.default_rng(seed(settings.seed, *purpose, "recolor"))
