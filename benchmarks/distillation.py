"""Measure the leak of evaluation labels into a student through its teachers.

Teachers are trained fold by fold, like the runs. The student of a fold learns their out-of-fold scores of the other
folds' photos. The teachers of those photos were trained on the fold's own labels. The leak is the difference between
the student's AUC on the fold's photos and on new photos. With random labels, every AUC without a leak is near 0.5.

    .venv/bin/python benchmarks/distillation.py
"""

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier, MLPRegressor

FOLDS = 5
NEW = 5000  # photos to evaluate the student without a leak
REPEATS = 3
STEEP = 2.0  # standard deviation of the true log odds of learnable labels


def models(kind: str, seed: int) -> tuple:
    """Return a teacher, and a student that learns log odds (linear) or probabilities (network)."""
    if kind == "linear":
        return LogisticRegression(), LinearRegression()
    settings = {"hidden_layer_sizes": (64,), "max_iter": 30, "random_state": seed}
    return MLPClassifier(**settings), MLPRegressor(**settings)


def trial(kind: str, photos: int, features: int, learnable: bool, seed: int) -> dict[str, float]:
    """Return the AUC of teachers and students on held-out folds, and of students on new photos."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(photos + NEW, features))
    odds = STEEP * x @ random.normal(size=features) / np.sqrt(features) if learnable else np.zeros(len(x))
    labels, folds = random.random(len(x)) < expit(odds), np.arange(photos) % FOLDS
    new, new_labels, x, labels = x[photos:], labels[photos:], x[:photos], labels[:photos]
    taught = np.zeros(photos)
    for fold in range(FOLDS):
        teacher = models(kind, seed)[0].fit(x[folds != fold], labels[folds != fold])
        taught[folds == fold] = np.clip(teacher.predict_proba(x[folds == fold])[:, 1], 1e-4, 1 - 1e-4)
    targets, rows = logit(taught) if kind == "linear" else taught, []
    for fold in range(FOLDS):
        student = models(kind, seed + 1)[1].fit(x[folds != fold], targets[folds != fold])
        own = folds == fold
        rows.append(
            {
                "teachers": roc_auc_score(labels[own], taught[own]),
                "student": roc_auc_score(labels[own], student.predict(x[own])),
                "student, new photos": roc_auc_score(new_labels, student.predict(new)),
            }
        )
    return pd.DataFrame(rows).mean().to_dict()


def main() -> None:
    """Print a row per kind of model, number of photos and features, and kind of labels."""
    rows = []
    for kind in ("linear", "network"):
        for photos, features in ((2000, 20), (2000, 100), (10_000, 100)):
            for learnable in (False, True):
                trials = [trial(kind, photos, features, learnable, seed) for seed in range(REPEATS)]
                case = {"models": kind, "photos": photos, "features": features, "learnable": learnable}
                rows.append({**case, **pd.DataFrame(trials).mean().to_dict()})
    table = pd.DataFrame(rows)
    table["leak"] = table["student"] - table["student, new photos"]
    print(table.to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
