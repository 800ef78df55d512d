"""What joining the folds is worth: new photos are decided by all folds' CNNs, training photos by those of one."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from stylevote.ensemble.threshold import apply_threshold, log_odds
from stylevote.metrics import BETA

# Where the joined log odds are parted into intervals, as shares of the photos: most lie far up, where positives are.
SHARES = np.concatenate([np.linspace(0, 0.9, 30)[1:], np.linspace(0.9, 0.999, 50)])
MIN_PROBABILITY = 1e-9


def fold_averaging_gain(
    labels: np.ndarray, scores: np.ndarray, by_fold: np.ndarray, threshold: float, beta: float = BETA
) -> float:
    """Return by how much F-beta can be expected to grow where the mean of all folds' outputs decides, and not one's.

    No labels of the new photos are needed. One fold's log odds are taken as the mean of all folds' and noise that knows
    nothing of the label. How the mean is spread where one fold's are given is counted on the new photos. The label's
    log odds, a line in the mean, are fitted to the training photos through that spread, by maximum likelihood: a
    regression on what is measured with an error (Carroll, Ruppert, Stefanski & Crainiceanu 2006). Its probabilities say
    which F-beta to expect of one fold's decisions, and of the mean's.

    The new photos must be of the same kind as the training photos. Of one rare label alone the figure says little;
    means over labels are meaningful.

    Args:
        labels: 0/1, of the training photos, shape (training photos,).
        scores: in 0..1, by one fold's CNNs, in the same shape.
        by_fold: in 0..1, each fold's scores of the new photos, shape (folds, new photos).
        threshold: that scores are cut at.
        beta: of the F-beta.

    Returns:
        the gain; 0 where all training photos have the label, or none, or the new photos all look the same.
    """
    odds, own = log_odds(by_fold), log_odds(scores)
    joined = odds.mean(axis=0)
    if labels.min() == labels.max() or np.ptp(joined) == 0:
        return 0.0
    edges = np.unique(np.quantile(joined, SHARES))
    intervals = len(edges) + 1
    of_joined, of_folds, of_own = (np.searchsorted(edges, values) for values in (joined, odds, own))
    counts = np.zeros((intervals, intervals))
    np.add.at(counts, (of_folds, np.broadcast_to(of_joined, odds.shape)), 1)
    spread = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)  # of the mean, given one fold's
    sizes = np.bincount(of_joined, minlength=intervals)
    middles = np.bincount(of_joined, joined, intervals) / np.maximum(sizes, 1)
    center, scale = joined.mean(), joined.std()
    middles = (middles - center) / scale
    photos, positives = np.bincount(of_own, minlength=intervals), np.bincount(of_own, labels, intervals)

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        found = expit(line[0] + line[1] * middles)
        # No `@`: what BLAS adds up depends on its threads.
        seen = np.clip((spread * found).sum(axis=1), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        deviance = -(positives * np.log(seen) + (photos - positives) * np.log1p(-seen)).sum()
        slopes = (((photos - positives) / (1 - seen) - positives / seen)[:, None] * spread).sum(axis=0)
        slopes = slopes * found * (1 - found)
        return deviance / positives.sum(), np.array([slopes.sum(), (slopes * middles).sum()]) / positives.sum()

    start, bounds = [logit(labels.mean()), 1.0], [(-40, 40), (0, 40)]
    offset, slope = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    probabilities = expit(offset + slope * (joined - center) / scale)

    def expected(seen: np.ndarray) -> float:
        decisions = apply_threshold(seen, threshold)
        hits = probabilities[decisions == 1].sum()
        return (1 + beta**2) * hits / (beta**2 * probabilities.sum() + np.count_nonzero(decisions))

    return float(expected(by_fold.mean(axis=0)) - np.mean([expected(fold) for fold in by_fold]))
