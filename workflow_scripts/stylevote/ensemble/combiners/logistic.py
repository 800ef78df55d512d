"""A logistic regression on the members' log odds."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from stylevote.ensemble.linear import WeightedSum, read_weighted_sum, search_alpha
from stylevote.ensemble.newton import minimize_cross_entropy
from stylevote.ensemble.stack import Stack
from stylevote.metrics import BETA

MIN_PROBABILITY = 1e-6  # scores of 0 and 1 have no log odds: none counts as nearer to either


@dataclass(frozen=True)
class Logistic:
    """The log odds that a weighted sum of the members' log odds gives."""

    log_odds: WeightedSum

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the probabilities for the members' scores ``features`` (photos, members): float32, (photos,)."""
        return expit(self.log_odds(_log_odds(features))).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the weights as JSON."""
        return self.log_odds.to_bytes()


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    alpha: list[float],
    beta: float = BETA,
    threads: int = 1,  # noqa: ARG001 (every combiner is fitted with the same)
) -> Stack:
    """Fit one logistic regression a fold at every penalty and keep the penalty of lowest out-of-fold log loss.

    Each minimizes the sum over photos of the cross-entropy, plus alpha / 2 times the sum of the squared weights; the
    intercept is free (Cox 1958; le Cessie & van Houwelingen 1992). The members are networks of sigmoids: their log odds
    are the values that a network of the last layer above them would weigh. Photos count alike, whatever their label:
    the scores stay probabilities, and the threshold sees to the rare ones. Where the photos to learn from all have the
    label, or none has, the score is the constant of their prevalence.

    Args:
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least two different ones.
        alpha: the penalties to try (the inverse of what scikit-learn calls C).
        beta: of the F-beta in the grid.
        threads: makes no difference here.

    Returns:
        as `linear.search_alpha` does.
    """
    return search_alpha(_fit, features, labels, folds, alphas=alpha, loss="logloss", beta=beta)


def load(raw: bytes, threads: int = 1) -> Logistic:  # noqa: ARG001 (every combiner is loaded with the same)
    """Return the stacker that `Logistic.to_bytes` wrote; `InputError` where the bytes are something else."""
    return Logistic(read_weighted_sum(raw))


def _fit(features: np.ndarray, labels: np.ndarray, alphas: list[float]) -> list[Logistic]:
    prevalence = labels.mean()
    if prevalence in (0.0, 1.0):
        constant = np.clip(prevalence, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        return [Logistic(WeightedSum(np.zeros(features.shape[1]), float(logit(constant))))] * len(alphas)
    values = np.column_stack([_log_odds(features), np.ones(len(features))])
    penalized = np.append(np.ones(features.shape[1]), 0.0)  # the intercept is free
    weights = np.append(np.zeros(features.shape[1]), logit(prevalence))
    solutions = {}
    for alpha in sorted(set(alphas), reverse=True):  # the next smaller penalty's solution is near
        solutions[alpha] = weights = minimize_cross_entropy(values, labels, alpha * penalized, weights)
    return [Logistic(WeightedSum(solutions[alpha][:-1], float(solutions[alpha][-1]))) for alpha in alphas]


def _log_odds(features: np.ndarray) -> np.ndarray:
    return logit(np.clip(features.astype(np.float64), MIN_PROBABILITY, 1 - MIN_PROBABILITY))
