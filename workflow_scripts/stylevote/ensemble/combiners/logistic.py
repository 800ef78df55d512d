"""A logistic regression on the members' log odds."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from stylevote.ensemble.linear import WeightedSum, read_weighted_sum, search_alpha
from stylevote.ensemble.stack import Stack
from stylevote.metrics import BETA

LEAST_PROBABILITY = 1e-6  # scores of 0 and 1 have no log odds: none counts as nearer to either
MOST_STEPS = 100
PRECISION = 1e-9  # of the loss: a step that makes it less by a smaller share is the last; errors square with each step


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
        constant = np.clip(prevalence, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        return [Logistic(WeightedSum(np.zeros(features.shape[1]), float(logit(constant))))] * len(alphas)
    values = np.column_stack([_log_odds(features), np.ones(len(features))])
    weights = np.append(np.zeros(features.shape[1]), logit(prevalence))
    solutions = {}
    for alpha in sorted(set(alphas), reverse=True):  # the next smaller penalty's solution is near
        solutions[alpha] = weights = _minimize(values, labels, alpha, weights)
    return [Logistic(WeightedSum(solutions[alpha][:-1], float(solutions[alpha][-1]))) for alpha in alphas]


def _minimize(values: np.ndarray, labels: np.ndarray, alpha: float, weights: np.ndarray) -> np.ndarray:
    """Return the weights of least penalised cross-entropy, that of the last column of ``values`` without penalty.

    By Newton's method from ``weights``, with steps halved until the loss falls (Boyd & Vandenberghe 2004, section 9.5):
    few steps, exact to the last digits, and the same every time. There are far fewer members than photos.
    """
    penalty = np.append(np.full(len(weights) - 1, alpha), 0.0)
    signs = np.where(labels == 1, -1.0, 1.0)

    def loss(odds: np.ndarray, weights: np.ndarray) -> float:
        wrong = signs * odds
        return float((np.maximum(wrong, 0) + np.log1p(np.exp(-np.abs(wrong)))).sum() + penalty @ weights**2 / 2)

    odds = values @ weights
    reached = loss(odds, weights)
    for _ in range(MOST_STEPS):
        scores = expit(odds)
        gradient = (scores - labels) @ values + penalty * weights
        scaled = values * np.sqrt(scores * (1 - scores))[:, None]
        step = np.linalg.solve(scaled.T @ scaled + np.diag(penalty), gradient)
        promised = float(gradient @ step)
        if promised <= PRECISION * reached:
            return weights - step
        size = 1.0
        while size > np.finfo(float).eps:
            moved = weights - size * step
            odds = values @ moved
            if (found := loss(odds, moved)) <= reached - 1e-4 * size * promised:
                break
            size /= 2
        weights, reached = moved, found
    return weights


def _log_odds(features: np.ndarray) -> np.ndarray:
    return logit(np.clip(features.astype(np.float64), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
