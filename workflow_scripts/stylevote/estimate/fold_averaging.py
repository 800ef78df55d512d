"""The gain from fold averaging: all folds' CNNs decide a new photo, but one fold's CNNs decide a training photo."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from stylevote.ensemble.log_odds import log_odds
from stylevote.ensemble.threshold import apply_threshold
from stylevote.metrics import BETA, drop_unknown

# Bounds of the bins of log odds, as shares of the photos. Most are near 1, where the positives are.
QUANTILES = np.concatenate([np.linspace(0, 0.9, 30)[1:], np.linspace(0.9, 0.999, 50)])
MIN_PROBABILITY = 1e-9


def fold_averaging_gain(
    labels: np.ndarray, scores: np.ndarray, by_fold: np.ndarray, threshold: float, beta: float = BETA
) -> float:
    """Return the expected gain in F-beta if the mean of all folds' outputs decides, and not the output of one fold.

    The labels of the new photos are not needed. Let x be one fold's log odds for a photo, and m their mean over the
    folds. Given m, x is assumed to say nothing more about the label. Then

        P(label | x) = sum over bins of m: P(m | x) * sigmoid(a + b * m)

    P(m | x) is counted on the new photos, for which all folds' log odds are known. The line a + b * m is fitted to the
    training photos, for which only x is known, by maximum likelihood: a regression on a variable that is measured with
    an error (Carroll, Ruppert, Stefanski & Crainiceanu 2006). With p = sigmoid(a + b * m) of each new photo, the
    expected F-beta of decisions d is (1 + beta^2) sum(p d) / (beta^2 sum(p) + sum(d)). The gain is this for the mean's
    decisions, minus the mean of this for each fold's.

    The new photos must be of the same kind as the training photos. The gain of one rare label is uncertain; use means
    over labels.

    Args:
        labels: 0, 1 or `UNKNOWN`, of the training photos, shape (training photos,).
        scores: in 0..1, by one fold's CNNs, in the same shape.
        by_fold: in 0..1, each fold's scores of the new photos, shape (folds, new photos).
        threshold: of the scores.
        beta: of the F-beta.

    Returns:
        the gain; 0 if all training photos have the label, or none has it, or all new photos have one score.
    """
    labels, scores = drop_unknown(labels, scores)
    odds, training_odds = log_odds(by_fold), log_odds(scores)
    mean_odds = odds.mean(axis=0)
    if labels.min() == labels.max() or np.ptp(mean_odds) == 0:
        return 0.0
    center, scale = mean_odds.mean(), mean_odds.std()
    edges = np.unique(np.quantile(mean_odds, QUANTILES))
    bins = len(edges) + 1
    mean_bins, fold_bins, training_bins = (
        np.searchsorted(edges, values) for values in (mean_odds, odds, training_odds)
    )
    middles = np.bincount(mean_bins, mean_odds, bins) / np.maximum(np.bincount(mean_bins, minlength=bins), 1)
    middles = (middles - center) / scale
    counts = np.zeros((bins, bins))
    np.add.at(counts, (fold_bins, np.broadcast_to(mean_bins, odds.shape)), 1)
    mean_given_fold = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    photos = np.bincount(training_bins, minlength=bins)
    positives = np.bincount(training_bins, labels, bins)
    offset, slope = _fit_line(mean_given_fold, middles, photos, positives)
    probabilities = expit(offset + slope * (mean_odds - center) / scale)

    def expected_f_beta(outputs: np.ndarray) -> float:
        decisions = apply_threshold(outputs, threshold)
        hits = probabilities[decisions == 1].sum()
        return (1 + beta**2) * hits / (beta**2 * probabilities.sum() + np.count_nonzero(decisions))

    return float(expected_f_beta(by_fold.mean(axis=0)) - np.mean([expected_f_beta(fold) for fold in by_fold]))


def _fit_line(
    mean_given_fold: np.ndarray, middles: np.ndarray, photos: np.ndarray, positives: np.ndarray
) -> tuple[float, float]:
    """Return offset and slope of the label's log odds by maximum likelihood.

    Args:
        mean_given_fold: share of the new photos in each bin of the mean, given one fold's bin: shape (bins, bins).
        middles: mean log odds in each bin of the mean, standardized.
        photos, positives: number of training photos, and of those with the label, in each bin of one fold's log odds.
    """

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        of_means = expit(line[0] + line[1] * middles)
        # No `@`: how BLAS adds up depends on its threads.
        of_folds = np.clip((mean_given_fold * of_means).sum(axis=1), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        deviance = -(positives * np.log(of_folds) + (photos - positives) * np.log1p(-of_folds)).sum()
        slopes = (((photos - positives) / (1 - of_folds) - positives / of_folds)[:, None] * mean_given_fold).sum(axis=0)
        slopes = slopes * of_means * (1 - of_means)
        return deviance / positives.sum(), np.array([slopes.sum(), (slopes * middles).sum()]) / positives.sum()

    start, bounds = [logit(positives.sum() / photos.sum()), 1.0], [(-40, 40), (0, 40)]
    offset, slope = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return offset, slope
