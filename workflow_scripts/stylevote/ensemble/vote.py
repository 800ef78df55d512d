"""The folds' vote on a photoset."""

import numpy as np
import pandas as pd

from stylevote.ensemble.stack import Stacker, stacked_scores
from stylevote.ensemble.threshold import decide


def cast_votes(features: np.ndarray, stackers: list[Stacker], threshold: float) -> pd.DataFrame:
    """Let the CNN folds vote on one label (Ding & Wan 2018).

    Each fold's scores go through every stacker; the outputs are averaged and cut at the threshold: that is the fold's
    vote. The majority decides; where an even number of folds is split in halves, the mean over the folds does.

    Args:
        features: the members' scores of the photoset by each fold's CNNs, float32, shape (folds, photos, members).
        stackers: the label's, one a fold.
        threshold: the label's.

    Returns:
        a row a photo: fold0, fold1, ... and score, their mean (float32), votes (int8: folds for it), decision (uint8).
    """
    averaged = np.array([stacked_scores(stackers, fold) for fold in features])
    score = averaged.mean(axis=0, dtype=np.float64).astype(np.float32)
    votes = decide(averaged, threshold).sum(axis=0, dtype=np.int8)
    folds = len(features)
    decision = np.where(2 * votes.astype(int) == folds, decide(score, threshold), 2 * votes.astype(int) > folds)
    table = {f"fold{k}": averaged[k] for k in range(folds)}
    return pd.DataFrame(table | {"score": score, "votes": votes, "decision": decision.astype(np.uint8)})
