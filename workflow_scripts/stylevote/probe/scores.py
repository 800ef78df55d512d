"""Probabilities by a probe's head."""

import numpy as np
from scipy.special import expit

from stylevote.probe.features import Features
from stylevote.probe.logits import head_logits
from stylevote.probe.rows import BLOCK

HEAD = "head."  # start of the names of the head's arrays in a file of weights


def probabilities(head: dict[str, np.ndarray], features: Features, rows: np.ndarray) -> np.ndarray:
    """Return the probabilities of some photos, float32 of shape (rows, labels).

    They are computed in double precision, and so do not depend on how many photos are computed together.

    Args:
        head: arrays by their names in `stylevote.cnn.network.make_head`.
        features: of all photos.
        rows: numbers of the photos.
    """
    head = {name: array.astype(np.float64) for name, array in head.items()}
    parts = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)] or [rows]
    logits = (head_logits(head, features.take(part).astype(np.float64)) for part in parts)
    return np.concatenate([expit(part).astype(np.float32) for part in logits])
