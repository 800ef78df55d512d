"""Logistic regressions of many labels and penalties on the same features, fitted together."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from stylevote.probe.logits import log_losses
from stylevote.probe.training import Training, standardize

RIDGE = 0.01  # added to the variances of standardized features before whitening
EXACT = 1e-10
MEMORY = 8  # pairs that L-BFGS remembers
MAX_STEPS = 500

Evaluation = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Basis:
    """Directions in which the features of a fit are uncorrelated.

    Attributes:
        mean: of the features, float32, shape (width,).
        directions: factors of the centred features, float32, shape (width, directions).
        variances: of the features in these directions, float32, shape (directions,).
        strength: of the penalty on the squared weight of each direction, float32, shape (directions,).
    """

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    strength: np.ndarray


def find_basis(training: Training, *, whiten: bool) -> Basis:
    """Return the principal directions of standardized features.

    A penalty on their weights is the same as on those of the features. If ``whiten`` is true, it is the penalty on the
    weights of whitened features: those divided by the deviation (with a small ridge) in each direction.
    """
    mean, scale = standardize(training)
    parts = np.sqrt(training.counts / training.counts.sum(dtype=np.float64)).astype(np.float32)[:, None]
    blocks = ((block - mean) * scale * parts[part] for part, block in training.rows.blocks(training.positions))
    if len(training.positions) < len(mean):
        # Photos are fewer than features: the same directions from a smaller matrix.
        values = np.concatenate(list(blocks)).astype(np.float64)
        variances, factors = scipy.linalg.eigh(values @ values.T, driver="evd")
        kept = variances > 1e-12 * max(variances[-1], 1)  # all others have no variance, so that their weights are 0
        variances = variances[kept]
        directions = values.T @ (factors[:, kept] / np.sqrt(variances))
    else:
        covariance = np.zeros((len(mean), len(mean)))
        for values in blocks:
            covariance += values.T @ values
        variances, directions = scipy.linalg.eigh(covariance.astype(np.float32), driver="evd")
    variances = np.maximum(variances, 0).astype(np.float32)
    strength = variances + np.float32(RIDGE) if whiten else np.ones_like(variances)
    return Basis(mean, (directions * scale[:, None]).astype(np.float32), variances, strength)


def fit_regressions(
    training: Training, labels: np.ndarray, penalties: np.ndarray, *, whiten: bool, tolerance: float = EXACT
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and intercepts of penalized logistic regressions, one per pair of label and penalty.

    Each minimizes mean(count * class weight * log loss) / mean(count) + penalty / 2 * sum(w^2), where w are weights of
    standardized features (`stylevote.probe.training.standardize`; photos count as often as they are named), or of
    whitened ones. The intercept has no penalty. Without class weights, this is scikit-learn's LogisticRegression with
    C = 1 / (penalty * photos). Labels that all photos have, or none, get weights of 0 and their log odds with half a
    photo more of each kind. Photos whose label is unknown count for the features' mean and deviation only.

    Method: L-BFGS (Nocedal & Wright 2006, algorithm 7.5) for all pairs together, so that each pass over the features is
    a product of large matrices. It starts from the inverse of the Hessian that equal curvature at all photos would
    give, which is diagonal in the principal directions of the features. So few steps are needed.

    Args:
        training: the photos.
        labels: number of each pair's label, shape (pairs,).
        penalties: shape (pairs,).
        whiten: see `find_basis`.
        tolerance: on the loss above its minimum (estimated), at which a pair is finished.

    Returns:
        Weights of the features as `Rows` has them (centred), float32, shape (pairs, width), and intercepts, float64,
        shape (pairs,).
    """
    photos, positives = training.photos()[labels], training.positives()[labels]
    log_odds = np.log((positives + 0.5) / (photos - positives + 0.5))
    weights, intercepts = np.zeros((len(labels), len(training.rows.center)), np.float32), log_odds.copy()
    pairs = np.flatnonzero((positives > 0) & (positives < photos))
    if not pairs.size:
        return weights, intercepts
    basis = find_basis(training, whiten=whiten)
    strength = basis.strength[:, None] * penalties[None, pairs].astype(np.float32)
    strength = np.vstack([strength, np.zeros_like(strength[:1])])
    curvatures = np.append(basis.variances, 1)[:, None].astype(np.float32)
    class_weights = training.class_weights()

    def evaluate(point: np.ndarray, active: np.ndarray) -> Evaluation:
        """Return the losses at ``point``, their gradients, and the inverse of the Hessians' estimated diagonals."""
        own = labels[pairs[active]]
        loss, slope, curvature = pass_over(training, basis, point, own, class_weights[:, own])
        penalty = strength[:, active]
        loss += (penalty * point * point).sum(axis=0, dtype=np.float64) / 2
        return loss, slope + penalty * point, 1 / np.maximum(curvature * curvatures + penalty, 1e-10)

    start = np.zeros((len(curvatures), len(pairs)), np.float32)
    start[-1] = log_odds[pairs]
    found = minimize(evaluate, start, tolerance)
    weights[pairs] = (basis.directions @ found[:-1]).T
    intercepts[pairs] = found[-1] - weights[pairs].astype(np.float64) @ basis.mean
    return weights, intercepts


def pass_over(
    training: Training, basis: Basis, point: np.ndarray, labels: np.ndarray, class_weights: np.ndarray
) -> Evaluation:
    """Return mean losses without penalty, their gradients and mean second derivatives by the logit, at ``point``."""
    weights = basis.directions @ point[:-1]
    intercepts = point[-1] - basis.mean @ weights
    loss, curvature, residuals = (np.zeros(len(labels)) for _ in range(3))
    slope = np.zeros_like(weights)
    weighted = bool((class_weights != 1).any()) or training.known is not None
    for part, block in training.rows.blocks(training.positions):
        targets, counts = training.targets[part][:, labels], training.counts[part]
        logits = block @ weights
        logits += intercepts
        losses, scores = log_losses(logits, targets)
        residual = scores - targets
        second = scores * (1 - scores)
        if weighted:
            factor = training.cell_weights(part, labels, class_weights)
            losses *= factor
            residual *= factor
            second *= factor
        residual *= counts[:, None]
        loss += counts @ losses
        curvature += counts @ second
        residuals += residual.sum(axis=0)
        slope += block.T @ residual
    photos = training.photos()[labels]
    residuals = (residuals / photos).astype(np.float32)
    slope = basis.directions.T @ (slope / photos.astype(np.float32) - basis.mean[:, None] * residuals)
    return loss / photos, np.vstack([slope, residuals]), (curvature / photos).astype(np.float32)


def minimize(
    evaluate: Callable[[np.ndarray, np.ndarray], Evaluation], point: np.ndarray, tolerance: float
) -> np.ndarray:
    """Minimize many functions together by preconditioned L-BFGS, each with its own step lengths and end.

    Args:
        evaluate: returns losses, gradients and preconditioners at the points (shape (weights, functions)) of some
            functions, which are given by their numbers.
        point: where to start, shape (weights, functions).
        tolerance: a function ends when the estimated distance to its minimum is below it.
    """
    result, active = point.copy(), np.arange(point.shape[1])
    loss, slope, inverse = evaluate(point, active)
    pairs: list[list[np.ndarray]] = []
    step, direction = np.ones(len(active), np.float32), -inverse * slope
    for _ in range(MAX_STEPS):
        moved = point + step * direction
        new_loss, new_slope, new_inverse = evaluate(moved, active)
        expected = dot(direction, slope)
        # The last steps change losses by less than their rounding: the slopes tell (Hager & Zhang 2005, equation 4.1).
        lower = new_loss <= loss + 1e-4 * step * expected
        better = lower | ((new_loss <= loss * (1 + 1e-6)) & (dot(direction, new_slope) <= -0.9 * expected))
        change, difference = np.where(better, moved - point, 0), np.where(better, new_slope - slope, 0)
        product = dot(change, difference)
        curved = product > 1e-10 * dot(change, change)
        pairs = [*pairs[-MEMORY + 1 :], [change, difference, np.where(curved, 1 / np.where(curved, product, 1), 0)]]
        point, slope = np.where(better, moved, point), np.where(better, new_slope, slope)
        loss, inverse = np.where(better, new_loss, loss), np.where(better, new_inverse, inverse)
        step = np.where(better, 1, step / 4).astype(np.float32)
        finished = (dot(slope, inverse * slope) / 2 < tolerance) | (step < 1e-4)
        result[:, active] = point
        if finished.all():
            break
        if finished.any():
            keep = np.flatnonzero(~finished)
            active, loss, step, better = active[keep], loss[keep], step[keep], better[keep]
            point, slope, inverse, direction = (part[:, keep] for part in (point, slope, inverse, direction))
            pairs = [[part[..., keep] for part in pair] for pair in pairs]
        turned = -two_loops(pairs, slope, inverse)
        turned = np.where(dot(turned, slope) < 0, turned, -inverse * slope)
        direction = np.where(better, turned, direction)
    return result


def two_loops(pairs: list[list[np.ndarray]], slope: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Return the product of L-BFGS's inverse Hessians and ``slope`` (Nocedal & Wright 2006, algorithm 7.4)."""
    direction, factors = slope.copy(), []
    for change, difference, scale in reversed(pairs):
        factors.append(scale * dot(change, direction))
        direction -= factors[-1] * difference
    direction *= inverse
    for (change, difference, scale), factor in zip(pairs, reversed(factors), strict=True):
        direction += (factor - scale * dot(difference, direction)) * change
    return direction


def dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the scalar product of each column of ``left`` with that of ``right``."""
    return np.einsum("ij,ij->j", left, right)
