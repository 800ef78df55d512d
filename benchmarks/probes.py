"""How fast probes are fitted, against a loop over scikit-learn's logistic regressions.

Features are drawn with labels that depend on them, and read from a memory-mapped file of float16, as in the workflow.
All folds' heads are fitted, each label with its own penalty, chosen on inner folds. Then scikit-learn fits some of the
regressions that choose penalties: the same photos, penalties and standardized features, from float32 in memory. The
time of its whole loop is that of the sample times the number of regressions. Every label and penalty is as likely to be
in the sample. Seconds are those of the processor, since other programs may slow down the clock's. The difference is the
largest of any photo's probability in the sample, both fitted to a small tolerance. The memory is the peak before
scikit-learn starts; pages of the file count too.
"""

import resource
import tempfile
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
from bench import make_parser
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from stylevote.config.runs import Probe
from stylevote.probe.features import Features
from stylevote.probe.heads import fit_heads
from stylevote.probe.logistic import fit_regressions
from stylevote.probe.rows import MEMORY, Rows
from stylevote.probe.training import Training, standardize

HIDDEN = 100  # independent causes of the features
BLOCK = 10_000  # photos


def draw(path: Path, options: Namespace) -> tuple[Features, np.ndarray]:
    """Return features like those of a network (correlated, at least 0, often 0), and labels from rare to frequent."""
    generator = np.random.default_rng(0)
    mixing = generator.standard_normal((HIDDEN, options.features), np.float32) / 10
    causes = generator.standard_normal((HIDDEN, options.labels), np.float32) / 7
    shape = (options.photos, options.features)
    file = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    targets = np.empty((options.photos, options.labels), np.float32)
    for start in range(0, options.photos, BLOCK):
        part = slice(start, min(start + BLOCK, options.photos))
        hidden = generator.standard_normal((part.stop - start, HIDDEN), np.float32)
        noise = generator.standard_normal((part.stop - start, options.features), np.float32)
        file[part] = np.maximum(hidden @ mixing + 0.5 * noise - 0.3, 0)
        noise = generator.logistic(size=(part.stop - start, options.labels))
        targets[part] = hidden @ causes + noise > np.linspace(0.5, 5, options.labels)
    file.flush()
    return Features([np.load(path, mmap_mode="r")]), targets


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--photos", type=int, default=54_908)
    parser.add_argument("--features", type=int, default=1280)
    parser.add_argument("--labels", type=int, default=13)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--whiten", action="store_true")
    parser.add_argument("--memory", type=float, default=MEMORY / 1e9, help="GB of features in memory")
    parser.add_argument("--sample", type=int, default=5, help="number of scikit-learn's regressions; 0: none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        features, targets = draw(Path(folder) / "features.npy", options)
        folds = np.arange(options.photos) % options.folds
        rows = [np.flatnonzero(folds != fold) for fold in range(options.folds)]
        penalties = Probe().penalties
        setting = {"loss": {"bce": {}}, "hidden_units": [], "probe": {"whiten": options.whiten, "penalties": penalties}}
        wall, start = time.perf_counter(), time.process_time()
        heads = list(fit_heads(features, targets, rows, folds, setting, int(options.memory * 1e9)))
        ours, wall = time.process_time() - start, time.perf_counter() - wall
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{options.photos} photos, {options.features} features, {options.labels} labels, {options.folds} folds, "
            f"{len(penalties)} penalties: {ours:.0f} processor seconds ({wall:.0f} on the clock), {peak:.2f} GB"
        )
        print("chosen penalties, fold 0:", *(f"{penalty:g}" for penalty in heads[0].penalties))
        if options.sample:
            compare(features, targets, np.flatnonzero(folds > 1), options, ours)


def compare(features: Features, targets: np.ndarray, rows: np.ndarray, options: Namespace, ours: float) -> None:
    """Fit a sample of the regressions by scikit-learn, and print its time and the difference."""
    penalties = Probe().penalties
    pairs = [(label, penalty) for label in range(options.labels) for penalty in penalties]
    draws = np.random.default_rng(1).choice(len(pairs), min(options.sample, len(pairs)), replace=False)
    labels, chosen = (np.array(part) for part in zip(*(pairs[draw] for draw in draws), strict=True))
    training = Training(Rows(features, rows), np.arange(len(rows)), np.ones(len(rows), np.float32), targets[rows], {})
    weights, intercepts = fit_regressions(training, labels, chosen, whiten=options.whiten)
    scores = expit(training.rows.at(training.positions) @ weights.T + intercepts)
    mean, scale = standardize(training)
    values = (training.rows.at(training.positions) - mean) * scale
    if options.whiten:
        variances, directions = np.linalg.eigh(values.T @ values / len(values))
        values = values @ (directions / np.sqrt(variances + 0.01)).astype(np.float32)
    seconds, difference = 0.0, 0.0
    for number, (label, penalty) in enumerate(zip(labels, chosen, strict=True)):
        start = time.process_time()
        LogisticRegression(C=1 / (penalty * len(rows)), max_iter=1000).fit(values, targets[rows, label])
        seconds += time.process_time() - start
        exact = LogisticRegression(C=1 / (penalty * len(rows)), tol=1e-8, max_iter=10_000).fit(
            values.astype(np.float64), targets[rows, label]
        )
        difference = max(difference, np.abs(exact.predict_proba(values)[:, 1] - scores[:, number]).max())
    fits = options.labels * options.folds * ((options.folds - 1) * len(penalties) + 1)
    whole = seconds / len(draws) * fits
    print(
        f"scikit-learn: {seconds / len(draws):.2f} processor seconds a regression (of {len(draws)}), {whole:.0f} for "
        f"{fits}: {whole / ours:.0f} times as long; largest difference of a probability {difference:.1e}"
    )


if __name__ == "__main__":
    main()
