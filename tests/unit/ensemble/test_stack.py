"""The stack is XGBoost with early stopping, at the grid's best point, over out-of-fold scores."""

import numpy as np
import pytest
import xgboost as xgb

from stylevote.ensemble.stack import (
    booster_from_bytes,
    booster_to_bytes,
    fit_stack,
    grid_points,
    log_loss,
    stacked_scores,
)
from stylevote.metrics import best_cut

POINT = {"eta": [0.1], "max_depth": [3], "min_child_weight": [2]}
GRID = {"eta": [0.05, 0.2], "max_depth": [2, 4], "min_child_weight": [1]}
SETTINGS = {"rounds": 60, "patience": 8, "seed": 1}


@pytest.fixture(params=[0, 1])
def problem(request, bank):
    """Return features (photos, members), labels and folds of one label."""
    return bank.candidates(request.param)[1][[0, 2, 4]].T, bank.truth[:, request.param], bank.folds


def classifier(features, labels, inside):
    """Return XGBoost's own classifier, stopped early on the photos not ``inside``."""
    model = xgb.XGBClassifier(
        n_estimators=60,
        learning_rate=0.1,
        max_depth=3,
        min_child_weight=2,
        base_score=0.5,
        tree_method="hist",
        n_jobs=1,
        random_state=1,
        eval_metric="logloss",
        early_stopping_rounds=8,
    )
    held_out = (np.ascontiguousarray(features[~inside]), labels[~inside])
    return model.fit(np.ascontiguousarray(features[inside]), labels[inside], eval_set=[held_out], verbose=False)


def test_one_point_gives_the_scores_of_xgboosts_classifier(problem):
    features, labels, folds = problem
    stack = fit_stack(features, labels, folds, grid=POINT, **SETTINGS)
    kept = []
    for fold, booster in enumerate(stack.boosters):
        model = classifier(features, labels, folds != fold)
        held_out = np.ascontiguousarray(features[folds == fold])
        assert np.allclose(stack.scores[folds == fold], model.predict_proba(held_out)[:, 1], atol=1e-6)
        assert booster.num_boosted_rounds() == model.best_iteration + 1
        kept.append(model.best_iteration + 1)
    assert min(kept) < 60, "nothing stopped early"
    assert stack.grid["rounds"].item() == np.mean(kept)


def test_each_photo_is_scored_by_the_booster_of_its_fold(problem):
    features, labels, folds = problem
    stack = fit_stack(features, labels, folds, grid=POINT, **SETTINGS)
    for fold, booster in enumerate(stack.boosters):
        assert np.array_equal(stack.scores[folds == fold], stacked_scores([booster], features[folds == fold]))
    assert stack.scores.dtype == np.float32


def test_the_point_of_highest_f2_is_chosen(problem):
    features, labels, folds = problem
    stack = fit_stack(features, labels, folds, grid=GRID, **SETTINGS)
    single = []
    for point in grid_points(GRID):
        alone = fit_stack(features, labels, folds, grid={k: [v] for k, v in point.items()}, **SETTINGS)
        single.append((best_cut(labels, alone.scores)[1], alone.scores))
    best = int(np.argmax([f2 for f2, _ in single]))
    assert stack.grid["f2"].tolist() == [f2 for f2, _ in single]
    assert np.flatnonzero(stack.grid["chosen"]).tolist() == [best]
    assert np.array_equal(stack.scores, single[best][1])


def test_of_equal_points_the_first_is_chosen(problem):
    features, labels, folds = problem
    stack = fit_stack(features, labels, folds, grid=POINT | {"eta": [0.1, 0.1]}, **SETTINGS)
    assert stack.grid["chosen"].tolist() == [True, False]


def test_the_grid_is_walked_in_one_order():
    assert [tuple(point.values()) for point in grid_points(GRID)] == [
        (0.05, 2, 1),
        (0.05, 4, 1),
        (0.2, 2, 1),
        (0.2, 4, 1),
    ]


def test_the_boosters_bytes_are_the_same_every_time_and_read_back(problem):
    features, labels, folds = problem
    first, second = (fit_stack(features, labels, folds, grid=GRID, **SETTINGS) for _ in range(2))
    raw = [booster_to_bytes(booster) for booster in first.boosters]
    assert raw == [booster_to_bytes(booster) for booster in second.boosters]
    again = [booster_from_bytes(one) for one in raw]
    assert np.array_equal(stacked_scores(again, features), stacked_scores(first.boosters, features))


def test_the_memory_layout_of_the_features_does_not_matter(problem):
    features, labels, folds = problem
    rows = fit_stack(np.ascontiguousarray(features), labels, folds, grid=POINT, **SETTINGS)
    columns = fit_stack(np.asfortranarray(features), labels, folds, grid=POINT, **SETTINGS)
    assert np.array_equal(rows.scores, columns.scores)
    assert np.array_equal(
        stacked_scores(rows.boosters, np.ascontiguousarray(features)),
        stacked_scores(rows.boosters, np.asfortranarray(features)),
    )


def test_stacked_scores_are_the_mean_of_the_boosters(problem):
    features, labels, folds = problem
    boosters = fit_stack(features, labels, folds, grid=POINT, **SETTINGS).boosters
    expected = np.mean([booster.predict(xgb.DMatrix(features)) for booster in boosters], axis=0)
    assert np.allclose(stacked_scores(boosters, features), expected, atol=1e-7)


@pytest.mark.parametrize(("value", "constant"), [(0, 1e-6), (1, 1 - 1e-6)])
def test_a_fold_with_nothing_to_learn_is_a_constant_and_said(value, constant, caplog):
    folds = np.arange(90) % 3
    labels = np.where(folds == 1, np.arange(90) % 2, value)
    features = np.random.default_rng(0).random((90, 2)).astype(np.float32)
    with caplog.at_level("INFO"):
        stack = fit_stack(features, labels, folds, grid=GRID, **SETTINGS)
    assert f"fold 1: learns from photos of which {100 * value} % have the label: a constant" in caplog.text
    assert np.allclose(stack.scores[folds == 1], constant, atol=1e-7)
    assert [booster.num_boosted_rounds() > 0 for booster in stack.boosters] == [True, False, True]
    again = booster_from_bytes(booster_to_bytes(stack.boosters[1]))
    assert np.allclose(stacked_scores([again], features), constant, atol=1e-7)


def test_a_fold_without_positives_is_said(caplog):
    folds = np.arange(90) % 3
    labels = np.where(folds == 2, 0, np.arange(90) % 2)
    features = np.random.default_rng(0).random((90, 2)).astype(np.float32)
    with caplog.at_level("INFO"):
        fit_stack(features, labels, folds, grid=POINT, **SETTINGS)
    assert "fold 2: none of its photos has the label" in caplog.text


def test_log_loss_is_finite_and_right():
    assert log_loss(np.array([1, 0]), np.array([0.5, 0.75], dtype=np.float32)) == pytest.approx(
        -(np.log(0.5) + np.log(0.25)) / 2
    )
    assert np.isfinite(log_loss(np.array([1, 0]), np.array([0, 1], dtype=np.float32)))


def test_a_label_on_one_photo_in_a_hundred_is_learned():
    """Starting from its prevalence, XGBoost gives such a label no tree with a split at a min_child_weight of 1."""
    labels, folds = np.zeros(600, dtype=np.uint8), np.arange(600) % 3
    labels[:6] = 1
    random = np.random.default_rng(2)
    features = np.where(labels[:, None] == 1, 0.6, 0.1) + random.uniform(0, 0.3, (600, 3))
    grid = {"eta": [0.1], "max_depth": [2], "min_child_weight": [1]}
    stack = fit_stack(features.astype(np.float32), labels, folds, grid=grid, **SETTINGS)
    assert best_cut(labels, stack.scores)[1] > 0.9
