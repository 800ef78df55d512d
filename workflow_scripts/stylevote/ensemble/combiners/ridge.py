"""A ridge regression on the members' scores."""

from dataclasses import dataclass

import numpy as np

from stylevote.ensemble.linear import WeightedSum, read_weighted_sum, search_alpha
from stylevote.ensemble.stack import Stack
from stylevote.metrics import BETA


@dataclass(frozen=True)
class Ridge:
    """A weighted sum of the members' scores, cut off at 0 and 1."""

    score: WeightedSum

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the regression's values for ``features`` (photos, members), in 0..1: float32, shape (photos,)."""
        return np.clip(self.score(features.astype(np.float64)), 0, 1).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the weights as JSON."""
        return self.score.to_bytes()


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    alpha: list[float],
    beta: float = BETA,
    threads: int = 1,  # noqa: ARG001 (every combiner is fitted with the same)
) -> Stack:
    """Fit one ridge regression a fold at every penalty and keep the penalty of lowest out-of-fold squared error.

    Ridge regression (Hoerl & Kennard 1970) is how the winner of "Planet: Understanding the Amazon from Space" (Kaggle
    2017) joined 11 CNNs, the features being their probabilities. There, a first regression for each CNN took those of
    all labels; here, the features are the label's own. Each minimizes the sum over photos of the squared error, plus
    alpha times the sum of the squared weights; the intercept is free. Where the photos to learn from all have the
    label, or none has, the score is so the constant of their prevalence.

    Args:
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least two different ones.
        alpha: the penalties to try.
        beta: of the F-beta in the grid.
        threads: makes no difference here.

    Returns:
        as `linear.search_alpha` does.
    """
    return search_alpha(_fit, features, labels, folds, alphas=alpha, loss="squared_error", beta=beta)


def load(raw: bytes, threads: int = 1) -> Ridge:  # noqa: ARG001 (every combiner is loaded with the same)
    """Return the stacker that `Ridge.to_bytes` wrote; `InputError` where the bytes are something else."""
    return Ridge(read_weighted_sum(raw))


def _fit(features: np.ndarray, labels: np.ndarray, alphas: list[float]) -> list[Ridge]:
    features, labels = features.astype(np.float64), labels.astype(np.float64)
    center, prevalence = features.mean(axis=0), labels.mean()
    away = features - center
    products, wanted = away.T @ away, away.T @ (labels - prevalence)
    solutions = [np.linalg.solve(products + alpha * np.eye(len(products)), wanted) for alpha in alphas]
    return [Ridge(WeightedSum(weights, float(prevalence - center @ weights))) for weights in solutions]
