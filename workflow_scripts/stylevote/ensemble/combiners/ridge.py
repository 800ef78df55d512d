"""Ridge regression on the members' scores."""

from dataclasses import dataclass

import numpy as np

from stylevote.ensemble.linear import WeightedSum, search_alpha
from stylevote.ensemble.stack import FittedStack
from stylevote.metrics import BETA


@dataclass(frozen=True)
class Ridge(WeightedSum):
    """A stacker whose score is a weighted sum of the members' scores, clipped to 0..1."""

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the values for ``features`` (photos, members), in 0..1: float32, shape (photos,)."""
        return np.clip(self.sum(features.astype(np.float64)), 0, 1).astype(np.float32)


load = Ridge.load


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    alpha: list[float],
    beta: float = BETA,
    threads: int = 1,  # noqa: ARG001 (all combiners are fitted with the same)
) -> FittedStack:
    """Fit a ridge regression per fold for every penalty. Keep the penalty of lowest out-of-fold squared error.

    The winner of "Planet: Understanding the Amazon from Space" (Kaggle 2017) combined the probabilities of 11 CNNs by
    ridge regressions (Hoerl & Kennard 1970). There, a first regression per CNN used the probabilities of all labels;
    here, the features are the label's own. A regression minimizes the squared error, summed over the photos, plus alpha
    times the sum of the squared weights, without a penalty on the intercept. If all photos to learn from have the
    label, or none has, the score is a constant, their prevalence.

    Args:
        alpha: penalties to try.
    """
    return search_alpha(_fit, features, labels, folds, alphas=alpha, loss="squared_error", beta=beta)


def _fit(features: np.ndarray, labels: np.ndarray, alphas: list[float]) -> list[Ridge]:
    features, labels = features.astype(np.float64), labels.astype(np.float64)
    center, prevalence = features.mean(axis=0), labels.mean()
    centered = features - center
    gram, moments = centered.T @ centered, centered.T @ (labels - prevalence)
    solutions = [np.linalg.solve(gram + alpha * np.eye(len(gram)), moments) for alpha in alphas]
    return [Ridge(weights, float(prevalence - center @ weights)) for weights in solutions]
