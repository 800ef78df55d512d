"""Selection of a label's members: the best candidates that differ from each other."""

import numpy as np
import pandas as pd


def select_members(ranking: pd.DataFrame, scores: np.ndarray, top_n: int, correlation: float) -> pd.DataFrame:
    """Take the best candidates, of a run its best epoch, none too like one already taken (Ding & Wan 2018).

    A candidate whose scores are all the same tells no photos apart, and its correlation with others is undefined: it is
    taken only where every candidate is such a one, and then only the first.

    Args:
        ranking: what `rank.rank_candidates` returns, its index being the row in ``scores``.
        scores: in 0..1, shape (candidates, photos).
        top_n: how many members to take at most.
        correlation: the highest Pearson correlation that two members' scores may have.

    Returns:
        ``ranking`` with the columns member (int16: 1, 2, ... in the order taken, 0 for the others) and reason (why a
        candidate is not a member; empty for members).
    """
    taken: list[tuple[str, int]] = []
    seen: set[str] = set()
    directions = np.empty((min(top_n, ranking["run"].nunique()), scores.shape[1]))
    members, reasons = [], []
    for row, run, epoch in zip(ranking.index, ranking["run"], ranking["epoch"], strict=True):
        reason = ""
        if run in seen:
            reason = "another epoch of the run is better"
        elif len(taken) == top_n:
            reason = f"more than {top_n}"
        elif (direction := _direction(scores[row])) is None:
            reason = "all its scores are the same"
        elif taken:
            likeness = directions[: len(taken)] @ direction
            nearest = int(np.argmax(likeness))
            if likeness[nearest] > correlation:
                reason = f"correlates {likeness[nearest]:.3f} with {taken[nearest][0]} epoch {taken[nearest][1]}"
        seen.add(run)
        if not reason:
            directions[len(taken)] = direction
            taken.append((run, epoch))
        members.append(0 if reason else len(taken))
        reasons.append(reason)
    if not taken:
        members[0], reasons[0] = 1, ""
    return ranking.assign(member=np.array(members, dtype=np.int16), reason=reasons)


def _direction(scores: np.ndarray) -> np.ndarray | None:
    """Return the scores less their mean, at unit length: the dot product of two is their Pearson correlation."""
    if scores.min() == scores.max():
        return None
    centred = scores - scores.mean(dtype=np.float64)
    return centred / np.linalg.norm(centred)


def members_of(selection: pd.DataFrame) -> pd.DataFrame:
    """Return a selection's members in the order taken, with its index and columns."""
    return selection[selection["member"] > 0].sort_values("member")
