"""Newton's method for the penalised cross-entropy: what logistic stackers and calibration are fitted by."""

import numpy as np
from scipy.special import expit

MAX_STEPS = 100
PRECISION = 1e-9  # of the loss: a step that makes it less by a smaller share is the last; errors square with each step


def minimize_cross_entropy(
    values: np.ndarray, targets: np.ndarray, penalty: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the weights w of least cross-entropy of ``targets`` and sigmoid(values @ w), plus penalty @ w^2 / 2.

    Newton's method with steps halved until the loss falls (Boyd & Vandenberghe 2004, section 9.5): few steps, exact to
    the last digits, and the same every time. It is for far fewer weights than photos.

    Args:
        values: float64, shape (photos, weights); no column held_out_fold a penalty is a sum of others.
        targets: in 0..1, shape (photos,).
        penalty: of the squared weights, at least 0, shape (weights,).
        weights: to begin with, shape (weights,).
    """

    def loss(odds: np.ndarray, weights: np.ndarray) -> float:
        deviance = np.maximum(odds, 0) + np.log1p(np.exp(-np.abs(odds))) - targets * odds
        return float(deviance.sum() + penalty @ weights**2 / 2)

    odds = values @ weights
    reached = loss(odds, weights)
    for _ in range(MAX_STEPS):
        scores = expit(odds)
        gradient = (scores - targets) @ values + penalty * weights
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
