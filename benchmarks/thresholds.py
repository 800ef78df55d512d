"""How good the thresholds of each method are on photos that did not choose them, and how fast the exact one is found.

Labels are drawn with the scores of a simulated ensemble. Each method finds a threshold on 54,908 photos; a million
fresh photos of the same kind say which F2 it really gives. "best" is the highest F2 that any threshold gives there, and
"promised" that of the exact one on the photos that chose it.
"""

import time

import numpy as np
from bench import make_parser
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.metrics import fbeta_score

from stylevote.ensemble.threshold import f_beta_at, search_threshold
from stylevote.metrics import best_threshold

PHOTOS = 54_908
FRESH = 1_000_000
LABELS = 13
METHODS = ("greedy", "exact", "lbfgs", "plug_in", "shrunk", "bootstrap")
PREVALENCES = (0.002, 0.01, 0.1)
SHRINKS = (30, 100, 1000, 3000)


def logit_normal(prevalence: float, photos: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and their probabilities, whose log odds are normal with a deviation of 2."""
    normal = np.linspace(-6, 6, 2001)
    density = np.exp(-(normal**2) / 2)
    center = brentq(lambda mean: np.average(expit(mean + 2 * normal), weights=density) - prevalence, -40, 10)
    scores = expit(center + 2 * generator.normal(size=photos))
    return generator.random(photos) < scores, scores


def distorted(prevalence: float, photos: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and scores that fall in the order of the probabilities, which no line in log odds restores."""
    labels, scores = logit_normal(prevalence, photos, generator)
    return labels, scores**1.7 / (scores**1.7 + (1 - scores) ** 0.6)


def beta_distributed(prevalence: float, photos: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and their probabilities, which are beta-distributed."""
    scores = generator.beta(prevalence, 1 - prevalence, photos)
    return generator.random(photos) < scores, scores


def two_betas(prevalence: float, photos: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and scores: one beta distribution with the label, one without; far from calibrated."""
    labels = generator.random(photos) < prevalence
    return labels, np.where(labels, generator.beta(2, 3, photos), generator.beta(1, 14, photos))


def compare(kind, prevalence: float, draws: int) -> list[float]:
    """Return the mean F2 on fresh photos: of each method, of ``shrunk`` by SHRINKS, the best there is, the promised."""
    labels, scores = kind(prevalence, FRESH, np.random.default_rng(draws))
    thresholds, promised = [], []
    for seed in range(draws):
        known, known_scores = kind(prevalence, PHOTOS, np.random.default_rng(seed))
        found = [search_threshold(known, known_scores, method) for method in METHODS]
        found += [search_threshold(known, known_scores, "shrunk", shrink=shrink) for shrink in SHRINKS]
        thresholds.append([threshold for threshold, _ in found])
        promised.append(found[METHODS.index("exact")][1])
    reached = f_beta_at(labels, scores, np.ravel(thresholds)).reshape(draws, -1).mean(axis=0)
    return [*reached, best_threshold(labels, scores)[1], np.mean(promised)]


def print_quality(draws: int) -> None:
    """Print a row a kind of score and prevalence."""
    print(
        f"Mean F2 over {draws} draws; the columns {', '.join(map(str, SHRINKS))} are `shrunk` with these for `shrink`"
    )
    columns = (*METHODS, *SHRINKS, "best", "promised")
    print(f"{'scores':17}{'prevalence':>10}" + "".join(f"{column:>10}" for column in columns))
    for kind in (logit_normal, distorted, beta_distributed, two_betas):
        for prevalence in PREVALENCES:
            row = "".join(f"{f2:10.4f}" for f2 in compare(kind, prevalence, draws))
            print(f"{kind.__name__:17}{prevalence:10.1%}{row}", flush=True)


def print_speed() -> None:
    """Print the times of all labels' exact thresholds, of scikit-learn's F2 at 100 steps, and of every method."""
    drawn = [logit_normal(0.03, PHOTOS, np.random.default_rng(label)) for label in range(LABELS)]
    drawn = [(labels.astype(np.uint8), scores.astype(np.float32)) for labels, scores in drawn]
    began = time.perf_counter()
    looped = [max(fbeta_score(y, p >= step / 100, beta=2, zero_division=0) for step in range(101)) for y, p in drawn]
    seconds = {"scikit-learn loop": time.perf_counter() - began}
    for method in METHODS:
        trials = []
        for _ in range(3):
            began = time.perf_counter()
            found = [search_threshold(labels, scores, method)[1] for labels, scores in drawn]
            trials.append(time.perf_counter() - began)
        seconds[method] = np.median(trials)
        if method == "exact":
            print(
                f"F2 of exact less that of the loop, least of {LABELS} labels: {np.min(np.subtract(found, looped)):.5f}"
            )
    print(f"Seconds for {LABELS} labels of {PHOTOS} photos, and how many times faster than the loop")
    for name, value in seconds.items():
        print(f"{name:17}{value:10.3f}{seconds['scikit-learn loop'] / value:10.1f}")


def main() -> None:
    """Measure and print both tables."""
    arguments = make_parser(__doc__)
    arguments.add_argument("--draws", type=int, default=20, help="draws of every kind of scores (default 20)")
    options = arguments.parse_args()
    print_speed()
    print_quality(options.draws)


if __name__ == "__main__":
    main()
