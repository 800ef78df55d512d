"""Logistic regression on the members' log odds."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from stylevote.ensemble.linear import WeightedSum, search_alpha
from stylevote.ensemble.log_odds import MIN_PROBABILITY, log_odds
from stylevote.ensemble.newton import minimize_cross_entropy
from stylevote.ensemble.stack import FittedStack
from stylevote.metrics import BETA


@dataclass(frozen=True)
class Logistic(WeightedSum):
    """A stacker whose log odds are a weighted sum of the members' log odds."""

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the probabilities for ``features`` (photos, members): float32, shape (photos,)."""
        return expit(self.sum(log_odds(features))).astype(np.float32)


load = Logistic.load


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    alpha: list[float],
    beta: float = BETA,
    threads: int = 1,  # noqa: ARG001 (all combiners are fitted with the same)
) -> FittedStack:
    """Fit a logistic regression per fold for every penalty. Keep the penalty of lowest out-of-fold log loss.

    A regression minimizes the cross-entropy, summed over the photos, plus alpha / 2 times the sum of the squared
    weights, without a penalty on the intercept (Cox 1958; le Cessie & van Houwelingen 1992). The members end in
    sigmoids, so their log odds are what a network's last layer would weigh. All photos count alike: scores stay
    probabilities, and the threshold takes care of rare labels. If all photos to learn from have the label, or none has,
    the score is a constant, their prevalence.

    Args:
        alpha: penalties to try (scikit-learn's C is their inverse).
    """
    return search_alpha(_fit, features, labels, folds, alphas=alpha, loss="logloss", beta=beta)


def _fit(features: np.ndarray, labels: np.ndarray, alphas: list[float]) -> list[Logistic]:
    prevalence = labels.mean()
    if prevalence in (0.0, 1.0):
        constant = np.clip(prevalence, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        return [Logistic(np.zeros(features.shape[1]), float(logit(constant)))] * len(alphas)
    values = np.column_stack([log_odds(features), np.ones(len(features))])
    penalized = np.append(np.ones(features.shape[1]), 0.0)  # not the intercept
    weights = np.append(np.zeros(features.shape[1]), logit(prevalence))
    solutions = {}
    for alpha in sorted(set(alphas), reverse=True):  # start from the solution of the next larger penalty, which is near
        solutions[alpha] = weights = minimize_cross_entropy(values, labels, alpha * penalized, weights)
    return [Logistic(solutions[alpha][:-1], float(solutions[alpha][-1])) for alpha in alphas]
