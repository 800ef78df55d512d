"""The threshold found is the one that its method promises, and deciding by it gives the F-beta promised."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score

from stylevote.config.ensemble import Threshold
from stylevote.ensemble.log_odds import log_odds
from stylevote.ensemble.threshold import (
    apply_threshold,
    even_thresholds,
    f_beta_at,
    fit_platt,
    precision_threshold,
    search_threshold,
    search_thresholds,
)
from stylevote.errors import InputError
from stylevote.metrics import best_threshold, f_beta

METHODS = ["greedy", "exact", "lbfgs", "plug_in", "shrunk", "bootstrap"]
BETAS = [0.5, 1.0, 2.0, 3.0]


@st.composite
def labelled_scores(draw):
    unit = st.floats(0, 1, width=32) | st.sampled_from([0.0, 0.01, 0.07, 0.29, 0.5, 1.0])
    pairs = draw(st.lists(st.tuples(st.integers(0, 1), unit), min_size=1, max_size=30))
    return np.array([label for label, _ in pairs]), np.array([score for _, score in pairs], dtype=np.float32)


def probabilities(photos, seed=0):
    """Return labels and their true probabilities, which lie evenly between 0 and 1."""
    scores = np.random.default_rng(seed).random(photos)
    return (np.random.default_rng(seed + 1).random(photos) < scores).astype(np.uint8), scores


def best_for_even_probabilities(beta):
    """Return the best threshold t of probabilities spread evenly over 0 to 1.

    F(t) = (1 + beta^2) (1 - t^2) / 2 / (beta^2 / 2 + 1 - t), and at its maximum t = F(t) / (1 + beta^2): a quadratic
    equation.
    """
    half = 1 + beta**2 / 2
    return half - np.sqrt(half**2 - 1)


@given(labelled_scores(), st.sampled_from(BETAS))
def test_the_greedy_threshold_is_the_best_of_its_steps(drawn, beta):
    labels, scores = drawn
    threshold, actual = search_threshold(labels, scores, "greedy", steps=100, beta=beta)
    every = [f_beta(labels, scores.astype(float) >= k / 100, beta) for k in range(101)]
    assert actual == max(every)
    assert threshold == max(k / 100 for k in range(101) if every[k] == actual)


@pytest.mark.parametrize("method", METHODS)
@given(drawn=labelled_scores(), beta=st.sampled_from(BETAS))
def test_deciding_gives_the_f_beta_promised(method, drawn, beta):
    labels, scores = drawn
    with warnings.catch_warnings(action="error"):
        threshold, actual = search_threshold(labels, scores, method, resamples=5, beta=beta)
    assert type(threshold) is float
    assert 0 <= threshold <= 1
    decided = (scores.astype(float) >= threshold).astype(int)
    assert actual == pytest.approx(fbeta_score(labels, decided, beta=beta, zero_division=0))


@given(labelled_scores(), st.sampled_from(BETAS))
def test_no_cut_is_better_than_the_exact_threshold(drawn, beta):
    labels, scores = drawn
    cuts = [f_beta(labels, scores >= cut, beta) for cut in scores]
    assert search_threshold(labels, scores, "exact", beta=beta)[1] == max(cuts)


@given(labelled_scores())
def test_the_exact_threshold_is_never_below_ten_thousand_steps(drawn):
    labels, scores = drawn
    assert search_threshold(labels, scores, "exact")[1] >= search_threshold(labels, scores, "greedy", steps=10_000)[1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("photos", [1, 6])
def test_where_all_photos_have_the_label_all_are_decided(method, photos):
    scores = np.linspace(0.3, 1, photos, dtype=np.float32)
    threshold, actual = search_threshold(np.ones(photos), scores, method)
    assert actual == 1
    assert apply_threshold(scores, threshold).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("photos", [1, 6])
def test_where_no_photo_has_the_label_one_is_decided_at_most(method, photos):
    scores = np.linspace(0.2, 0.4, photos)
    threshold, actual = search_threshold(np.zeros(photos), scores, method)
    assert actual == 0
    assert apply_threshold(scores, threshold).sum() <= 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("score", [0.0, 1e-30, 0.3, 1.0])
def test_constant_scores_decide_all_photos(method, score):
    labels, scores = np.array([0, 1, 0, 0]), np.full(4, score, dtype=np.float32)
    threshold, _ = search_threshold(labels, scores, method)
    assert apply_threshold(scores, threshold).all()


@pytest.mark.parametrize("method", METHODS)
def test_scores_that_differ_too_little_to_be_calibrated_are_cut(method):
    labels, scores = np.array([0, 1, 0, 0]), np.array([0, 1e-9, 0, 1e-30])
    with warnings.catch_warnings(action="error"):
        threshold, actual = search_threshold(labels, scores, method)
    assert actual == f_beta(labels, scores >= threshold) > 0


@pytest.mark.parametrize("method", METHODS)
def test_where_finding_all_photos_is_best_scores_of_0_are_found_as_well(method):
    labels = np.repeat([1, 1, 0, 0], [60, 30, 1, 9])
    scores = np.repeat(np.float32([0.9, 0, 0.9, 0]), [60, 30, 1, 9])
    threshold, _ = search_threshold(labels, scores, method, resamples=10)
    assert apply_threshold(scores, threshold).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("beta", BETAS)
def test_scores_of_0_and_1_that_part_the_labels_are_parted(method, beta):
    labels = np.repeat([0, 1], 50)
    assert search_threshold(labels, labels.astype(np.float32), method, beta=beta)[1] == 1


@given(labelled_scores(), st.sampled_from(BETAS))
def test_the_curve_is_the_f_beta_of_every_threshold(drawn, beta):
    labels, scores = drawn
    thresholds = even_thresholds(20)
    expected = [f_beta(labels, apply_threshold(scores, cut), beta) for cut in thresholds]
    assert f_beta_at(labels, scores, thresholds, beta).tolist() == expected


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_nears_the_best_threshold_of_true_probabilities(method, beta):
    labels, scores = probabilities(40_000)
    threshold, actual = search_threshold(labels, scores, method, resamples=20, beta=beta)
    best = best_for_even_probabilities(beta)
    assert actual == pytest.approx(search_threshold(labels, scores, "exact", beta=beta)[1], abs=0.003)
    assert logit(threshold) == pytest.approx(logit(best), abs=0.2)


@pytest.mark.parametrize(("high", "low"), [(900, 100), (300, 700), (500, 0)])
@pytest.mark.parametrize("beta", BETAS)
def test_lbfgs_finds_the_highest_of_the_smoothed_peaks(high, low, beta):
    rng = np.random.default_rng(0)
    counts = [high, 50, low, 1500, 3000]
    labels = np.repeat([1, 0, 1, 0, 0], counts)
    odds = rng.normal(np.repeat([3.0, 3.0, -1.5, -1.7, -6], counts), 0.3)
    threshold, _ = search_threshold(labels, expit(odds), "lbfgs", beta=beta)
    width = odds.std() / labels.sum() ** (1 / 3) / 2

    def smoothed(cut):
        decided = expit((odds - cut) / width)
        return (1 + beta**2) * decided[labels == 1].sum() / (beta**2 * labels.sum() + decided.sum())

    assert smoothed(logit(threshold)) >= max(smoothed(cut) for cut in np.linspace(-8, 5, 300)) - 1e-6


@pytest.mark.parametrize("beta", BETAS)
def test_the_plug_in_threshold_of_true_probabilities_is_that_of_the_closed_form(beta):
    labels, scores = probabilities(200_000)
    threshold, actual = search_threshold(labels, scores, "plug_in", beta=beta)
    assert threshold == pytest.approx(best_for_even_probabilities(beta), rel=0.02)
    assert threshold == pytest.approx(actual / (1 + beta**2), rel=0.02)


def test_the_plug_in_threshold_sees_through_distorted_probabilities():
    labels, scores = probabilities(5000)
    plain, _ = search_threshold(labels, scores, "plug_in")
    distorted, _ = search_threshold(labels, expit(0.5 * logit(scores) - 3), "plug_in")
    assert logit(distorted) == pytest.approx(0.5 * logit(plain) - 3, abs=1e-3)


def test_scores_that_say_the_contrary_decide_all_photos_by_plug_in():
    labels, scores = probabilities(500)
    assert search_threshold(1 - labels, scores, "plug_in")[0] == 0


@pytest.mark.parametrize("positives", [2, 300])
def test_platts_sigmoid_is_the_logistic_regression_on_his_targets(positives):
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 0], [positives, 600])
    odds = rng.normal(2.0 * labels - 3, 1.5)
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / 602)
    twice = np.repeat([1, 0], len(labels))
    regression = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    regression.fit(np.tile(odds, 2)[:, None], twice, sample_weight=np.append(targets, 1 - targets))
    assert fit_platt(labels, odds) == pytest.approx((regression.coef_.item(), regression.intercept_.item()), abs=1e-4)


@given(labelled_scores(), st.sampled_from(BETAS))
def test_the_shrunk_threshold_goes_from_exact_to_plug_in(drawn, beta):
    labels, scores = drawn
    exact, plug_in = (search_threshold(labels, scores, method, beta=beta)[0] for method in ("exact", "plug_in"))

    def shrunk(shrink):
        return search_threshold(labels, scores, "shrunk", shrink=shrink, beta=beta)[0]

    tolerance = 2e-6  # probabilities nearer to 0 or 1 than 1e-6 are clipped
    assert min(exact, plug_in) - tolerance <= shrunk(5) <= max(exact, plug_in) + tolerance
    assert shrunk(1e-9) == pytest.approx(exact, abs=tolerance)
    assert shrunk(1e12) == pytest.approx(plug_in, abs=tolerance)


@pytest.mark.parametrize("times", [1, 5, 25])
def test_the_more_positives_the_nearer_the_shrunk_threshold_is_to_exact(times):
    labels, scores = (np.tile(column, times) for column in probabilities(60))
    exact, plug_in, shrunk = (
        logit(search_threshold(labels, scores, method, shrink=30)[0]) for method in ("exact", "plug_in", "shrunk")
    )
    assert abs(exact - plug_in) > 0.1
    assert (shrunk - plug_in) / (exact - plug_in) == pytest.approx(labels.sum() / (labels.sum() + 30))


@given(labelled_scores(), st.integers(1, 6), st.sampled_from(BETAS))
def test_the_bootstrap_is_the_median_over_literal_resamples(drawn, resamples, beta):
    labels, scores = drawn
    generator, actual = np.random.default_rng(7), []
    for _ in range(resamples if 0 < labels.sum() < len(labels) and np.ptp(log_odds(scores)) > 0 else 0):
        kinds = [np.flatnonzero(labels == kind) for kind in (1, 0)]
        photos = np.concatenate([generator.choice(kind, len(kind)) for kind in kinds])
        actual.append(best_threshold(labels[photos], scores[photos], beta)[0])
    expected = np.median(actual) if actual else best_threshold(labels, scores, beta)[0]
    assert search_threshold(labels, scores, "bootstrap", resamples=resamples, seed=7, beta=beta)[0] == expected


def test_another_seed_draws_other_resamples():
    labels, scores = probabilities(100)
    actual = [search_threshold(labels, scores, "bootstrap", resamples=1, seed=seed)[0] for seed in (0, 0, 1)]
    assert actual[0] == actual[1] != actual[2]


def test_a_threshold_between_neighbouring_floats_parts_them():
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    assert apply_threshold(np.array([low, high]), (float(low) + float(high)) / 2).tolist() == [0, 1]


def test_each_stackers_threshold_is_that_of_its_folds_photos():
    labels, scores = probabilities(300)
    folds = np.arange(300) % 3
    scores = np.where(folds == 1, scores**3, scores)
    found, reached = search_thresholds(labels, scores, folds, Threshold(by="fold", method="greedy"))
    decided = np.empty(300)
    for fold, threshold in enumerate(found):
        inside = folds == fold
        f_betas = [fbeta_score(labels[inside], scores[inside] >= cut, beta=2) for cut in np.arange(101) / 100]
        decided[inside] = scores[inside] >= threshold
        assert fbeta_score(labels[inside], decided[inside], beta=2) == pytest.approx(max(f_betas))
    assert len(set(found)) > 1
    assert reached == pytest.approx(fbeta_score(labels, decided, beta=2))
    one, _ = search_thresholds(labels, scores, folds, Threshold(method="exact"))
    assert one == best_threshold(labels, scores)[0]


def test_an_unknown_method_is_refused():
    with pytest.raises(InputError, match="found 'random', expected one of greedy, exact, lbfgs, plug_in"):
        search_threshold(np.array([0, 1]), np.array([0.1, 0.2]), "random")


def test_certainty_begins_at_the_lowest_score_of_enough_precision():
    random = np.random.default_rng(3)
    for _ in range(50):
        scores = random.integers(0, 20, 60) / 20  # many ties
        labels = (random.random(60) < scores).astype(np.uint8)
        chosen = [
            cut for cut in np.unique(scores) if (scores >= cut).sum() >= 10 and labels[scores >= cut].mean() >= 0.7
        ]
        assert precision_threshold(labels, scores, 0.7) == (min(chosen) if chosen else None)


def test_a_few_photos_are_no_precision():
    assert precision_threshold(np.ones(9, dtype=np.uint8), np.linspace(0, 1, 9), 0.5) is None
    assert precision_threshold(np.ones(10, dtype=np.uint8), np.linspace(0, 1, 10), 0.5) == 0
