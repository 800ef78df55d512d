"""Heads of probes: equal to scikit-learn's regressions and choices, whatever the rows, the memory or rare labels."""

import sys

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from stylevote.cnn.network import make_head
from stylevote.probe.features import Features
from stylevote.probe.heads import fit_heads
from stylevote.probe.logits import head_logits
from stylevote.probe.mlp import train_mlp
from stylevote.probe.rows import Rows
from stylevote.probe.training import Training

FOLDS = 4
PENALTIES = [0.003, 0.03, 0.3, 3]
LOSSES = [{"bce": {}}, {"weighted_bce": {"power": 0.5, "cap": 2.5}}]


def draw(photos=240, width=12, labels=3):
    """Features (correlated, with far means and unequal deviations), 0/1 targets and folds."""
    generator = np.random.default_rng(1)
    hidden = generator.standard_normal((photos, 4))
    values = hidden @ generator.standard_normal((4, width)) + 0.5 * generator.standard_normal((photos, width))
    values = (values * np.geomspace(0.1, 5, width) + np.linspace(-3, 20, width)).astype(np.float16)
    odds = 2 * hidden[:, :labels] + generator.logistic(size=(photos, labels))
    return values, (odds > np.linspace(0, 3, labels)).astype(np.float32), generator.integers(FOLDS, size=photos)


def setting(**keys):
    probe = {"whiten": keys.pop("whiten", False), "penalties": keys.pop("penalties", PENALTIES)}
    return {"loss": {"bce": {}}, "hidden_units": [], "probe": probe, "batch": 64, "seed": 0} | keys


def without(folds):
    return [np.flatnonzero(folds != fold) for fold in range(FOLDS)]


def fit(values, targets, rows, folds, keys, **options):
    return list(fit_heads(Features([values]), targets, rows, folds, keys, **options))


def class_weights(loss, targets):
    """A weight per photo: the commoner class has 1, the rarer one more (the report of the second team)."""
    share = targets.mean()
    if "bce" in loss or share in {0, 1}:
        return np.ones(len(targets))
    power, cap = loss["weighted_bce"]["power"], loss["weighted_bce"]["cap"]
    rarer = min(max(share, 1 - share) / min(share, 1 - share), np.inf) ** power
    return np.where(targets == (share < 0.5), min(rarer, cap), 1)


def sklearn_scores(values, targets, rows, penalty, loss, whiten=False):
    """Probabilities of all photos by scikit-learn, trained on ``rows``; those of unknown label only set the scale."""
    scaler = StandardScaler().fit(values[rows].astype(float))
    scaler.scale_ = np.maximum(scaler.scale_, np.median(scaler.scale_))
    inputs = scaler.transform(values.astype(float))
    if whiten:
        variances, directions = np.linalg.eigh(np.cov(inputs[rows].T, bias=True))
        inputs = inputs @ directions / np.sqrt(variances + 0.01)
    rows = rows[~np.isnan(targets[rows])]
    model = LogisticRegression(C=1 / (penalty * len(rows)), tol=1e-10, max_iter=10_000)
    model.fit(inputs[rows], targets[rows], sample_weight=class_weights(loss, targets[rows]))
    return model.predict_proba(inputs)[:, 1]


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("width", [12, 300])
def test_heads_are_scikit_learns(loss, whiten, width):
    values, targets, folds = draw(width=width)
    generator = np.random.default_rng(2)
    rows = [generator.choice(own, 250) for own in without(folds)]  # some twice, some never
    keys = setting(loss=loss, whiten=whiten, penalties=[0.03])
    for own, head in zip(rows, fit(values, targets, rows, folds, keys), strict=True):
        scores = expit(head_logits(head.state, values.astype(np.float32)))
        losses = []
        for label, truth in enumerate(targets.T):
            expected = sklearn_scores(values, truth, own, 0.03, loss, whiten)
            np.testing.assert_allclose(scores[:, label], expected, atol=1e-4)
            weights = class_weights(loss, truth[own])
            losses.append(log_loss(truth[own], expected[own], sample_weight=weights) * weights.mean())
        assert head.train_loss == pytest.approx(np.mean(losses), rel=1e-4)


def repeated(folds):
    """Each fold's rows, of which other ones count twice in each."""
    return [np.sort(np.concatenate([own, own[fold::3]])) for fold, own in enumerate(without(folds))]


def known_rows(truth, own):
    """Return the rows of a label's known photos."""
    return own[~np.isnan(truth[own])]


def penalties_by_sklearn(values, targets, own, folds, penalties, loss):
    """Return each label's penalty: the best by scikit-learn's losses for the known photos of the other folds."""
    losses = np.zeros((targets.shape[1], len(penalties)))
    for label, truth in enumerate(targets.T):
        known = known_rows(truth, own)
        weights = class_weights(loss, truth[known])
        for number, penalty in enumerate(penalties):
            scores = np.empty(len(known))
            for other in np.unique(folds[own]):
                inner = sklearn_scores(values, truth, own[folds[own] != other], penalty, loss)
                scores[folds[known] == other] = inner[known[folds[known] == other]]
            losses[label, number] = log_loss(truth[known], scores, sample_weight=weights) * weights.mean()
    return [penalties[number] for number in (losses + losses.mean(axis=0)).argmin(axis=1)]


@pytest.mark.parametrize(
    ("loss", "rows_of"), [(LOSSES[0], without), pytest.param(LOSSES[1], repeated, marks=pytest.mark.slow)]
)
def test_the_chosen_penalty_is_the_best_of_scikit_learn(loss, rows_of):
    values, targets, folds = draw(width=30)
    heads = fit(values, targets, rows_of(folds), folds, setting(loss=loss))
    for own, head in zip(rows_of(folds), heads, strict=True):
        best = penalties_by_sklearn(values, targets, own, folds, PENALTIES, loss)
        assert head.penalties.tolist() == best
        scores = expit(head_logits(head.state, values.astype(np.float32)))
        for label, truth in enumerate(targets.T):
            expected = sklearn_scores(values, truth, own, best[label], loss)
            np.testing.assert_allclose(scores[:, label], expected, atol=1e-4)


def test_the_judged_fold_has_no_part():
    values, targets, folds = draw()
    changed, other = values.copy(), targets.copy()
    changed[folds == 1] *= 2
    other[folds == 1] = 1
    before = fit(values, targets, without(folds), folds, setting())
    after = fit(changed, other, without(folds), folds, setting())
    assert (before[1].penalties == after[1].penalties).all()
    photos = values.astype(np.float32)
    np.testing.assert_allclose(head_logits(before[1].state, photos), head_logits(after[1].state, photos), atol=1e-3)


@pytest.mark.parametrize("units", [[], [8]])
def test_features_read_from_files_give_the_same_heads(units):
    values, targets, folds = draw()
    keys = setting(hidden_units=units)
    kept = fit(values, targets, without(folds), folds, keys)
    streamed = fit(values, targets, without(folds), folds, keys, memory=0)
    for left, right in zip(kept, streamed, strict=True):
        assert left.state.keys() == right.state.keys()
        assert all(np.array_equal(left.state[name], right.state[name]) for name in left.state)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("units", [[], [8]])
def test_labels_that_few_photos_have(loss, units):
    values, targets, folds = draw()
    folds = np.arange(len(folds)) % FOLDS
    targets = np.zeros((len(values), 5), np.float32)
    targets[[0, 4, 8, 12], 0] = 1  # all in fold 0
    targets[[0, 1, 2, 3], 1] = 1  # one in each fold
    targets[:, 2] = 1
    targets[5:, 3] = 1
    heads = fit(values, targets, without(folds), folds, setting(loss=loss, hidden_units=units))
    scores = np.array([expit(head_logits(head.state, values.astype(np.float32))) for head in heads])
    assert np.isfinite(scores).all()
    if not units:
        assert (scores[:, :, 2] > 0.99).all()
        assert (scores[:, :, 4] < 0.01).all()
        assert (scores[0, :, 0] < 0.01).all()  # no positive trained it


def test_equal_photos_get_the_frequency_of_the_label():
    _, targets, folds = draw()
    values = np.full((len(targets), 5), 7.1, np.float16)
    for fold, head in enumerate(fit(values, targets, without(folds), folds, setting())):
        assert (head.state["0.weight"] == 0).all()
        scores = expit(head_logits(head.state, values[:1].astype(np.float32)))[0]
        np.testing.assert_allclose(scores, targets[folds != fold].mean(axis=0), atol=1e-4)
        assert (head.penalties == max(PENALTIES)).all()


def test_two_folds_leave_nothing_to_choose_with():
    values, targets, folds = draw()
    rows = [np.flatnonzero(folds % 2 != fold) for fold in range(2)]
    for own, head in zip(rows, fit(values, targets, rows, folds % 2, setting()), strict=True):
        assert set(head.penalties) <= set(PENALTIES)
        expected = sklearn_scores(values, targets[:, 0], own, head.penalties[0], {"bce": {}})
        np.testing.assert_allclose(expit(head_logits(head.state, values.astype(np.float32)))[:, 0], expected, atol=1e-4)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_an_mlp_is_the_networks_head(batch_norm):
    values, targets, folds = draw()
    keys = setting(hidden_units=[16, 8], batch_norm=batch_norm, batch=32)
    heads = fit(values, targets, without(folds), folds, keys)
    for fold, head in enumerate(heads):
        network = make_head(values.shape[1], [16, 8], targets.shape[1], batch_norm=batch_norm).eval()
        network.load_state_dict({name: torch.from_numpy(np.array(part)) for name, part in head.state.items()})
        photos = values.astype(np.float32)
        logits = network(torch.from_numpy(photos)).detach().numpy()
        np.testing.assert_allclose(head_logits(head.state, photos), logits, atol=1e-4)
        trained = targets[folds != fold]
        assert head.train_loss == pytest.approx(
            log_loss(trained.ravel(), expit(logits[folds != fold]).ravel()), rel=1e-4
        )
        # It learns something that other photos have, too.
        judged = targets[folds == fold]
        constant = np.broadcast_to(trained.mean(axis=0), judged.shape)
        assert log_loss(judged.ravel(), expit(logits[folds == fold]).ravel()) < log_loss(
            judged.ravel(), constant.ravel()
        )


def test_an_mlp_trains_as_long_as_inner_folds_gain():
    generator = np.random.default_rng(3)
    values = generator.standard_normal((90, 20)).astype(np.float16)
    folds = np.arange(len(values)) % 3
    rows = [np.flatnonzero(folds != fold) for fold in range(3)]
    noise = generator.integers(2, size=(len(values), 2)).astype(np.float32)
    signal = (values[:, :2] > 0).astype(np.float32)
    keys = setting(hidden_units=[64], batch=8)
    epochs = [np.mean([head.epochs for head in fit(values, targets, rows, folds, keys)]) for targets in (noise, signal)]
    assert epochs[0] < 10 < epochs[1]


def test_regressions_need_no_torch(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("stylevote.probe")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would fail
    from stylevote.probe.heads import fit_heads as fit_again

    values, targets, folds = draw()
    assert len(list(fit_again(Features([values]), targets, without(folds), folds, setting()))) == FOLDS


def partly_unknown(targets):
    """Return the targets, of which a third is unknown, more often of positives."""
    random = np.random.default_rng(8).random(targets.shape)
    return np.where(random < np.where(targets == 1, 0.5, 0.25), np.nan, targets).astype(np.float32)


@pytest.mark.parametrize("loss", LOSSES)
def test_unknown_labels_count_neither_way(loss):
    """Heads and penalties are scikit-learn's for each label's known photos."""
    values, targets, folds = draw(photos=160)
    targets = partly_unknown(targets)
    rows, penalties = repeated(folds), [0.03, 3]
    heads = fit(values, targets, rows, folds, setting(loss=loss, penalties=penalties))
    for own, head in zip(rows, heads, strict=True):
        best, train_losses = penalties_by_sklearn(values, targets, own, folds, penalties, loss), []
        assert head.penalties.tolist() == best
        scores = expit(head_logits(head.state, values.astype(np.float32)))
        for label, truth in enumerate(targets.T):
            expected = sklearn_scores(values, truth, own, best[label], loss)
            np.testing.assert_allclose(scores[:, label], expected, atol=1e-4)
            known = known_rows(truth, own)
            weights = class_weights(loss, truth[known])
            train_losses.append(log_loss(truth[known], expected[known], sample_weight=weights, normalize=False))
        assert head.train_loss == pytest.approx(sum(train_losses) / (~np.isnan(targets[own])).sum(), rel=1e-4)


def test_an_mlp_learns_nothing_from_photos_without_a_known_label():
    """Each photo has a copy without labels, so that the features' scales are the same; an epoch is one batch."""
    values, targets, _ = draw(photos=60)
    keys = setting(hidden_units=[4], batch_norm=False, batch=1000, loss=LOSSES[1])

    def train(values, targets, known):
        everything = np.arange(len(values))
        rows, counts = Rows(Features([values]), everything), np.ones(len(values), np.float32)
        training = Training(rows, everything, counts, targets, keys["loss"], known)
        return train_mlp(training, keys, "all", 3, [training])

    both, copies = np.concatenate([values, values]), np.concatenate([targets, np.zeros_like(targets)])
    state, losses = train(both, copies, np.arange(120)[:, None] < np.full(3, 60))
    expected, expected_losses = train(values, targets, None)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    for name, weights in expected.items():
        np.testing.assert_allclose(state[name], weights, atol=1e-3)
