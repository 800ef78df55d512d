"""Seconds of the ensemble's arithmetic at full scale, next to the ordinary way to do it.

A simulated ensemble has the challenge's 54,908 photos with their labels and, for each label, the out-of-fold scores
of 480 candidates (60 runs of 8 epochs). All labels go through the exact thresholds, the ranking and the correlation
filter. For some labels, XGBoost's grid is searched over the selected members: by us all of it, by a race.

The ordinary way is a loop of `XGBClassifier` with its own early stopping, on its default number of threads, and again
on one: threads of one fit wait for each other, and they wait long if other programs use the cores, too. It takes hours,
so it fits a sample of the grid's points, on all folds, and its seconds are multiplied to those of the grid. The two F2
are of the same search only if the sample is all of the grid. Labels, and points on each axis, are spaced evenly from
the first to the last (labels: from the rarest to the most frequent).

CPU seconds are printed next to those of the clock. Run it from the repository's root, the ordinary way in full by

    python benchmarks/ensemble.py --labels 13 --points 4 9 5
"""

import itertools
import os
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from bench import make_parser
from sklearn.metrics import fbeta_score
from xgboost import XGBClassifier

from stylevote.demo.label_sets import label_set_table
from stylevote.ensemble.combiners.xgboost import BASE_SCORE, fit, grid_points
from stylevote.ensemble.rank import rank_candidates
from stylevote.ensemble.select import members_of, select_members
from stylevote.ensemble.threshold import search_threshold
from stylevote.metrics import best_threshold

FOLDS, RUNS, EPOCHS, FAMILIES = 5, 60, 8, 12
STEPS = 100  # thresholds that the loop of scikit-learn tries
SELECTION = {"method": "top_n", "top_n": 20, "correlation": 0.9}
GRID = {"eta": [0.05, 0.1, 0.15, 0.2], "max_depth": [2, 3, 4, 5, 6, 7, 8, 9, 10], "min_child_weight": [1, 2, 3, 4, 5]}
ROUNDS, PATIENCE, SEED = 1000, 20, 1


@dataclass
class Cost:
    """Seconds by the clock, and of all processor threads together."""

    clock: float = 0.0
    processor: float = 0.0

    def of(self, function: Callable, *arguments: object, **settings: object) -> object:
        """Call the function, add what the call costs, and return what it returns."""
        clock, processor = time.perf_counter(), time.process_time()
        result = function(*arguments, **settings)
        self.clock += time.perf_counter() - clock
        self.processor += time.process_time() - processor
        return result

    def times(self, factor: float) -> "Cost":
        """Return the cost of this many times the work."""
        return Cost(self.clock * factor, self.processor * factor)


@dataclass(frozen=True)
class Label:
    """A label's name, its 0/1 ``truth`` (photos,), and its ``scores`` (candidates, photos) by the ``candidates``."""

    name: str
    truth: np.ndarray
    candidates: pd.DataFrame
    scores: np.ndarray


def challenge_labels() -> pd.DataFrame:
    """Return the labels of the challenge's training photos in random order: uint8, a column per label."""
    sets = label_set_table()
    rows = np.repeat(np.arange(len(sets)), sets["images"])
    return sets.drop(columns="images").iloc[np.random.default_rng(SEED).permutation(rows)].astype(np.uint8)


def simulate(name: str, truth: np.ndarray) -> Label:
    """Draw a label's scores: logits of what the photo is, of what all networks, a family, a run and an epoch get wrong.

    How well the label is told apart is chosen for each family and grows with the epochs. Runs of one family are more
    like each other than those of different ones, and epochs of one run are the most alike.
    """
    rng = np.random.default_rng([SEED, *name.encode()])
    prevalence = truth.mean()
    target = (truth - prevalence).astype(np.float32)
    scores = np.empty((RUNS * EPOCHS, len(truth)), dtype=np.float32)
    hard = 1.2 * rng.standard_normal(len(truth), dtype=np.float32)
    families = rng.standard_normal((FAMILIES, len(truth)), dtype=np.float32)
    strengths = rng.uniform(2, 3.5, FAMILIES)
    for run in range(RUNS):
        family = run % FAMILIES
        own = hard + 0.4 * families[family] + rng.uniform(0.1, 0.6) * rng.standard_normal(len(truth), dtype=np.float32)
        for epoch in range(EPOCHS):
            strength = strengths[family] * (1 - 0.5 / (epoch + 1))
            noise = 0.2 * rng.standard_normal(len(truth), dtype=np.float32)
            logits = np.log(prevalence / (1 - prevalence)) + strength * target + own + noise
            scores[run * EPOCHS + epoch] = 1 / (1 + np.exp(-logits))
    rows = list(itertools.product([f"run {run:02}" for run in range(RUNS)], range(1, EPOCHS + 1)))
    return Label(name, truth, pd.DataFrame(rows, columns=["run", "epoch"]), scores)


def simulated_labels(truth: pd.DataFrame) -> Iterator[Label]:
    """Yield one label after the other, so that only one is in memory."""
    for name in truth:
        yield simulate(name, truth[name].to_numpy())


def stepped(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the best F2 of the steps, by scikit-learn."""
    return max(fbeta_score(labels, scores >= step / STEPS, beta=2, zero_division=0) for step in range(1, STEPS + 1))


def classifiers(features: np.ndarray, labels: np.ndarray, folds: np.ndarray, grid: dict, jobs: int | None) -> list:
    """Return each point's F2 of the pooled out-of-fold scores: a loop of XGBoost's own classifier."""
    f2 = []
    for point in grid_points(grid):
        pooled = np.empty(len(labels), dtype=np.float32)
        for fold in range(FOLDS):
            held_out = folds == fold
            model = XGBClassifier(
                n_estimators=ROUNDS,
                early_stopping_rounds=PATIENCE,
                eval_metric="logloss",
                base_score=BASE_SCORE,
                random_state=SEED,
                n_jobs=jobs,
                **point,
            )
            validation = [(features[held_out], labels[held_out])]
            model.fit(features[~held_out], labels[~held_out], eval_set=validation, verbose=False)
            pooled[held_out] = model.predict_proba(features[held_out])[:, 1]
        f2.append(best_threshold(labels, pooled)[1])
    return f2


def evenly(values: list, count: int) -> list:
    """Return this many of the values, evenly from the first to the last; if it is one, the middle value."""
    places = [len(values) // 2] if count == 1 else np.linspace(0, len(values) - 1, count).round().astype(int)
    return [values[place] for place in places]


def row(work: str, cost: Cost, target: str, other: Cost | None = None) -> None:
    """Print a row of the table; ``other`` is what the ordinary way costs."""
    beside = f"{other.clock:>11.2f}{other.processor:>11.2f}{other.clock / cost.clock:>9.1f}" if other else " " * 31
    print(f"{work:<50}{cost.clock:>9.2f}{cost.processor:>9.2f}{beside}  {target}", flush=True)


def main(arguments: Namespace) -> None:
    """Measure, and print one table."""
    truth = challenge_labels()
    folds = np.random.default_rng(SEED).permutation(np.arange(len(truth)) % FOLDS)
    sampled = evenly(sorted(truth, key=lambda name: truth[name].sum()), arguments.labels)
    exact, steps, ranking, selecting = Cost(), Cost(), Cost(), Cost()
    gains, problems = [], {}
    for label in simulated_labels(truth):
        ranked = ranking.of(rank_candidates, label.candidates, label.truth, label.scores)
        selected = selecting.of(select_members, ranked, label.scores, label.truth, **SELECTION)
        best = label.scores[ranked.index[0]]
        _, f2 = exact.of(search_threshold, label.truth, best, "exact")
        gains.append(f2 - steps.of(stepped, label.truth, best))
        if label.name in sampled:
            members = label.scores[members_of(selected).index]
            problems[label.name] = np.ascontiguousarray(members.T), label.truth, folds
    print(f"{len(truth)} photos, {len(truth.columns)} labels, {RUNS * EPOCHS} candidates")
    print(f"{'seconds':<50}{'ours':>9}{'CPU':>9}{'ordinary':>11}{'CPU':>11}{'ratio':>9}  target")
    row(f"exact thresholds beside {STEPS} of scikit-learn's", exact, "0.1 s, ratio 200", steps)
    row("ranking", ranking, "30 s")
    row("correlation filter", selecting, "10 s")
    print(f"least F2 that exact thresholds gain: {min(gains):.5f} (target: not below 0)", flush=True)
    compare_grids(problems, arguments)


def compare_grids(problems: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], arguments: Namespace) -> None:
    """Search the grid for each label's (features, labels, folds) by all sides, and print their rows."""
    sampled = {name: evenly(GRID[name], count) for name, count in zip(GRID, arguments.points, strict=True)}
    points, fitted = len(grid_points(GRID)), len(grid_points(sampled))
    print(f"XGBoost: {points} points, {FOLDS} folds; {arguments.threads} fits at once; {fitted} points by classifiers")
    race, by_default, by_one = Cost(), Cost(), Cost()
    for name, problem in problems.items():
        settings = {"grid": GRID, "rounds": ROUNDS, "patience": PATIENCE, "seed": SEED}
        before = race.processor
        ours = race.of(fit, *problem, **settings, threads=arguments.threads).grid["f_beta"].max()
        by_one.of(classifiers, *problem, sampled, 1)
        theirs = max(by_default.of(classifiers, *problem, sampled, None))
        print(
            f"{name}, {problem[0].shape[1]} members: F2 {ours:.5f}, of classifiers {theirs:.5f} "
            f"(target: at most 0.002 less), {race.processor - before:.0f} CPU seconds",
            flush=True,
        )
    row("XGBoost beside classifiers of one thread", race, "", by_one.times(points / fitted))
    row("XGBoost beside classifiers of default threads", race, "ratio 5", by_default.times(points / fitted))


if __name__ == "__main__":
    options = make_parser(__doc__)
    options.add_argument("--labels", type=int, default=1, help="labels whose grid is fitted (default 1)")
    options.add_argument(
        "--points",
        type=int,
        nargs=3,
        default=[2, 2, 1],
        metavar=("ETA", "DEPTH", "WEIGHT"),
        help="values of the grid's axes that classifiers fit (default 2 2 1)",
    )
    cores = len(os.sched_getaffinity(0))
    options.add_argument("--threads", type=int, default=cores, help="fits at once (default: the cores)")
    main(options.parse_args())
