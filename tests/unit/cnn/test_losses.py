"""Losses: their values are those of others' implementations, and no logit is too extreme for their gradients."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from timm.loss import AsymmetricLossMultiLabel
from torchvision.ops import sigmoid_focal_loss

from stylevote.cnn.augmentation import mix
from stylevote.cnn.losses import asymmetric, bce, focal, weighted_bce
from stylevote.cnn.unknown_labels import known_loss, known_share

PHOTOS, LABELS = 40, 3
LOSSES = {
    "bce": (bce, {}),
    "weighted_bce": (weighted_bce, {}),
    "weighted_bce of half power": (weighted_bce, {"power": 0.5}),
    "focal": (focal, {}),
    "focal without alpha": (focal, {"gamma": 0.5, "alpha": None}),
    "asymmetric": (asymmetric, {}),
    "asymmetric without powers": (asymmetric, {"gamma_neg": 0, "gamma_pos": 0, "clip": 0.1}),
    "asymmetric of small powers": (asymmetric, {"gamma_neg": 0.5, "gamma_pos": 0.1, "clip": 0}),
}


@pytest.fixture
def batch():
    """Logits and targets of 40 photos and 3 labels."""
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(PHOTOS, LABELS, generator=generator)
    return logits, (torch.rand(PHOTOS, LABELS, generator=generator) < 0.3).float()


def made(module, parameters, positives=(30.0, 2.0, 500.0), photos=1000):
    return module.make_loss(torch.tensor(positives), photos, **parameters)


def weighted_log_loss(logits, targets, weights):
    """Scikit-learn's log loss of each weighted photo and label, as their plain mean."""
    probabilities = logits.double().sigmoid().numpy().ravel()
    total = log_loss(targets.numpy().ravel(), probabilities, sample_weight=weights.ravel(), normalize=False)
    return total / weights.size


def test_bce_is_the_mean_log_loss(batch):
    assert made(bce, {})(*batch).item() == pytest.approx(weighted_log_loss(*batch, np.ones((PHOTOS, LABELS))), rel=1e-5)


@pytest.mark.parametrize(
    ("parameters", "positive", "negative"),
    [
        # 1000 photos: 200, 20, 900 and 500 of them positive.
        ({"cap": 100.0}, [4, 49, 1, 1], [1, 1, 9, 1]),
        ({"cap": 6.0}, [4, 6, 1, 1], [1, 1, 6, 1]),
        ({"power": 0.5}, [2, 7, 1, 1], [1, 1, 3, 1]),
        ({"power": 0}, [1, 1, 1, 1], [1, 1, 1, 1]),
    ],
)
def test_weighted_bce_weighs_the_rarer_side(parameters, positive, negative):
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(PHOTOS, 4, generator=generator)
    targets = (torch.rand(PHOTOS, 4, generator=generator) < 0.5).float()
    loss = made(weighted_bce, parameters, positives=(200.0, 20.0, 900.0, 500.0))(logits, targets)
    weights = np.where(targets.numpy() > 0, np.array(positive, dtype=float), np.array(negative, dtype=float))
    assert loss.item() == pytest.approx(weighted_log_loss(logits, targets, weights), rel=1e-5)


def test_both_sides_of_a_label_weigh_the_same_in_sum():
    # 5 positives among 100: undecided about all photos, the loss pulls neither way.
    logits, targets = torch.zeros(100, 1, requires_grad=True), torch.zeros(100, 1)
    targets[:5] = 1
    made(weighted_bce, {}, positives=(5.0,), photos=100)(logits, targets).backward()
    assert logits.grad.sum().item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("positives", "weight"), [(0.0, (50, 1)), (1000.0, (1, 50))])
def test_a_side_without_photos_has_the_largest_weight(positives, weight):
    loss = made(weighted_bce, {"cap": 50.0}, positives=(positives,))
    for target, expected in zip((1.0, 0.0), weight, strict=True):
        value = loss(torch.zeros(1, 1), torch.full((1, 1), target)).item()
        assert value == pytest.approx(expected * np.log(2), rel=1e-6)


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.25), (0.5, 0.9), (0.0, 0.25), (2.0, None), (5.0, None)])
def test_focal_is_torchvisions(batch, gamma, alpha):
    expected = sigmoid_focal_loss(*batch, alpha=-1 if alpha is None else alpha, gamma=gamma, reduction="mean")
    assert made(focal, {"gamma": gamma, "alpha": alpha})(*batch).item() == pytest.approx(expected.item(), rel=1e-4)


def test_focal_without_discount_is_a_weighted_log_loss(batch):
    weights = np.where(batch[1].numpy() > 0, 0.25, 0.75)
    value = made(focal, {"gamma": 0, "alpha": 0.25})(*batch).item()
    assert value == pytest.approx(weighted_log_loss(*batch, weights), rel=1e-5)


def test_focal_discounts_by_the_paper_s_figures():
    # Lin et al. 2017, 3.2: with gamma 2, p_t = 0.9 counts 100 times less than in cross-entropy, 0.5 4 times less.
    plain, focused, truth = made(bce, {}), made(focal, {"gamma": 2, "alpha": None}), torch.ones(1, 1)
    for probability, times in [(0.9, 100), (0.5, 4)]:
        logit = torch.tensor([[probability]]).logit()
        assert plain(logit, truth).item() / focused(logit, truth).item() == pytest.approx(times, rel=1e-3)


@pytest.mark.parametrize(
    ("gamma_neg", "gamma_pos", "clip"), [(4, 1, 0.05), (4, 0, 0.2), (0, 0, 0.05), (2.5, 1.5, 0), (1, 4, 0.3)]
)
def test_asymmetric_is_timms(batch, gamma_neg, gamma_pos, clip):
    parameters = {"gamma_neg": gamma_neg, "gamma_pos": gamma_pos, "clip": clip}
    expected = AsymmetricLossMultiLabel(**parameters)(*batch) / LABELS  # it averages over photos and sums over labels
    assert made(asymmetric, parameters)(*batch).item() == pytest.approx(expected.item(), rel=1e-4)


def test_asymmetric_without_asymmetry_is_the_log_loss(batch):
    value = made(asymmetric, {"gamma_neg": 0, "gamma_pos": 0, "clip": 0})(*batch).item()
    assert value == pytest.approx(weighted_log_loss(*batch, np.ones((PHOTOS, LABELS))), rel=1e-5)


def test_asymmetric_defaults_are_timms(batch):
    expected = AsymmetricLossMultiLabel()(*batch) / LABELS
    assert made(asymmetric, {})(*batch).item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_have_finite_gradients(name):
    extremes = torch.tensor([-1000.0, -100, -30, -17, 0, 17, 30, 100, 1000])[:, None].repeat(2, LABELS).requires_grad_()
    targets = torch.cat([torch.zeros(9, LABELS), torch.ones(9, LABELS)])
    loss = made(*LOSSES[name], positives=(0.0, 30.0, 1000.0))(extremes, targets)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(extremes.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_positive_that_is_surely_missed_is_pulled_up(name):
    logits = torch.full((1, LABELS), -100.0, requires_grad=True)
    made(*LOSSES[name])(logits, torch.ones(1, LABELS)).backward()
    assert (logits.grad < -0.05).all()


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_is_small_when_all_is_right(name, batch):
    _, targets = batch
    loss = made(*LOSSES[name])
    assert 0 <= loss(20 * (2 * targets - 1), targets).item() < 1e-4 < loss(20 * (1 - 2 * targets), targets).item()


@pytest.mark.parametrize("name", LOSSES)
def test_size_of_the_batch_does_not_matter(name, batch):
    logits, targets = batch
    loss = made(*LOSSES[name])
    assert loss(logits.repeat(3, 1), targets.repeat(3, 1)).item() == pytest.approx(loss(*batch).item(), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_a_soft_target_counts_as_a_share_of_a_positive(name, batch):
    logits, _ = batch
    loss, total = made(*LOSSES[name]), 0
    shares = torch.tensor([0.3, 0.8, 0.05])
    # The expected loss if each target were drawn with its share as probability.
    for hard in itertools.product((0.0, 1.0), repeat=LABELS):
        chance = torch.where(torch.tensor(hard) > 0, shares, 1 - shares).prod().item()
        total += chance * loss(logits, torch.tensor(hard).expand_as(logits)).item()
    assert loss(logits, shares.expand_as(logits)).item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_unknown_targets_cost_nothing_and_the_mean_is_that_of_the_others(name, batch):
    logits, targets = batch[0].requires_grad_(), batch[1].clone()
    positives = (30.0, 2.0, 500.0)
    unknown = torch.rand(PHOTOS, LABELS, generator=torch.Generator().manual_seed(3)) < 0.4
    targets[unknown] = torch.nan
    loss = known_loss(made(*LOSSES[name]), logits, targets)
    loss.backward()
    each = [
        made(*LOSSES[name], positives=positives[k : k + 1])(logits[i : i + 1, k], targets[i : i + 1, k])
        for i, k in (~unknown).nonzero().tolist()
    ]
    assert loss.item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-5)
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).float().mean() > 0.5


def test_a_batch_without_any_known_label_costs_nothing():
    logits = torch.randn(4, 3, requires_grad=True)
    loss = known_loss(made(bce, {}), logits, torch.full((4, 3), torch.nan))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_a_mixed_label_is_unknown_if_it_is_for_either_photo():
    targets = torch.tensor([[1, torch.nan], [0, 1], [torch.nan, 0], [1, 1]])
    mixed = torch.tensor(
        [[0, 0, 1, 1, 0.3], [0, 0, 1, 1, 0.0], [0.2, 0.2, 0, 0, 1], [0, 0, 1, 1, 0.5], [0, 0, 0, 0, 0]]
    )
    _, soft = mix(torch.rand(5, 3, 8, 8), torch.cat([targets, targets[:1]]), {"mixed": mixed})
    assert soft.isnan().tolist() == [[False, True], [True, False], [True, False], [False, True]]
    assert known_share(targets, mixed=True).item() == 0.5
    assert known_share(targets, mixed=False).item() == 0.75
