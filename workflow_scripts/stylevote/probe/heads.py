"""Fit the heads of a probe, one per fold. The fold's training photos choose penalties or the number of epochs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylevote.probe.features import Features
from stylevote.probe.logistic import fit_regressions
from stylevote.probe.logits import mean_loss, sum_losses
from stylevote.probe.rows import MEMORY, Rows
from stylevote.probe.training import Training

GOOD = 1e-6  # tolerance of the losses that choose a penalty; penalties that differ less are equally good
FEW_EPOCHS = 10  # of an MLP if there are too few folds to choose


@dataclass(frozen=True)
class Head:
    """A fold's head.

    Attributes:
        state: the head's weights by their names in `stylevote.cnn.network.make_head`. They act on raw features.
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
    memory: int = MEMORY,
) -> Iterator[Head]:
    """Yield the head of each fold, fitted to the fold's training rows.

    Without hidden layers, it is a logistic regression per label (`stylevote.probe.logistic.fit_regressions`). The
    penalty of each label is chosen: other regressions, each trained without one of the fold's training folds, judge the
    rows of that fold. The label's own loss and the mean loss of all labels are added, because the choice for a label of
    a few photos would otherwise be a matter of chance. The penalty with the lowest sum is taken, and the strongest of
    equally good ones. With hidden layers, the number of epochs is chosen in the same way, for all labels together.

    Args:
        features: of all rows.
        targets: 0, 1 or NaN (unknown), float32, shape (rows, labels).
        training_rows: numbers of each fold's training rows; a row that is named again counts again.
        fold_of: fold of each row (a recoloured copy's is that of its photo), shape (rows,).
        setting: of the run: ``loss``, ``probe`` (``whiten``, ``penalties``), ``hidden_units``; for an MLP all of it.
        memory: most bytes of features in memory; larger ones are read for each pass.
    """
    used = np.unique(np.concatenate(list(training_rows)))
    used = used[np.argsort(fold_of[used], kind="stable")]  # the rows of a fold are a block in memory
    counts = [np.bincount(own, minlength=len(targets))[used].astype(np.float32) for own in training_rows]
    rows = Rows(features, used, memory)
    unknown = np.isnan(targets[used])
    everything = Training(
        rows,
        np.arange(len(used)),
        counts[0],
        np.where(unknown, 0, targets[used]).astype(np.float32),
        setting["loss"],
        known=~unknown if unknown.any() else None,
    )
    fit = fit_mlps if setting["hidden_units"] else fit_linear
    for head in fit(everything, counts, fold_of[used], setting):
        weight, bias = head.state["0.weight"], head.state["0.bias"].astype(np.float64)
        raw = {"0.bias": (bias - weight.astype(np.float64) @ rows.center).astype(np.float32)}
        yield Head(head.state | raw, head.penalties, head.epochs, head.train_loss)


def inner_fits(counts: Sequence[np.ndarray], fold_of: np.ndarray) -> Iterator[list[tuple[int, int]]]:
    """Yield the pairs (fold, other fold) that have equal training rows: those of the fold without the other fold.

    If a recipe repeats no photos, (a, b) and (b, a) are such a pair: one fit serves both.
    """
    equal: dict[bytes, list[tuple[int, int]]] = {}
    for fold, own in enumerate(counts):
        for other in range(len(counts)):
            remaining = np.where(fold_of != other, own, 0)
            if other != fold and remaining.any() and (own > remaining).any():
                equal.setdefault(remaining.tobytes(), []).append((fold, other))
    yield from equal.values()


def fit_linear(
    everything: Training, counts: Sequence[np.ndarray], fold_of: np.ndarray, setting: dict[str, Any]
) -> Iterator[Head]:
    """Yield each fold's logistic regressions; see `fit_heads`.

    Args:
        everything: all rows.
        counts: how often each fold's training has each row, each of shape (rows,).
        fold_of: fold of each row.
        setting: of the run.
    """
    penalties = np.unique(np.array(setting["probe"]["penalties"], float))[::-1]
    whiten, labels = setting["probe"]["whiten"], np.arange(everything.targets.shape[1])
    chosen = choose_penalties(everything, counts, fold_of, penalties, whiten=whiten)
    for own, strengths in zip(counts, chosen, strict=True):
        training = everything.only(own)
        weights, intercepts = fit_regressions(training, labels, strengths, whiten=whiten)
        state = {"0.weight": weights, "0.bias": intercepts}
        yield Head(state, strengths, 0, mean_loss(state, training))


def choose_penalties(
    everything: Training, counts: Sequence[np.ndarray], fold_of: np.ndarray, penalties: np.ndarray, *, whiten: bool
) -> np.ndarray:
    """Return the penalty of each fold and label, shape (folds, labels).

    With two folds, no photos remain to train what judges the others, and all labels get the middle penalty.

    Args:
        everything: all rows.
        counts: see `fit_linear`.
        fold_of: see `fit_linear`.
        penalties: the strongest first, shape (penalties,).
        whiten: see `stylevote.probe.logistic.find_basis`.
    """
    labels, fits = everything.targets.shape[1], list(inner_fits(counts, fold_of))
    if len(penalties) == 1 or not fits:
        return np.full((len(counts), labels), penalties[len(penalties) // 2])
    own_label, own_penalty = np.repeat(np.arange(labels), len(penalties)), np.tile(penalties, labels)
    of_folds = [everything.only(own) for own in counts]
    class_weights = [training.class_weights()[:, own_label] for training in of_folds]
    losses = np.zeros((len(counts), len(own_label)))
    for pairs in fits:
        fold, other = pairs[0]
        training = everything.only(np.where(fold_of != other, counts[fold], 0))
        weights, intercepts = fit_regressions(training, own_label, own_penalty, whiten=whiten, tolerance=GOOD)
        state = {"0.weight": weights, "0.bias": intercepts.astype(np.float32)}
        for fold, other in pairs:
            held_out = everything.only(np.where(fold_of == other, counts[fold], 0))
            losses[fold] += sum_losses(state, held_out, own_label, class_weights[fold])
    photos = np.array([training.photos() for training in of_folds])
    losses = losses.reshape(len(counts), labels, len(penalties)) / np.maximum(photos, 1)[:, :, None]
    losses += losses.mean(axis=1, keepdims=True)
    good = losses <= losses.min(axis=2, keepdims=True) + GOOD
    return penalties[good.argmax(axis=2)]


def fit_mlps(
    everything: Training, counts: Sequence[np.ndarray], fold_of: np.ndarray, setting: dict[str, Any]
) -> Iterator[Head]:
    """Yield each fold's MLP; see `fit_heads`. Arguments are those of `fit_linear`."""
    from stylevote.probe.mlp import MAX_EPOCHS, train_mlp  # noqa: PLC0415 (torch)

    best: list[list[int]] = [[] for _ in counts]
    for pairs in inner_fits(counts, fold_of):
        fold, other = pairs[0]
        training = everything.only(np.where(fold_of != other, counts[fold], 0))
        judges = [everything.only(np.where(fold_of == other, counts[fold], 0)) for fold, other in pairs]
        _, losses = train_mlp(training, setting, f"{fold} without {other}", MAX_EPOCHS, judges)
        for (fold, _), epoch in zip(pairs, losses.argmin(axis=0), strict=True):
            best[fold].append(int(epoch) + 1)
    for fold, own in enumerate(counts):
        epochs = round(np.mean(best[fold])) if best[fold] else FEW_EPOCHS
        training = everything.only(own)
        state, _ = train_mlp(training, setting, str(fold), epochs)
        yield Head(state, np.full(everything.targets.shape[1], np.nan), epochs, mean_loss(state, training))
