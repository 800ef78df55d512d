"""Boosted trees with early stopping, at the grid's best point, over out-of-fold scores."""

import numpy as np
import pytest
import xgboost as xgb

from stylevote.ensemble.combiners import xgboost
from stylevote.ensemble.combiners.xgboost import fit, grid_points, load, sample
from stylevote.ensemble.stack import stacked_scores
from stylevote.metrics import best_threshold

POINT = {"eta": [0.1], "max_depth": [3], "min_child_weight": [2]}
GRID = {"eta": [0.05, 0.2], "max_depth": [2, 4], "min_child_weight": [1]}
SETTINGS = {"rounds": 60, "patience": 8, "seed": 1}


@pytest.fixture(params=[0, 1])
def problem(request, ensemble):
    """Return features (photos, members), labels and folds of one label."""
    return ensemble.candidates(request.param)[1][[0, 2, 4]].T, ensemble.truth[:, request.param], ensemble.folds


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
    stack = fit(features, labels, folds, grid=POINT, **SETTINGS)
    kept = []
    for fold, stacker in enumerate(stack.stackers):
        model = classifier(features, labels, folds != fold)
        held_out = np.ascontiguousarray(features[folds == fold])
        assert np.allclose(stack.scores[folds == fold], model.predict_proba(held_out)[:, 1], atol=1e-6)
        assert stacker.booster.num_boosted_rounds() == model.best_iteration + 1
        kept.append(model.best_iteration + 1)
    assert min(kept) < 60, "nothing stopped early"
    assert stack.grid["rounds"].item() == np.mean(kept)


def test_each_fold_may_have_the_point_that_is_best_on_its_own_photos(problem):
    features, labels, folds = problem
    stack = fit(features, labels, folds, grid=GRID, choose="fold", **SETTINGS)
    points = grid_points(GRID)
    alone = [fit(features, labels, folds, grid={key: [one] for key, one in p.items()}, **SETTINGS) for p in points]
    chosen = []
    for fold, stacker in enumerate(stack.stackers):
        inside = folds == fold
        f_betas = [best_threshold(labels[inside], one.scores[inside])[1] for one in alone]
        best = int(np.argmax(f_betas))
        assert np.array_equal(stack.scores[inside], alone[best].scores[inside])
        assert np.array_equal(stacker.scores(features), alone[best].stackers[fold].scores(features))
        chosen.append(best)
    assert set(np.flatnonzero(stack.grid["chosen"])) == set(chosen)


def test_each_photo_is_scored_by_the_stacker_of_its_fold(problem):
    features, labels, folds = problem
    stack = fit(features, labels, folds, grid=POINT, **SETTINGS)
    for fold, stacker in enumerate(stack.stackers):
        assert np.array_equal(stack.scores[folds == fold], stacker.scores(features[folds == fold]))
    assert stack.scores.dtype == np.float32


def test_the_point_of_highest_f2_is_chosen(problem):
    features, labels, folds = problem
    stack = fit(features, labels, folds, grid=GRID, **SETTINGS)
    single = []
    for point in grid_points(GRID):
        alone = fit(features, labels, folds, grid={k: [v] for k, v in point.items()}, **SETTINGS)
        single.append((best_threshold(labels, alone.scores)[1], alone.scores))
    best = int(np.argmax([f2 for f2, _ in single]))
    assert stack.grid["f_beta"].tolist() == [f2 for f2, _ in single]
    assert np.flatnonzero(stack.grid["chosen"]).tolist() == [best]
    assert np.array_equal(stack.scores, single[best][1])


def test_of_equal_points_the_first_is_chosen(problem):
    features, labels, folds = problem
    stack = fit(features, labels, folds, grid=POINT | {"eta": [0.1, 0.1]}, **SETTINGS)
    assert stack.grid["chosen"].tolist() == [True, False]


def test_the_grid_is_walked_in_one_order():
    assert [tuple(point.values()) for point in grid_points(GRID)] == [
        (0.05, 2, 1),
        (0.05, 4, 1),
        (0.2, 2, 1),
        (0.2, 4, 1),
    ]


@pytest.mark.parametrize("heats", [[(8000, 1)], [(500, 1)]], ids=["all points", "a race"])
def test_how_many_boosters_are_fitted_at_once_makes_no_difference(heats, simulate, monkeypatch):
    monkeypatch.setattr(xgboost, "HEATS", heats)
    ensemble = simulate(photos=2000, prevalence=(0.1,), runs=5)
    features, labels = ensemble.candidates(0)[1].T, ensemble.truth[:, 0]
    alone, together = (fit(features, labels, ensemble.folds, grid=GRID, **SETTINGS, threads=n) for n in (1, 5))
    assert [one.to_bytes() for one in together.stackers] == [one.to_bytes() for one in alone.stackers]
    assert together.scores.tobytes() == alone.scores.tobytes()
    assert together.grid.equals(alone.grid)


def test_the_memory_layout_of_the_features_does_not_matter(problem):
    features, labels, folds = problem
    rows = fit(np.ascontiguousarray(features), labels, folds, grid=POINT, **SETTINGS)
    columns = fit(np.asfortranarray(features), labels, folds, grid=POINT, **SETTINGS)
    assert np.array_equal(rows.scores, columns.scores)
    assert np.array_equal(
        stacked_scores(rows.stackers, np.ascontiguousarray(features)),
        stacked_scores(rows.stackers, np.asfortranarray(features)),
    )


def test_stacked_scores_are_the_mean_of_the_boosters(problem):
    features, labels, folds = problem
    stackers = fit(features, labels, folds, grid=POINT, **SETTINGS).stackers
    expected = np.mean([stacker.booster.predict(xgb.DMatrix(features)) for stacker in stackers], axis=0)
    assert np.allclose(stacked_scores(stackers, features), expected, atol=1e-7)


@pytest.mark.parametrize(("value", "constant"), [(0, 1e-6), (1, 1 - 1e-6)])
def test_a_fold_with_nothing_to_learn_is_a_constant_and_said(value, constant, caplog):
    folds = np.arange(90) % 3
    labels = np.where(folds == 1, np.arange(90) % 2, value)
    features = np.random.default_rng(0).random((90, 2)).astype(np.float32)
    with caplog.at_level("INFO"):
        stack = fit(features, labels, folds, grid=GRID, **SETTINGS)
    assert f"fold 1: learns from photos of which {100 * value} % have the label: a constant" in caplog.text
    assert np.allclose(stack.scores[folds == 1], constant, atol=1e-7)
    assert [stacker.booster.num_boosted_rounds() > 0 for stacker in stack.stackers] == [True, False, True]
    again = load(stack.stackers[1].to_bytes())
    assert np.allclose(again.scores(features), constant, atol=1e-7)


def test_a_fold_without_positives_is_said(caplog):
    folds = np.arange(90) % 3
    labels = np.where(folds == 2, 0, np.arange(90) % 2)
    features = np.random.default_rng(0).random((90, 2)).astype(np.float32)
    with caplog.at_level("INFO"):
        fit(features, labels, folds, grid=POINT, **SETTINGS)
    assert "fold 2: none of its photos has the label" in caplog.text


def test_a_label_on_one_photo_in_a_hundred_is_learned():
    """Starting from its prevalence, XGBoost gives such a label no tree with a split at a min_child_weight of 1."""
    labels, folds = np.zeros(600, dtype=np.uint8), np.arange(600) % 3
    labels[:6] = 1
    random = np.random.default_rng(2)
    features = np.where(labels[:, None] == 1, 0.6, 0.1) + random.uniform(0, 0.3, (600, 3))
    grid = {"eta": [0.1], "max_depth": [2], "min_child_weight": [1]}
    stack = fit(features.astype(np.float32), labels, folds, grid=grid, **SETTINGS)
    assert best_threshold(labels, stack.scores)[1] > 0.9


@pytest.fixture
def race(monkeypatch):
    """Let 600 photos run a heat that leaves two pairs, and 1,200 one that leaves one."""
    monkeypatch.setattr(xgboost, "HEATS", [(600, 2), (1200, 1)])


RACED = {"eta": [0.05, 0.2], "max_depth": [1, 2, 6], "min_child_weight": [1, 4]}


def test_the_best_pair_of_the_heats_is_fitted_on_all_photos_at_every_eta(race, simulate):
    ensemble = simulate(photos=2400, prevalence=(0.3,))
    problem = ensemble.candidates(0)[1].T, ensemble.truth[:, 0], ensemble.folds
    raced = fit(*problem, grid=RACED, **SETTINGS)
    every = fit(*problem, grid=RACED, **SETTINGS, search="all")
    grid, pair = raced.grid, ["max_depth", "min_child_weight"]
    heat = grid[grid["heat_f_beta"].notna()]
    assert set(heat["eta"]) == {0.2}
    assert len(heat) == 6
    ends = grid["f_beta"].notna()
    assert grid[ends]["eta"].tolist() == [0.05, 0.2]
    assert sorted(grid["photos"]) == [0] * 5 + [600] * 4 + [1200] + [2400] * 2
    last = heat[heat["photos"] >= 1200]
    assert (grid.loc[ends, pair] == last.loc[last["heat_f_beta"].idxmax(), pair]).all(axis=None)
    assert grid.loc[ends, ["f_beta", "threshold", "logloss", "rounds"]].equals(
        every.grid.loc[ends, ["f_beta", "threshold", "logloss", "rounds"]]
    )
    assert np.flatnonzero(grid["chosen"]).tolist() == [grid["f_beta"].idxmax()]
    assert best_threshold(problem[1], raced.scores)[1] == grid["f_beta"].max()


def test_a_heat_leaves_the_pairs_of_highest_f2(simulate, monkeypatch):
    monkeypatch.setattr(xgboost, "HEATS", [(600, 3)])
    ensemble = simulate(photos=2400, prevalence=(0.3,))
    grid = fit(ensemble.candidates(0)[1].T, ensemble.truth[:, 0], ensemble.folds, grid=RACED, **SETTINGS).grid
    heat = grid[grid["heat_f_beta"].notna()]
    stays = heat["f_beta"].notna()
    assert stays.sum() == 3
    assert heat.loc[stays, "heat_f_beta"].min() > heat.loc[~stays, "heat_f_beta"].min()
    assert heat.loc[stays, "heat_f_beta"].min() >= heat.loc[~stays, "heat_f_beta"].max()


def test_every_point_of_a_rare_label_is_fitted_on_a_sample_and_as_good(race, simulate):
    ensemble = simulate(photos=6000, prevalence=(0.003,), strength=4)
    problem = ensemble.candidates(0)[1].T, ensemble.truth[:, 0], ensemble.folds
    raced = fit(*problem, grid=RACED, **SETTINGS)
    every = fit(*problem, grid=RACED, **SETTINGS, search="all")
    assert raced.grid["f_beta"].notna().all()
    assert raced.grid["photos"].eq(600).all()
    assert every.grid["photos"].eq(6000).all()
    assert raced.grid["f_beta"].mean() > every.grid["f_beta"].mean() - 0.02
    assert (raced.grid["logloss"] < 1.02 * every.grid["logloss"]).all(), "the sample's weights do not count"


def test_as_many_photos_as_in_the_first_heat_are_all_fitted(simulate, monkeypatch):
    monkeypatch.setattr(xgboost, "HEATS", [(240, 1)])
    ensemble = simulate()
    problem = ensemble.candidates(0)[1].T, ensemble.truth[:, 0], ensemble.folds
    raced, every = (fit(*problem, grid=RACED, **SETTINGS, search=search) for search in ("race", "all"))
    assert raced.grid.equals(every.grid)
    assert raced.scores.tobytes() == every.scores.tobytes()


def test_a_weighted_sample_stands_for_all_photos_of_each_fold_and_label():
    random = np.random.default_rng(3)
    labels, folds = (random.random(20000) < 0.02).astype(np.uint8), np.arange(20000) % 5
    hardness = np.where(labels == 1, 0.9, random.random(20000) ** 50)
    places, weights = sample(hardness, labels, folds, 2000)
    assert abs(len(places) - 2000) <= 1
    assert (np.diff(places) > 0).all()
    assert weights.min() >= 1
    assert np.isin(np.flatnonzero(labels), places).all(), "a photo with the label was left out"
    for fold in range(5):
        inside = places[(folds[places] == fold) & (labels[places] == 0)]
        drawn = np.isin(places, inside)
        every = (folds == fold) & (labels == 0)
        assert weights[drawn].sum() == pytest.approx(every.sum(), rel=0.02)
        assert weights[drawn] @ hardness[inside] == pytest.approx(hardness[every].sum(), rel=0.02)
