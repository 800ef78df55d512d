"""What a label's stackers learn from: for each training photo, the out-of-fold scores of its members."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from stylevote.ensemble.rank import ALL
from stylevote.ensemble.select import members_of
from stylevote.files.tables import UNKNOWN


def split_halves(labels: np.ndarray, folds: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Divide each fold's photos into two halves with an equal share of the label; groups stay together.

    If a fold's own photos select its members (`select.select_by_fold`), each half is judged by members that the other
    half selected. Groups are taken alternately, those with the label and those without.

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos,). Photos with an unknown label are divided apart from the others.
        folds: shape (photos,).
        groups: group of near-duplicates, shape (photos,).

    Returns:
        0 or 1, shape (photos,).
    """
    # A group has a label that is known of one of its photos.
    lowest_unknown = np.where(labels == UNKNOWN, -1, labels.astype(np.int16))
    photos = pd.DataFrame({"fold": folds, "group": groups, "label": lowest_unknown})
    photos["label"] = photos.groupby(["fold", "group"])["label"].transform("max")
    units = photos.drop_duplicates(["fold", "group"])
    halves = units.assign(half=units.groupby(["fold", "label"]).cumcount() % 2)
    return photos.merge(halves, how="left", on=["fold", "group"])["half"].to_numpy()


def member_scores(
    read_scores: Callable[[pd.DataFrame], np.ndarray],
    selection: pd.DataFrame,
    folds: np.ndarray,
    halves: np.ndarray,
    held_out_fold: int = ALL,
) -> np.ndarray:
    """Return the out-of-fold scores of a label's members: float32, shape (members, photos).

    If each fold's photos selected among its CNNs, the N-th row has for each photo the score of the N-th member of its
    fold, and of the held-out fold that of the N-th member which the other half of the fold's photos selected.

    Args:
        read_scores: returns the scores of candidates (columns candidate, run, epoch): float32 (candidates, photos).
        selection: from `select.select_by_fold`.
        folds: shape (photos,).
        halves: from `split_halves`.
        held_out_fold: fold without which the members were selected, or `rank.ALL`.
    """
    members = members_of(selection, held_out_fold)
    networks = members.drop_duplicates(["run", "epoch"])
    places = pd.MultiIndex.from_frame(networks[["run", "epoch"]]).get_indexer(
        pd.MultiIndex.from_frame(members[["run", "epoch"]])
    )
    of_networks = read_scores(networks)
    scores = np.empty((members["member"].max(), len(folds)), dtype=np.float32)
    for fold, half in members[["fold", "held_out_half"]].drop_duplicates().itertuples(index=False):
        chosen = (members["fold"] == fold) & (members["held_out_half"] == half)
        photos = ((folds == fold) | (fold == ALL)) & ((halves == half) | (half == ALL))
        scores[:, photos] = of_networks[places[chosen]][:, photos]
    return scores
