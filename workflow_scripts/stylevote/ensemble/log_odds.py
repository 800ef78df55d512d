"""Log odds of scores, and back."""

import numpy as np
from scipy.special import expit, logit

MIN_PROBABILITY = 1e-6  # scores are clipped, because 0 and 1 have no log odds


def log_odds(scores: np.ndarray) -> np.ndarray:
    """Return log(score / (1 - score)): float64, finite, in the scores' shape."""
    return logit(np.clip(scores.astype(np.float64), MIN_PROBABILITY, 1 - MIN_PROBABILITY))


def from_log_odds(value: float) -> float:
    """Return the threshold at these log odds; 0 if every score has higher ones."""
    return float(expit(value)) if value > logit(MIN_PROBABILITY) else 0.0
