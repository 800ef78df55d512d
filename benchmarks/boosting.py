"""What XGBoost's way to find splits, and the measure that ends boosting early, are worth for a rare label.

The workflow's stack uses `hist` and ends on the log loss. In 2018, XGBoost's default was `exact` for data of this size,
and the first-place team's published code ends on the F2 of a fold's photos. The photos of a rare label are drawn with
the scores of 20 CNNs. Each variant fits a booster per fold, which ends early by the fold's photos. The best threshold
of the pooled scores is then used on fresh photos, scored by the mean of the boosters: their F2 is "fresh", and "pooled"
is the F2 of the photos that chose the threshold. Seconds are those of the processor.
"""

import time

import numpy as np
import xgboost as xgb
from bench import make_parser

from stylevote.ensemble.combiners.xgboost import BASE_SCORE
from stylevote.ensemble.threshold import even_thresholds, f_beta_at
from stylevote.metrics import best_threshold

FOLDS, MEMBERS = 5, 20
ROUNDS, PATIENCE = 1000, 20
POINTS = ({"eta": 0.1, "max_depth": 3, "min_child_weight": 1}, {"eta": 0.1, "max_depth": 8, "min_child_weight": 3})
VARIANTS = [(method, measure) for method in ("hist", "exact") for measure in ("logloss", "F2")]


def draw(prevalence: float, photos: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, and the members' scores: log odds with a part that all share, and one of their own."""
    labels = generator.random(photos) < prevalence
    shared = 3 * labels + 1.2 * generator.standard_normal(photos)
    own = generator.standard_normal((photos, MEMBERS))
    odds = np.log(prevalence / (1 - prevalence)) + shared[:, None] + np.linspace(0.6, 1.2, MEMBERS) * own
    return labels.astype(np.uint8), (1 / (1 + np.exp(-odds))).astype(np.float32)


def stepped_f2(scores: np.ndarray, data: xgb.DMatrix) -> tuple[str, float]:
    """Return the F2 of a fold's photos at the best of 100 steps, for early stopping."""
    return "F2", float(f_beta_at(data.get_label(), scores, even_thresholds(100)).max())


def fit(features: np.ndarray, labels: np.ndarray, point: dict, method: str, measure: str, seed: int) -> list:
    """Return a fold's booster and its scores for the fold's photos, for each fold."""
    settings = {"objective": "binary:logistic", "base_score": BASE_SCORE, "tree_method": method, "seed": seed}
    settings |= {"nthread": 1, **point}
    if measure == "F2":
        stopping = {"custom_metric": stepped_f2, "maximize": True}
        settings["disable_default_eval_metric"] = True
    else:
        stopping = {}
        settings["eval_metric"] = "logloss"
    # As many positives in each fold, as the workflow's folds have.
    order = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))
    folds = np.empty(len(labels), int)
    folds[order] = np.arange(len(labels)) % FOLDS
    pooled, boosters = np.empty(len(labels), np.float32), []
    for fold in range(FOLDS):
        held_out = folds == fold
        training = xgb.DMatrix(features[~held_out], labels[~held_out], nthread=1)
        validation = xgb.DMatrix(features[held_out], labels[held_out], nthread=1)
        end = xgb.callback.EarlyStopping(PATIENCE, save_best=True, **({"maximize": True} if measure == "F2" else {}))
        booster = xgb.train(
            settings,
            training,
            num_boost_round=ROUNDS,
            evals=[(validation, "fold")],
            callbacks=[end],
            verbose_eval=False,
            **stopping,
        )
        pooled[held_out] = booster.predict(validation)
        boosters.append(booster)
    return [boosters, pooled]


def main() -> None:
    """Measure and print a row per variant and grid point."""
    arguments = make_parser(__doc__)
    arguments.add_argument("--seeds", type=int, default=5, help="draws of photos (default 5)")
    arguments.add_argument("--photos", type=int, default=54_908, help="photos to learn from (default 54908)")
    arguments.add_argument("--prevalence", type=float, default=0.002, help="of the label (default 0.002)")
    arguments.add_argument("--fresh", type=int, default=300_000, help="photos that score (default 300000)")
    options = arguments.parse_args()
    rows = {(k, *variant): [] for k in range(len(POINTS)) for variant in VARIANTS}
    for seed in range(options.seeds):
        labels, features = draw(options.prevalence, options.photos, np.random.default_rng(seed))
        fresh, scored = draw(options.prevalence, options.fresh, np.random.default_rng(1000 + seed))
        scored = xgb.DMatrix(scored, nthread=1)
        for k, point in enumerate(POINTS):
            for variant in VARIANTS:
                began = time.process_time()
                boosters, pooled = fit(features, labels, point, *variant, seed)
                seconds = time.process_time() - began
                threshold, f2 = best_threshold(labels, pooled)
                mean = np.mean([booster.predict(scored) for booster in boosters], axis=0)
                trees = np.mean([booster.num_boosted_rounds() for booster in boosters])
                (reached,) = f_beta_at(fresh, mean, np.array([threshold]))
                rows[k, *variant].append([reached, f2, best_threshold(fresh, mean)[1], trees, seconds])
    print(f"Means over {options.seeds} draws of {options.photos} photos, {options.prevalence:.1%} with the label")
    print("point                        splits  ends on   fresh   (less hist, logloss)  pooled   best   trees  seconds")
    for (k, method, measure), row in rows.items():
        values, first = np.array(row), np.array(rows[k, "hist", "logloss"])
        less = values[:, 0] - first[:, 0]
        error = less.std(ddof=1) / np.sqrt(len(less)) if len(less) > 1 else np.nan
        reached, f2, best, trees, seconds = values.mean(axis=0)
        name = ", ".join(f"{key.split('_')[-1]} {value}" for key, value in POINTS[k].items())
        print(
            f"{name:28} {method:7} {measure:8} {reached:.4f}  {less.mean():+.4f} +- {error:.4f}    {f2:.4f}"
            f"  {best:.4f} {trees:6.1f} {seconds:8.1f}"
        )


if __name__ == "__main__":
    main()
