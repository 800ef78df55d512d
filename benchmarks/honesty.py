"""Which ensemble is best on new photos, and how good its estimates are, on simulated ensembles.

For each seed the program draws a simulated ensemble's out-of-fold scores, and the scores of a large test sample by
every fold's CNNs. It builds each ensemble from the former, and measures the macro F2:

    non-nested  of its thresholds on the photos that chose them,
    nested      by nested cross-validation (`nested.select_and_predict_nested`),
    gain        expected from averaging the folds, by the test sample without its labels
                (`fold_averaging.fold_averaging_gain`),
    one CNN     on the test sample if one fold's CNNs alone score a photo, as they do a training photo (mean over
                folds),
    test        on the test sample by all folds' CNNs, as new photos are decided,
    best        of its mean outputs there, at the best thresholds for the test sample.

An ensemble is written SELECTION/COMBINER/THRESHOLD/AGGREGATION, or as the name of a preset; * stands for all values of
a part. The other ensembles are compared with the first one. The XGBoost of `paper_2018` has a grid of 2 points instead
of the paper's 180, so that nested estimates take an acceptable time; `xgboost_36` has 36. The laws:

    binormal     the law of `simulation`; it favours `logistic`
    distorted    each member's log odds have heavy-tailed noise of their own size, and are bent by a curve of their own
    unclear      photos show their labels more or less clearly to all members alike, and some labels were forgotten
    specialists  a label's photos are of four kinds, and each family of members sees some kinds better. The differences
                 between two families reveal the kind, which trees can learn

Every finished seed is written to --output. A further call reuses the seeds of the same settings. Begin a new file after
a change of the library.
"""

import itertools
import logging
import time
from argparse import Namespace
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench import make_parser
from scipy.special import expit
from threadpoolctl import threadpool_limits

from stylevote.cli import end_with
from stylevote.config.ensemble import Selection, Simulation, Stack, Threshold
from stylevote.config.identity import canonical, digest
from stylevote.config.identity import seed as seed_of
from stylevote.demo.label_sets import label_set_table
from stylevote.ensemble.combiners.mean import Mean
from stylevote.ensemble.log_odds import log_odds
from stylevote.ensemble.rank import rank_candidates
from stylevote.ensemble.select import members_of, select_members
from stylevote.ensemble.stack import FittedStack, fit_stack
from stylevote.ensemble.threshold import apply_threshold, search_threshold
from stylevote.ensemble.vote import combine_folds
from stylevote.errors import InputError
from stylevote.estimate.fold_averaging import fold_averaging_gain
from stylevote.estimate.nested import select_and_predict_nested
from stylevote.files.tables import replacing
from stylevote.metrics import best_threshold, f_beta
from stylevote.photos.folds import assign_folds
from stylevote.simulate.ensemble import SimulatedEnsemble, make_ensemble, simulate_manifest, simulate_scores

LABELS = list(label_set_table().columns.drop("images"))
LAWS = ("binormal", "distorted", "unclear", "specialists")
TAILS = (0.1, 1.0)  # of `distorted`: range of a member's noise, in standard deviations of its log odds
FREEDOM = 2.5  # degrees of freedom of that noise (Student's t)
BENDS = (0.5, 2.0)  # the power that a member's curve raises log odds to
BENT_FROM = 3.0  # at this distance from the prevalence's, log odds stay as they are
MAX_LOG_ODDS = 12.0
CLARITY = (0.0, 1.6)  # of `unclear`: how strong the evidence for a photo's label is, as a share of the law's strength
FORGOTTEN = 0.1  # of `unclear`: photos that look like the label and do not have it, as a share of those that have it
KINDS, SIGHT = 4, (0.7, 1.3)  # of `specialists`: how strong a family's evidence for a kind is

BOOSTED = {"rounds": 1000, "patience": 20, "seed": 1}
SELECTIONS = {
    "top_20": {"method": "top_n", "top_n": 20, "correlation": 0.9},
    "top_10": {"method": "top_n", "top_n": 10, "correlation": 0.9},
    "greedy": {"method": "greedy", "greedy": {"bags": 20, "share": 0.5, "start": 5, "max_members": 50, "seed": 1}},
    "all": {"method": "all"},
}
COMBINERS = {
    "mean": {"combiner": "mean"},
    "rank_mean": {"combiner": "rank_mean"},
    "logistic": {"combiner": "logistic", "logistic": {"alpha": [0.1, 1, 10, 100, 1000]}},
    "ridge": {"combiner": "ridge", "ridge": {"alpha": [0.01, 0.1, 1, 10, 100]}},
    "xgboost": {
        "combiner": "xgboost",
        "xgboost": {"grid": {"eta": [0.2], "max_depth": [2, 5], "min_child_weight": [1]}} | BOOSTED,
    },
    "xgboost_36": {
        "combiner": "xgboost",
        "xgboost": {"grid": {"eta": [0.05, 0.1, 0.2], "max_depth": [2, 4, 7, 10], "min_child_weight": [1, 3, 5]}}
        | BOOSTED,
    },
}
THRESHOLDS = {name: {"method": name} for name in ("exact", "shrunk", "greedy", "plug_in")}
AGGREGATIONS = ("average_scores", "average_cnn_first", "average_then_vote")
PARTS = (SELECTIONS, COMBINERS, THRESHOLDS, AGGREGATIONS)
PRESETS = {"paper_2018": "top_20/xgboost/greedy/average_then_vote", "default": "top_20/logistic/shrunk/average_scores"}
OF_ALL_SEEDS = ("ensembles", "seeds", "first_seed", "processes", "output")  # options that change no result of a seed
KEY = ["settings", "seed", "ensemble"]
FIGURES = ["non_nested", "nested", "gain", "one_cnn", "test", "best"]
SHOWN = 4  # ensembles in the row of a seed


@dataclass(frozen=True)
class Photoset:
    """Photos: their ``truth`` (a 0/1 column per label), and for each way of scoring them the CNNs' folds (photos,)."""

    name: str
    truth: pd.DataFrame
    cnns: list[np.ndarray]


def draw_photosets(settings: Namespace, seed: int, labels: list[str] = LABELS) -> tuple[Photoset, Photoset]:
    """Return the training photos, scored by their own folds' CNNs, and the test photos, scored by each fold's.

    Args:
        settings: photos, test (their numbers), min_positives (of the training photos) and folds (their number).
        seed: of the draws.
        labels: of the photos.
    """
    train = simulate_manifest("train", settings.photos, settings.min_positives, labels, seed)
    folds = assign_folds(train, labels, settings.folds, seed)["fold"].to_numpy()
    min_positives = round(settings.min_positives * settings.test / settings.photos)
    test = simulate_manifest("test", settings.test, min_positives, labels, seed)
    of_test = [np.full(settings.test, fold) for fold in range(settings.folds)]
    return Photoset("train", train[labels], [folds]), Photoset("test", test[labels], of_test)


def draw_scores(law: str, ensemble: SimulatedEnsemble, member: int, label: str, photoset: Photoset) -> np.ndarray:
    """Return a member's scores for a label under a law: float32, shape (ways of scoring, epochs, photos)."""
    truth = photoset.truth[label].to_numpy()
    if law == "unclear":
        draws = _draws(ensemble, "clarity", label, photoset.name)
        truth = truth | (draws.random(len(truth)) < FORGOTTEN * ensemble.prevalence[label])
        truth = truth * draws.uniform(*CLARITY, len(truth))
    elif law == "specialists":
        kinds = _draws(ensemble, "kinds", label, photoset.name).integers(0, KINDS, len(truth))
        family = ensemble.original(member) % ensemble.settings.families
        truth = truth * _draws(ensemble, "sight", label, family).uniform(*SIGHT, KINDS)[kinds]
    scores = [
        simulate_scores(ensemble, member, label, truth, photoset=photoset.name, cnns=cnns) for cnns in photoset.cnns
    ]
    if law == "distorted":
        scores = [distort(ensemble, member, label, part, [photoset.name, way]) for way, part in enumerate(scores)]
    return np.array(scores)


def distort(ensemble: SimulatedEnsemble, member: int, label: str, scores: np.ndarray, place: list[Any]) -> np.ndarray:
    """Return scores (epochs, photos) with a member's noise and curve; ``place``: which photos, and who scores them."""
    of_member = _draws(ensemble, "distortion", label, ensemble.original(member))
    size, bend = np.exp(of_member.uniform(np.log([TAILS[0], BENDS[0]]), np.log([TAILS[1], BENDS[1]])))
    odds = log_odds(scores)
    odds += size * odds.std() * _draws(ensemble, "tails", label, member, *place).standard_t(FREEDOM, odds.shape[1])
    center = log_odds(np.array(ensemble.prevalence[label]))
    away = (odds - center) / BENT_FROM
    odds = center + BENT_FROM * np.sign(away) * np.abs(away) ** bend
    return expit(np.clip(odds, -MAX_LOG_ODDS, MAX_LOG_ODDS)).astype(np.float32)


def _draws(ensemble: SimulatedEnsemble, *purpose: Any) -> np.random.Generator:
    return np.random.default_rng(seed_of(ensemble.settings.seed, "law", *purpose))


def digest_of(settings: Namespace) -> str:
    """Return a digest of a seed's settings and of the definitions of the ensembles' parts."""
    return digest([vars(settings), SELECTIONS, COMBINERS, THRESHOLDS])


def measure_seed(settings: Namespace, seed: int, ensembles: list[str]) -> pd.DataFrame:
    """Return a row per ensemble: settings, seed, ensemble and `FIGURES` (macro F2)."""
    logging.getLogger().setLevel(logging.WARNING)
    with threadpool_limits(1):
        train, test = draw_photosets(settings, seed)
        of_law = {name: getattr(settings, name) for name in ("epochs", "families", "twins", "skill")}
        ensemble = make_ensemble(train.truth, Simulation(seed=seed, **of_law))
        figures = np.mean(
            [measure_label(settings, ensemble, label, train, test, ensembles) for label in LABELS], axis=0
        )
    table = pd.DataFrame(figures, columns=FIGURES)
    table.insert(0, "settings", digest_of(settings))
    table.insert(1, "seed", seed)
    table.insert(2, "ensemble", ensembles)
    return table


def measure_label(
    settings: Namespace, ensemble: SimulatedEnsemble, label: str, train: Photoset, test: Photoset, ensembles: list[str]
) -> np.ndarray:
    """Return one label's `FIGURES` of each ensemble, shape (ensembles, figures). Shared work is done once."""
    truth, (folds,) = train.truth[label].to_numpy(), train.cnns
    truth_of_test = test.truth[label].to_numpy()
    runs = [f"member{number:04d}" for number in range(settings.members)]
    candidates = pd.DataFrame(itertools.product(runs, range(1, settings.epochs + 1)), columns=["run", "epoch"])
    scores = np.concatenate([draw_scores(settings.law, ensemble, k, label, train)[0] for k in range(settings.members)])
    ranking = rank_candidates(candidates, truth, scores)

    @cache
    def selected(selection: str) -> list[int]:
        return members_of(select_members(ranking, scores, truth, **SELECTIONS[selection])).index.tolist()

    @cache
    def stack(selection: str, combiner: str) -> FittedStack:
        return fit_stack(scores[selected(selection)].T, truth, folds, Stack(**COMBINERS[combiner]))

    @cache
    def threshold(selection: str, combiner: str, method: str) -> tuple[float, float]:
        return search_threshold(truth, stack(selection, combiner).scores, **THRESHOLDS[method])

    @cache
    def nested(selection: str, combiner: str, method: str) -> pd.DataFrame:
        parts = Selection(**SELECTIONS[selection]), Stack(**COMBINERS[combiner]), Threshold(**THRESHOLDS[method])
        return select_and_predict_nested(candidates, scores, truth, folds, *parts)

    @cache
    def test_scores(row: int) -> np.ndarray:
        member, epoch = divmod(row, settings.epochs)
        of_member = draw_scores(settings.law, ensemble, member, label, test)
        return of_member[:, epoch].copy()  # frees the other epochs' memory

    @cache
    def outputs(selection: str, combiner: str, cnn_first: bool) -> np.ndarray:
        # What is averaged before any threshold: (folds, photos), or (1, photos) where the CNNs are averaged first.
        features = np.stack([test_scores(row) for row in selected(selection)], axis=2)
        stackers = stack(selection, combiner).stackers
        table = combine_folds(features, stackers, 0.5, "average_cnn_first" if cnn_first else "average_scores")
        return table[["score"] if cnn_first else [f"fold{fold}" for fold in range(settings.folds)]].to_numpy().T

    rows = []
    for selection, combiner, method, aggregation in (name.split("/") for name in ensembles):
        cut, non_nested = threshold(selection, combiner, method)
        joined = outputs(selection, combiner, aggregation == "average_cnn_first")
        votes = combine_folds(joined[:, :, None], [Mean(1)], cut, aggregation)  # the outputs as they are
        each = outputs(selection, combiner, False)
        nested_f_beta, gain = np.nan, np.nan
        if settings.nested:
            estimate = nested(selection, combiner, method)
            nested_f_beta = f_beta(truth, estimate["decision"].to_numpy())
            if aggregation == "average_scores":
                gain = fold_averaging_gain(truth, estimate["score"].to_numpy(), each, cut)
        rows.append(
            [
                non_nested,
                nested_f_beta,
                gain,
                np.mean([f_beta(truth_of_test, apply_threshold(fold, cut)) for fold in each]),
                f_beta(truth_of_test, votes["decision"].to_numpy()),
                best_threshold(truth_of_test, votes["score"].to_numpy())[1],
            ]
        )
    return np.array(rows)


def spelled(names: list[str]) -> dict[str, str]:
    """Return the name of each ensemble by its spelling, presets and stars spelled out, in the order given."""
    found: dict[str, str] = {}
    for name in names:
        parts = PRESETS.get(name, name).split("/")
        if len(parts) != len(PARTS):
            raise InputError(f"ensemble: found {name!r}, expected a preset ({', '.join(PRESETS)}) or four parts")
        for part, known in zip(parts, PARTS, strict=True):
            if part != "*" and part not in known:
                raise InputError(f"ensemble {name!r}: found {part!r}, expected * or one of {', '.join(known)}")
        choices = [list(known) if part == "*" else [part] for part, known in zip(parts, PARTS, strict=True)]
        for choice in itertools.product(*choices):
            spelling = "/".join(choice)
            found.setdefault(spelling, name if name in PRESETS else spelling)
    return found


def read_results(path: Path | None) -> pd.DataFrame:
    """Return the table that earlier calls wrote; an empty one where there is none."""
    if path is None or not path.exists():
        return pd.DataFrame(columns=[*KEY, *FIGURES])
    table = pd.read_csv(path)
    if list(table.columns) != [*KEY, *FIGURES]:
        raise InputError(f"{path}: has other columns than {', '.join([*KEY, *FIGURES])}")
    return table


def mean_and_error(values: pd.Series) -> str:
    """Return the mean and its standard error as text; dashes if there are no values."""
    if values.isna().all():
        return f"{'-':>9}{'':9}"
    return f"{values.mean():+9.4f} ±{values.sem():7.4f}" if len(values) > 1 else f"{values.mean():+9.4f}         "


def summarize(results: pd.DataFrame, names: dict[str, str]) -> None:
    """Print a row per ensemble, the best on the test sample first, and the paired differences from the first one."""
    width = max(map(len, names.values()))
    tables = {name: results[results["ensemble"] == spelling].set_index("seed") for spelling, name in names.items()}
    order = sorted(tables, key=lambda name: -tables[name]["test"].mean())
    print(f"\nmacro F2, means over {results['seed'].nunique()} seeds ± standard error; |.|: mean absolute difference")
    columns = "    test    non-nested - test   nested - test        |.|    nested - one CNN     one CNN - test   "
    print(f"{'':{width}}{columns}  nested + gain - test   |.|     best")
    for name in order:
        table = tables[name]
        test, nested = table["test"], table["nested"] - table["test"]
        expected = nested + table["gain"]
        print(
            f"{name:{width}}{test.mean():8.4f}{mean_and_error(table['non_nested'] - test)}  {mean_and_error(nested)}"
            f"{np.nan_to_num(nested.abs().mean()):8.4f}{mean_and_error(table['nested'] - table['one_cnn'])}"
            f"{mean_and_error(table['one_cnn'] - test)}  {mean_and_error(expected)}"
            f"{np.nan_to_num(expected.abs().mean()):8.4f}{table['best'].mean():8.4f}"
        )
    first, base = next(iter(tables.items()))
    print(f"\ntest macro F2 minus that of {first}, paired by seed")
    for name in order:
        if name != first:
            gain = tables[name]["test"] - base["test"]
            print(f"{name:{width}}{mean_and_error(gain)}  better in {np.sum(gain > 0)} of {len(gain)}")


def main(arguments: Namespace) -> None:
    """Measure the missing seeds, and summarize all."""
    began = time.perf_counter()
    names = spelled(arguments.ensembles)
    settings = Namespace(**{name: value for name, value in vars(arguments).items() if name not in OF_ALL_SEEDS})
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    print(f"{canonical(vars(settings))}\n{len(names)} ensembles; XGBoost has 2 of the paper's 180 points", flush=True)
    known = read_results(arguments.output)
    done = known[known["settings"].eq(digest_of(settings)) & known["seed"].isin(seeds) & known["ensemble"].isin(names)]
    missing = {
        seed: [name for name in names if name not in set(done["ensemble"][done["seed"] == seed])] for seed in seeds
    }
    with ProcessPoolExecutor(arguments.processes) as pool:
        jobs = [
            pool.submit(measure_seed, settings, seed, ensembles) for seed, ensembles in missing.items() if ensembles
        ]
        for job in as_completed(jobs):
            table = job.result()
            known, done = pd.concat([known, table]), pd.concat([done, table])
            if arguments.output:
                with replacing(arguments.output) as partial:
                    known.to_csv(partial, index=False)
            shown = [
                f"{names[row.ensemble]} {row.non_nested:.4f} {row.nested:.4f} {row.test:.4f}"
                for row in table.itertuples()
            ]
            shown = [*shown[:SHOWN], f"and {len(shown) - SHOWN} more"] if len(shown) > SHOWN else shown
            print(
                f"seed {table['seed'].iloc[0]} after {time.perf_counter() - began:.0f} s; non-nested, nested, test: "
                + "; ".join(shown),
                flush=True,
            )
    summarize(done, names)


if __name__ == "__main__":
    options = make_parser(__doc__)
    options.add_argument("--ensembles", nargs="+", default=list(PRESETS), help="(default: the presets)")
    options.add_argument("--seeds", type=int, default=20, help="number of seeds (default 20)")
    options.add_argument("--first-seed", type=int, default=1, help="(default 1)")
    options.add_argument("--photos", type=int, default=10_000, help="training photos (default 10000)")
    options.add_argument("--test", type=int, default=100_000, help="test photos (default 100000)")
    options.add_argument("--min-positives", type=int, default=40, help="training positives per label (default 40)")
    options.add_argument("--members", type=int, default=30, help="members of the ensemble (default 30)")
    options.add_argument("--epochs", type=int, default=4, help="epochs of each (default 4)")
    options.add_argument("--families", type=int, default=8, help="families of members (default 8)")
    options.add_argument("--twins", type=int, default=10, help="every n-th member is a copy (default 10; 0: none)")
    options.add_argument("--folds", type=int, default=5, help="(default 5)")
    options.add_argument("--skill", type=float, default=0.4, help="of the most able CNN, 0 to 1 (default 0.4)")
    options.add_argument("--law", choices=LAWS, default=LAWS[0], help=f"of the scores (default {LAWS[0]})")
    options.add_argument("--no-nested", dest="nested", action="store_false", help="skip the nested estimates")
    options.add_argument("--processes", type=int, default=1, help="seeds at once; it changes no result (default 1)")
    options.add_argument("--output", type=Path, help="CSV to keep finished seeds in")
    end_with(partial(main, options.parse_args()))
