"""Fit the heads of a probe, one per fold, with a penalty per label that the fold's training photos choose."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stylevote.probe.logistic import Training, fit_regressions, log_losses
from stylevote.probe.rows import Features, Rows

GOOD = 1e-6  # on the losses that only choose a penalty; also the difference at which two penalties are as good


@dataclass(frozen=True)
class Head:
    """A fold's head.

    Attributes:
        state: the head's weights by their names in `stylevote.cnn.network.make_head`, on raw features.
        penalties: chosen for each label, shape (labels,); nan for an MLP.
        epochs: of an MLP's training; 0 for logistic regressions.
        train_loss: mean loss of the training rows, without penalty.
    """

    state: dict[str, np.ndarray]
    penalties: np.ndarray
    epochs: int
    train_loss: float


def fit_heads(
    features: Features,
    targets: np.ndarray,
    training_rows: Sequence[np.ndarray],
    fold_of: np.ndarray,
    setting: dict[str, Any],
) -> Iterator[Head]:
    """Yield the head of each fold, fitted to the fold's training rows.

    Without hidden layers, it is a logistic regression per label (`stylevote.probe.logistic.fit_regressions`). Each label
    has the penalty with the lowest loss of the training rows when regressions judge a fold that did not train them.
    The strongest of equally good ones is taken. Losses have class weights if the run's loss has them.

    Args:
        features: of all rows.
        targets: 0/1, float32, shape (rows, labels).
        training_rows: numbers of each fold's training rows; a row that is named again counts again.
        fold_of: fold of each row (a recoloured copy's is that of its photo), shape (rows,).
        setting: of the run: ``loss``, ``probe`` (``whiten``, ``penalties``), ``hidden_units``.
    """
    used = np.unique(np.concatenate(list(training_rows)))
    used = used[np.argsort(fold_of[used], kind="stable")]  # the rows of a fold are a block in memory
    rows, fold_of = Rows(features, used), fold_of[used]
    counts = [np.bincount(own, minlength=len(targets))[used].astype(np.float32) for own in training_rows]
    all_rows = Training(rows, np.arange(len(used)), counts[0], targets[used].astype(np.float32), setting["loss"])
    penalties = np.unique(np.array(setting["probe"]["penalties"], float))[::-1]
    whiten, labels = setting["probe"]["whiten"], targets.shape[1]
    chosen = choose_penalties(all_rows, counts, fold_of, penalties, whiten=whiten)
    for fold, own in enumerate(counts):
        training = only(all_rows, own)
        weights, intercepts = fit_regressions(training, np.arange(labels), chosen[fold], whiten=whiten)
        loss = float(judge(training, weights, intercepts, np.arange(labels), training.class_weights()).mean())
        bias = intercepts - weights.astype(np.float64) @ rows.center
        state = {"0.weight": weights, "0.bias": bias.astype(np.float32)}
        yield Head(state, chosen[fold], 0, loss / float(own.sum()))


def only(training: Training, counts: np.ndarray) -> Training:
    """Return the rows of ``training`` that ``counts`` (shape (rows,)) has, as often as it says."""
    here = np.flatnonzero(counts)
    return replace(training, positions=training.positions[here], counts=counts[here], targets=training.targets[here])


def choose_penalties(
    rows: Training, counts: Sequence[np.ndarray], fold_of: np.ndarray, penalties: np.ndarray, *, whiten: bool
) -> np.ndarray:
    """Return the chosen penalty of each fold and label, shape (folds, labels).

    The photos of fold a are judged by regressions without a and b, for all b. With two folds, nothing remains to train
    them, and all labels get the middle penalty.

    Args:
        rows: all rows.
        counts: of each fold's training rows, each of shape (rows,).
        fold_of: fold of each row.
        penalties: the strongest first, shape (penalties,).
        whiten: see `stylevote.probe.logistic.find_basis`.
    """
    folds, labels = range(len(counts)), rows.targets.shape[1]
    if len(penalties) == 1 or len(folds) < 3:
        return np.full((len(folds), labels), penalties[len(penalties) // 2])
    own_label, own_penalty = np.repeat(np.arange(labels), len(penalties)), np.tile(penalties, labels)
    losses = np.zeros((len(folds), len(own_label)))
    # Folds a without b, and b without a, train the same if no recipe repeats photos.
    judged: dict[bytes, list[tuple[int, int]]] = {}
    for fold in folds:
        for inner in folds:
            if inner != fold:
                key = np.where(fold_of != inner, counts[fold], 0).tobytes()
                judged.setdefault(key, []).append((fold, inner))
    for pairs in judged.values():
        fold, inner = pairs[0]
        training = only(rows, np.where(fold_of != inner, counts[fold], 0))
        fitted = fit_regressions(training, own_label, own_penalty, whiten=whiten, tolerance=GOOD)
        for fold, inner in pairs:
            held_out = only(rows, np.where(fold_of == inner, counts[fold], 0))
            class_weights = only(rows, counts[fold]).class_weights()[:, own_label]
            losses[fold] += judge(held_out, *fitted, own_label, class_weights)
    losses = losses.reshape(len(folds), labels, len(penalties)) / np.array([own.sum() for own in counts])[:, None, None]
    good = losses <= losses.min(axis=2, keepdims=True) + GOOD
    return penalties[good.argmax(axis=2)]


def judge(
    held_out: Training, weights: np.ndarray, intercepts: np.ndarray, labels: np.ndarray, class_weights: np.ndarray
) -> np.ndarray:
    """Return the sum of the losses of rows by some regressions, shape (regressions,).

    Args:
        held_out: the rows.
        weights: see `fit_regressions`.
        intercepts: see `fit_regressions`.
        labels: number of each regression's label.
        class_weights: of negatives and positives, shape (2, regressions).
    """
    total = np.zeros(len(labels))
    for part, block in held_out.rows.blocks(held_out.positions):
        targets = held_out.targets[part][:, labels]
        losses, _ = log_losses(block @ weights.T + intercepts.astype(np.float32), targets)
        total += held_out.counts[part] @ (losses * np.where(targets > 0, class_weights[1], class_weights[0]))
    return total


def head_logits(state: dict[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """Return the logits of a head without hidden layers, float32, shape (photos, labels).

    Args:
        state: of the head.
        features: float32, shape (photos, width).
    """
    return features @ state["0.weight"].T + state["0.bias"]
