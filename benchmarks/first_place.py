"""Compare the first-place team's presets with the default on simulated ensembles, and their estimates with the truth.

For each seed the program draws photos with some labels of the challenge, the out-of-fold scores of some runs, and their
scores of many test photos by every fold's CNN. It builds each ensemble and measures the macro F2 on the test photos
(test), on the training photos that chose it (non_nested), and by nested cross-validation (nested):

    default       `preset: default`
    paper_2018    `preset: paper_2018`
    by_photos     the same, but all training photos select the members together
    winners_2018  `preset: winners_2018`

The grid of XGBoost has --points of the presets' 180 points. A nested estimate takes about four times the time of the
ensemble, so that --nested goes with few points. Every finished seed is written to --output; a further call computes the
others. Begin a new file after a change of options or library.
"""

import itertools
import logging
import time
from argparse import Namespace
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from bench import make_parser
from honesty import Photoset, draw_photosets, draw_scores
from scipy.stats import t
from threadpoolctl import threadpool_limits

from stylevote.config.ensemble import Selection, Simulation, Stack, Threshold, Votes
from stylevote.config.resolve import PRESETS
from stylevote.ensemble.features import member_scores, split_halves
from stylevote.ensemble.nested import predict_nested
from stylevote.ensemble.rank import ALL, of_fold, rank_by_fold
from stylevote.ensemble.select import members_of, select_by_fold
from stylevote.ensemble.stack import fit_stack
from stylevote.ensemble.threshold import search_thresholds
from stylevote.ensemble.vote import combine_folds
from stylevote.metrics import f_beta
from stylevote.simulate.ensemble import make_ensemble

FIGURES = ["test", "non_nested", "nested"]
GRIDS = {
    2: {"eta": [0.1], "max_depth": [2, 4], "min_child_weight": [1]},
    36: {"eta": [0.05, 0.1, 0.2], "max_depth": [2, 4, 7, 10], "min_child_weight": [1, 3, 5]},
}


def ensembles(points: int) -> dict[str, dict[str, Any]]:
    """Return the settings of each ensemble by its name."""
    presets = yaml.safe_load(PRESETS.read_text(encoding="utf-8"))
    paper, winners = presets["paper_2018"], presets["winners_2018"]
    for preset in (paper, winners):
        preset["stack"]["xgboost"]["grid"] = GRIDS.get(points, preset["stack"]["xgboost"]["grid"])
    by_photos = {**paper, "selection": {**paper["selection"], "by": "photos"}}
    return {"default": {}, "paper_2018": paper, "by_photos": by_photos, "winners_2018": winners}


@threadpool_limits.wrap(limits=1)
def measure_seed(arguments: Namespace, seed: int) -> pd.DataFrame:
    """Return a row per ensemble: seed, ensemble, `FIGURES` and seconds."""
    labels, count = arguments.labels, arguments.folds
    train, test = draw_photosets(arguments, seed, labels)
    (folds,) = train.cnns
    law = Simulation(seed=seed, epochs=arguments.epochs, twins=arguments.twins, skill=arguments.skill)
    ensemble = make_ensemble(train.truth, law)
    runs, epochs = range(arguments.runs), range(1, arguments.epochs + 1)
    candidates = pd.DataFrame(itertools.product([f"run{run:03d}" for run in runs], epochs), columns=["run", "epoch"])

    def draw(label: str, photoset: Photoset) -> np.ndarray:
        of_runs = [draw_scores("binormal", ensemble, run, label, photoset) for run in runs]
        return np.concatenate(of_runs, axis=1)

    truth, of_test = ({label: photoset.truth[label].to_numpy() for label in labels} for photoset in (train, test))
    scores = {label: draw(label, train)[0] for label in labels}
    test_scores = {label: draw(label, test) for label in labels}
    halves = {label: split_halves(truth[label], folds, np.arange(len(folds))) for label in labels}
    rankings = {label: rank_by_fold(candidates, truth[label], scores[label], folds) for label in labels}
    rows = []
    for name, settings in ensembles(arguments.points).items():
        began = time.perf_counter()
        selection, stack = Selection(**settings.get("selection", {})), Stack(**settings.get("stack", {}))
        threshold, votes = Threshold(**settings.get("threshold", {})), Votes(**settings.get("votes", {}))
        selected = {
            label: select_by_fold(rankings[label], scores[label], truth[label], folds, halves[label], selection)
            for label in labels
        }

        def features(label: str, held_out_fold: int, selected: dict[str, pd.DataFrame] = selected) -> np.ndarray:
            of_label, chosen = scores[label], selected[label]
            return member_scores(lambda rows: of_label[rows["candidate"]], chosen, folds, halves[label], held_out_fold)

        def features_of_test(label: str, selected: dict[str, pd.DataFrame] = selected) -> np.ndarray:
            members = members_of(selected[label])
            return np.stack([test_scores[label][k][of_fold(members, k)["candidate"]].T for k in range(count)])

        figures = []
        for label in labels:
            names = [label] if stack.features == "own" else [label, *(other for other in labels if other != label)]

            def of_fold_out(held_out_fold: int, names: list[str] = names) -> np.ndarray:
                return np.concatenate([features(name, held_out_fold) for name in names]).T

            fitted = fit_stack(of_fold_out(ALL), truth[label], folds, stack)
            best, non_nested = search_thresholds(truth[label], fitted.scores, folds, threshold)
            of_members = np.concatenate([features_of_test(name) for name in names], axis=2)
            decided = combine_folds(of_members, fitted.stackers, best, votes.aggregation)["decision"].to_numpy()
            nested = np.nan
            if arguments.nested:
                estimate = predict_nested(of_fold_out, truth[label], folds, stack, threshold)
                column = "voted" if votes.aggregation == "stackers_vote" else "decision"
                nested = f_beta(truth[label], estimate[column].to_numpy())
            figures.append([f_beta(of_test[label], decided), non_nested, nested])
        means = dict(zip(FIGURES, np.mean(figures, axis=0), strict=True))
        rows.append({"seed": seed, "ensemble": name, **means, "seconds": time.perf_counter() - began})
    return pd.DataFrame(rows)


def with_interval(values: pd.Series) -> str:
    """Return the mean and the half width of its 95 % interval (Student's t) as text."""
    if len(values.dropna()) < 2:
        return f"{values.mean():+9.4f}"
    return f"{values.mean():+9.4f} ±{values.sem() * t.ppf(0.975, len(values) - 1):7.4f}"


def summarize(results: pd.DataFrame) -> None:
    """Print a row per ensemble: test F2, its paired differences from the default's, and the estimates' errors."""
    tables = {name: table.set_index("seed") for name, table in results.groupby("ensemble", sort=False)}
    print(f"\n{results['seed'].nunique()} seeds; means ± half of their 95 % intervals")
    print(f"{'':16}    test   minus the default's test  better   non-nested - test     nested - test   seconds")
    for name, table in tables.items():
        gain = table["test"] - tables["default"]["test"]
        print(
            f"{name:16}{table['test'].mean():8.4f}      {with_interval(gain)}     {np.sum(gain > 0):4d}"
            f"  {with_interval(table['non_nested'] - table['test'])}"
            f"  {with_interval(table['nested'] - table['test'])}{table['seconds'].mean():9.0f}"
        )
    for first, second in (("paper_2018", "by_photos"), ("winners_2018", "paper_2018")):
        gain = tables[first]["test"] - tables[second]["test"]
        print(f"{first} minus {second}, test: {with_interval(gain)}, better in {np.sum(gain > 0)} of {len(gain)}")


def main(arguments: Namespace) -> None:
    """Measure the missing seeds, and summarize all."""
    logging.getLogger().setLevel(logging.WARNING)
    print(vars(arguments), flush=True)
    results = pd.read_csv(arguments.output) if arguments.output.exists() else pd.DataFrame({"seed": []})
    missing = [seed for seed in range(1, arguments.seeds + 1) if seed not in set(results["seed"])]
    with ProcessPoolExecutor(arguments.processes) as pool:
        for job in as_completed(pool.submit(partial(measure_seed, arguments), seed) for seed in missing):
            results = pd.concat([results, job.result()], ignore_index=True)
            results.to_csv(arguments.output, index=False)
            print(job.result().to_string(index=False, float_format="%.4f"), flush=True)
    summarize(results)


if __name__ == "__main__":
    options = make_parser(__doc__)
    options.add_argument("--labels", nargs="+", default=["sport", "street"], help="(default: a rare one and another)")
    options.add_argument("--seeds", type=int, default=20, help="number of seeds (default 20)")
    options.add_argument("--points", type=int, choices=[*GRIDS, 180], default=180, help="of the grid (default 180)")
    options.add_argument("--nested", action="store_true", help="compute nested estimates")
    options.add_argument("--processes", type=int, default=1, help="seeds at once; it changes no result (default 1)")
    options.add_argument("--photos", type=int, default=1000, help="training photos (default 1000)")
    options.add_argument("--test", type=int, default=20_000, help="test photos (default 20000)")
    options.add_argument("--min-positives", type=int, default=30, help="training positives per label (default 30)")
    options.add_argument("--runs", type=int, default=24, help="runs (default 24)")
    options.add_argument("--epochs", type=int, default=3, help="epochs of each (default 3)")
    options.add_argument("--twins", type=int, default=10, help="every n-th run is a copy (default 10; 0: none)")
    options.add_argument("--folds", type=int, default=5, help="(default 5)")
    options.add_argument("--skill", type=float, default=0.4, help="of the most able CNN, 0 to 1 (default 0.4)")
    options.add_argument("--output", type=Path, required=True, help="CSV to keep finished seeds in")
    main(options.parse_args())
